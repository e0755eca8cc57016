package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/load"
	"github.com/sluice-dev/sluice/internal/load/result"
	"github.com/sluice-dev/sluice/internal/termination"
)

const (
	// gateVariable holds a load gate as JSON, as the operator writes it into the pod.
	gateVariable = "SLUICE_LOAD"
	// indexVariable is how Kubernetes tells the pods of an Indexed Job apart.
	indexVariable = "JOB_COMPLETION_INDEX"
	// fullDigits are the significant digits of the result in the log.
	fullDigits = 3
)

type loadOptions struct {
	ownOptions
	worker int
}

func newLoadCommand() *cobra.Command {
	o := loadOptions{}
	command := &cobra.Command{
		Use:   "load",
		Short: "Send the load of one worker of a load gate, and measure it (the operator runs this in a Job)",
		Long: "Sends the load of one worker of a load gate, and measures it. The gate is read as JSON from " + gateVariable +
			" or a file. The result is left where Kubernetes reads the message of a container, and printed in full.\n" +
			"The exit code says only whether anything was measured: the operator judges.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.output = cmd.OutOrStdout()
			return o.run(cmd.Context())
		},
	}
	flags := command.Flags()
	o.addFlags(flags, gateVariable)
	flags.IntVar(&o.worker, "worker", -1, "number of this worker, from 0; default: the variable "+indexVariable+", else 0")
	return command
}

func (o *loadOptions) run(ctx context.Context) error {
	measured, err := o.measure(ctx)
	if err != nil {
		return o.finish(nil, nil, err)
	}
	full, errFull := result.EncodeWith(measured, fullDigits, true)
	short, errShort := result.Encode(measured, termination.MaxBytes)
	return o.finish(full, short, errors.Join(errFull, errShort))
}

func (o *loadOptions) measure(ctx context.Context) (*result.Worker, error) {
	var gate v1alpha1.LoadGate
	if err := o.read(gateVariable, &gate); err != nil {
		return nil, err
	}
	worker, err := o.index()
	if err != nil {
		return nil, err
	}
	generator := load.Generator{Gate: gate, Worker: worker, Lookup: os.LookupEnv, Progress: o.output, Clock: clock.Real{}}
	return generator.Run(ctx)
}

func (o *loadOptions) index() (int, error) {
	text, found := os.LookupEnv(indexVariable)
	if o.worker >= 0 || !found {
		return max(0, o.worker), nil
	}
	index, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s is %q, which is no number", indexVariable, text)
	}
	return index, nil
}
