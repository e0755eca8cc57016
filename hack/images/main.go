// Command images makes the container images that the project's clusters run, without a container engine:
// a static Go binary in one layer upon nothing, pushed with go-containerregistry. The same source gives
// the same digest.
//
//	images push -binary FILE -to REFERENCE       one image with that binary as its entrypoint
//	images base -to REFERENCE                    a base image for ko (KO_DEFAULTBASEIMAGE)
//	images sample -registry HOST [-as HOST]      build and push all images of test/sample
//	images list -registry HOST                   what the sample consists of
//
// Each pushed image is printed as REFERENCE@DIGEST. -as is the name under which the cluster knows the
// registry where that differs from the way to it: pushed to 127.0.0.1:5000, run as registry.sluice.test:5000.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// clusterRegistry is the registry's name within the clusters of hack/cluster.
const clusterRegistry = "registry.sluice.test:5000"

var errUsage = errors.New("usage: images push|base|sample|list FLAGS")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "push":
		binary := flags.String("binary", "", "a static Linux executable")
		to := flags.String("to", "", "reference to push to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return pushBinary(ctx, out, *binary, *to)
	case "base":
		to := flags.String("to", "", "reference to push to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return pushBase(ctx, out, *to)
	case "sample", "list":
		registry := flags.String("registry", "127.0.0.1:5000", "registry to push to")
		as := flags.String("as", clusterRegistry, "the registry's name in the cluster")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if args[0] == "list" {
			return listSample(out, *as)
		}
		return pushSample(ctx, out, *registry, *as)
	}
	return fmt.Errorf("%q: %w", args[0], errUsage)
}

func pushBinary(ctx context.Context, out io.Writer, binary, to string) error {
	img, err := binaryImage(binary)
	if err != nil {
		return err
	}
	return pushAndPrint(ctx, out, img, to, to)
}

func pushBase(ctx context.Context, out io.Writer, to string) error {
	img, err := baseImage()
	if err != nil {
		return err
	}
	return pushAndPrint(ctx, out, img, to, to)
}
