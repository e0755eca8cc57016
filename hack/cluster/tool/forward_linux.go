package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// runForward listens on the host and dials within the network namespace of a process.
func runForward(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("forward", flag.ContinueOnError)
	pid := flags.Int("pid", 0, "a process in the network namespace to dial in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", *pid))
	if err != nil {
		return fmt.Errorf("find the network namespace: %w", err)
	}
	failures := make(chan error, flags.NArg())
	for _, arg := range flags.Args() {
		listen, dial, found := strings.Cut(arg, "=")
		if !found {
			return fmt.Errorf("forward %q: it is not of the form LISTEN=DIAL", arg)
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("forward %s: %w", arg, err)
		}
		f := forward{listener: listener, namespace: namespace, target: dial}
		go func() { failures <- f.serve(ctx) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failures:
		return err
	}
}

// forward is one port of the host that leads to one address within the namespace.
type forward struct {
	listener  net.Listener
	namespace *os.File
	target    string
}

func (f forward) serve(ctx context.Context) error {
	for {
		outside, err := f.listener.Accept()
		if err != nil {
			return fmt.Errorf("forward %s to %s: %w", f.listener.Addr(), f.target, err)
		}
		go func() {
			if err := f.join(ctx, outside); err != nil {
				log.Printf("forward %s to %s: %v", f.listener.Addr(), f.target, err)
			}
		}()
	}
}

// join copies both ways until both sides have said all.
func (f forward) join(ctx context.Context, outside net.Conn) error {
	// Both directions have been copied when these close: an error then says nothing.
	defer func() { _ = outside.Close() }()
	inside, err := f.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = inside.Close() }()
	done := make(chan error, 1)
	go func() { done <- pipe(inside, outside) }()
	return errors.Join(pipe(outside, inside), <-done)
}

// pipe copies until from ends, and then tells to that nothing follows.
func pipe(to, from net.Conn) error {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, half.CloseWrite())
	}
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ENOTCONN) {
		return nil // clients hang up; that is no failure of ours
	}
	return err
}

// dial connects from within the namespace. The socket belongs to it from then on, whichever thread uses it.
func (f forward) dial(ctx context.Context) (net.Conn, error) {
	type result struct {
		connection net.Conn
		err        error
	}
	done := make(chan result, 1)
	go func() {
		// Never unlocked: the thread is in a foreign namespace, and the runtime ends it with the goroutine.
		runtime.LockOSThread()
		if err := unix.Setns(int(f.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{err: fmt.Errorf("enter the network namespace: %w", err)}
			return
		}
		// A literal address: a name would be resolved by other threads, outside.
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.target)
		done <- result{connection, err}
	}()
	r := <-done
	return r.connection, r.err
}
