package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/load"
	"github.com/sluice-dev/sluice/internal/load/result"
	"github.com/sluice-dev/sluice/internal/termination"
)

// work is one worker, as `sluice load` runs it in a pod: it prints what it would leave in its termination message.
func work(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	worker := flags.Int("worker", 0, "number of the worker")
	open := flags.Int("max-open", 0, "how many requests may wait for their answers; 0 for as many as in a pod")
	spec := flags.String("gate", "", "the gate as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var gate v1alpha1.LoadGate
	if err := json.Unmarshal([]byte(*spec), &gate); err != nil {
		return err
	}
	generator := load.Generator{Gate: gate, Worker: *worker, Lookup: os.LookupEnv, Progress: io.Discard, Clock: clock.Real{}, MaxOpen: *open}
	measured, err := generator.Run(ctx)
	if err != nil {
		return err
	}
	message, err := result.Encode(measured, termination.MaxBytes)
	if err != nil {
		return err
	}
	fmt.Println(string(message))
	return nil
}
