package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// module is the project's Go module.
const module = "github.com/sluice-dev/sluice"

// sampleImage is one image of the sample application.
type sampleImage struct {
	// repository and tag name the image within the registry.
	repository, tag string
	// directory is the program's, below test/sample.
	directory string
	// fault is what this version does wrong on purpose; see test/sample/internal/build.
	fault string
}

// sample is all of the sample application: versions 1 and 2 are right, 3 is wrong, 4 is slow under load.
func sample() []sampleImage {
	faults := map[string]string{"v3": "rounding", "v4": "contention"}
	var images []sampleImage
	for _, tag := range []string{"v1", "v2", "v3", "v4"} {
		images = append(images,
			sampleImage{repository: "shop/checkout-api", tag: tag, directory: "api", fault: faults[tag]},
			// The worker has no faults: one of the two images being wrong must be enough to stop a release.
			sampleImage{repository: "shop/checkout-worker", tag: tag, directory: "worker"},
		)
	}
	return append(images,
		sampleImage{repository: "shop/checkout-tests", tag: "v1", directory: "tests"},
		sampleImage{repository: "shop/checkout-scanner", tag: "v1", directory: "scanner"},
	)
}

func (i sampleImage) reference(registry string) string {
	return fmt.Sprintf("%s/%s:%s", registry, i.repository, i.tag)
}

func listSample(out io.Writer, registry string) error {
	for _, i := range sample() {
		if _, err := fmt.Fprintln(out, i.reference(registry)); err != nil {
			return err
		}
	}
	return nil
}

// pushSample builds every image and pushes it.
func pushSample(ctx context.Context, out io.Writer, registry, as string) (err error) {
	directory, err := os.MkdirTemp("", "sluice-images-")
	if err != nil {
		return fmt.Errorf("make a directory for binaries: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	for _, i := range sample() {
		binary := filepath.Join(directory, i.tag, i.directory)
		if err := i.build(ctx, binary); err != nil {
			return err
		}
		img, err := binaryImage(binary)
		if err != nil {
			return err
		}
		if err := pushAndPrint(ctx, out, img, i.reference(registry), i.reference(as)); err != nil {
			return err
		}
	}
	return nil
}

// build links the program with its version and fault: so each version is a binary, and a digest, of its own.
func (i sampleImage) build(ctx context.Context, binary string) error {
	variables := module + "/test/sample/internal/build"
	flags := []string{"-s", "-w", "-buildid=", "-X", variables + ".Version=" + i.tag}
	if i.fault != "" {
		flags = append(flags, "-X", variables+".Fault="+i.fault)
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", strings.Join(flags, " "), "-o", binary, module+"/test/sample/"+i.directory)
	// Whatever this program was built for, the images are for Linux, and static.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s %s: %w\n%s", i.directory, i.tag, err, output)
	}
	return nil
}
