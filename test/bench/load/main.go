// Command load measures the load generator: its rate beside that of vegeta, which it is built on, and how true its
// percentiles are. All load goes to a server on loopback; the whole takes less than three minutes.
//
//	go run ./test/bench/load -vegeta PATH
//
// It runs itself again for the server and for each worker, so that the time each takes of the CPU can be told apart.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-load:", err)
		os.Exit(1)
	}
}

// run is one of the roles: the bench itself, its server, or a worker.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(ctx)
		case "work":
			return work(ctx, args[1:])
		}
	}
	flags := flag.NewFlagSet("bench-load", flag.ContinueOnError)
	vegeta := flags.String("vegeta", "", "the vegeta program to compare with (hack/tools/build.sh vegeta)")
	runs := flags.Int("runs", 5, "how often each generator runs, in turn")
	seconds := flags.Int("seconds", 4, "how long each of these runs takes")
	measured := flags.Int("measured", 10, "for how many seconds percentiles are measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := start(ctx, *vegeta)
	if err != nil {
		return err
	}
	defer b.stop()
	worst, err := b.accuracy(ctx, *measured)
	if err != nil {
		return err
	}
	rate, err := b.compare(ctx, *runs, *seconds)
	if err != nil {
		return err
	}
	fmt.Printf("rate against vegeta: %.2f\n", rate)
	fmt.Printf("worst percentile error: %.2f %%\n", worst)
	return nil
}
