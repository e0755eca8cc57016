// Command kubectl-sluice is the plugin of kubectl: kubectl sluice get, approve, reject.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluice-dev/sluice/internal/plugin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := plugin.New().Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
