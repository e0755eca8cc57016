package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// nonRoot is the user and group of every image: the number that distroless images use.
	nonRoot = 65532
	// certificates is where Go programs look for authorities first.
	certificates = "etc/ssl/certs/ca-certificates.crt"
)

// created is the time of every file and image: a digest must depend on the content alone.
var created = time.Unix(0, 0).UTC()

// entry is a file, or a directory where its path ends in a slash.
type entry struct {
	path    string
	mode    int64
	owner   int
	content []byte
}

// skeleton is what programs expect to find in any image.
func skeleton() ([]entry, error) {
	entries := []entry{
		{path: "tmp/", mode: 0o1777},
		{path: "home/", mode: 0o755},
		{path: "home/nonroot/", mode: 0o700, owner: nonRoot},
		{path: "etc/", mode: 0o755},
		{path: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%[1]d:%[1]d:nonroot:/home/nonroot:/sbin/nologin\n", nonRoot)},
		{path: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", nonRoot)},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
	}
	// Those of this system, where it has any: the images must trust what the developer's machine trusts.
	trusted, err := os.ReadFile("/" + certificates)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read this system's authorities: %w", err)
	}
	if err == nil {
		entries = append(entries, entry{path: certificates, mode: 0o644, content: trusted})
	}
	return entries, nil
}

// baseImage is an image without a program.
func baseImage() (v1.Image, error) {
	entries, err := skeleton()
	if err != nil {
		return nil, err
	}
	return image(entries, nil)
}

// binaryImage is an image that runs the executable at path.
func binaryImage(path string) (v1.Image, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the executable: %w", err)
	}
	entries, err := skeleton()
	if err != nil {
		return nil, err
	}
	program := filepath.Base(path)
	entries = append(entries, entry{path: program, mode: 0o755, content: content})
	return image(entries, []string{"/" + program})
}

// image puts entries into one layer.
func image(entries []entry, entrypoint []string) (v1.Image, error) {
	archive, err := archived(entries)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.AppendLayers(img, layer); err != nil {
		return nil, fmt.Errorf("add the layer: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: created}
	config.Config.Entrypoint = entrypoint
	config.Config.User = fmt.Sprintf("%[1]d:%[1]d", nonRoot)
	config.Config.WorkingDir = "/home/nonroot"
	config.Config.Env = []string{"PATH=/", "HOME=/home/nonroot", "SSL_CERT_FILE=/" + certificates}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return nil, fmt.Errorf("set the image's configuration: %w", err)
	}
	return img, nil
}

// archived writes entries as a tar file, in the order given.
func archived(entries []entry) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.path, Mode: e.mode, Uid: e.owner, Gid: e.owner,
			Size: int64(len(e.content)), ModTime: created, Typeflag: tar.TypeReg,
		}
		if strings.HasSuffix(e.path, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.path, err)
		}
		if _, err := writer.Write(e.content); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.path, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return buffer.Bytes(), nil
}

// pushAndPrint pushes img to one reference and prints it under another.
func pushAndPrint(ctx context.Context, out io.Writer, img v1.Image, to, as string) error {
	// The clusters' registry speaks plain HTTP; with name.Insecure, HTTPS is still tried first elsewhere.
	reference, err := name.ParseReference(to, name.Insecure, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("push to %q: %w", to, err)
	}
	if err := remote.Write(reference, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push %s: %w; is the cluster up (make cluster), and is this its registry?", to, err)
	}
	digest, err := img.Digest()
	if err != nil {
		return fmt.Errorf("digest of %s: %w", to, err)
	}
	if _, err := fmt.Fprintf(out, "%s@%s\n", as, digest); err != nil {
		return fmt.Errorf("print the digest of %s: %w", to, err)
	}
	return nil
}
