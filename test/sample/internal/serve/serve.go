// Package serve runs an HTTP server until the process is told to end.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	// drainTimeout is less than the grace period of the manifests.
	drainTimeout = 5 * time.Second
)

// Until runs handler on address until the process gets SIGTERM, and then lets requests finish. background
// runs beside it and is told to end by its context.
func Until(address string, handler http.Handler, background func(context.Context)) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	log.Printf("serving on %s", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	if background != nil {
		go background(ctx)
	}
	drained := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		drained <- server.Shutdown(limit)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-drained
}
