// Package registry serves an OCI registry over plain HTTP for the life of a cluster.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// headerTimeout ends connections that send nothing; blobs may take as long as they take.
const headerTimeout = 30 * time.Second

// Serve listens on address and serves until ctx ends. Layers go to directory and manifests stay in
// memory: both are gone with the cluster. ready is called once, with the address that is listened on.
func Serve(ctx context.Context, address, directory string, ready func(net.Addr)) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("make the registry's directory: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve the registry: %w", err)
	}
	server := &http.Server{
		Handler: ggcr.New(
			ggcr.WithBlobHandler(ggcr.NewDiskBlobHandler(directory)),
			// One line for each request helps nobody: clients report what failed.
			ggcr.Logger(log.New(io.Discard, "", 0)),
		),
		ReadHeaderTimeout: headerTimeout,
	}
	defer context.AfterFunc(ctx, func() {
		_ = server.Close() // Serve returns, and that is what is waited for
	})()
	ready(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the registry on %s: %w", address, err)
	}
	return nil
}
