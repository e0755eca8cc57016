// Command tool is what the node needs besides Kubernetes (see ../node): certificates, a registry, and
// forwards from the host into the node's network namespace.
//
//	tool certificates -directory DIR -server URL -node NAME -addresses IP,IP
//	tool registry -listen ADDRESS -directory DIR
//	tool forward -pid PID LISTEN=DIAL...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sluice-dev/sluice/hack/cluster/registry"
)

var errUsage = errors.New("usage: tool certificates|registry|forward FLAGS")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "certificates":
		return runCertificates(args[1:])
	case "registry":
		return runRegistry(ctx, args[1:])
	case "forward":
		return runForward(ctx, args[1:])
	}
	return fmt.Errorf("%q: %w", args[0], errUsage)
}

func runCertificates(args []string) error {
	var n node
	flags := flag.NewFlagSet("certificates", flag.ContinueOnError)
	flags.StringVar(&n.directory, "directory", "pki", "where certificates, keys and kubeconfigs go")
	flags.StringVar(&n.server, "server", "", "URL of the API server within the node")
	flags.StringVar(&n.name, "node", "node1", "name of the node")
	addresses := flags.String("addresses", "", "IP addresses of the API server and the kubelet, comma-separated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	n.addresses = strings.Split(*addresses, ",")
	return n.write()
}

func runRegistry(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:5000", "address to serve on")
	directory := flags.String("directory", "registry", "where layers are kept")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return registry.Serve(ctx, *listen, *directory, func(address net.Addr) {
		fmt.Fprintln(os.Stderr, "registry serves on", address)
	})
}
