// Command kwok runs a control plane with simulated nodes, and a registry, until it is told to end. It is
// what integration tests run (test/controlplane), for people: no containers, no root. Called by up.sh.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sluice-dev/sluice/hack/cluster/registry"
	"github.com/sluice-dev/sluice/test/controlplane"
)

// settings are what up.sh says.
type settings struct {
	directory string
	nodes     int
	apiPort   int
	registry  string
}

func main() {
	var s settings
	flag.StringVar(&s.directory, "directory", "", "where data, logs and the kubeconfig go")
	flag.IntVar(&s.nodes, "nodes", 3, "number of simulated nodes")
	flag.IntVar(&s.apiPort, "api-port", 0, "port of the API server on 127.0.0.1; 0 is any")
	flag.StringVar(&s.registry, "registry", "127.0.0.1:5000", "address of the registry")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run starts everything, says that it is ready with a file of that name, and returns when ctx ends.
func run(ctx context.Context, s settings) (err error) {
	if s.directory == "" {
		return errors.New("-directory is needed: that is where the kubeconfig goes")
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{Nodes: s.nodes, Dir: s.directory, APIPort: s.apiPort})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	var marked error
	err = registry.Serve(ctx, s.registry, filepath.Join(s.directory, "registry"), func(net.Addr) {
		marked = os.WriteFile(filepath.Join(s.directory, "ready"), nil, 0o600)
	})
	return errors.Join(err, marked)
}
