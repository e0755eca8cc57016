package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/webhook"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// webhookVariable holds what a webhook gate has to do as JSON, as the operator writes it into the pod.
const webhookVariable = "SLUICE_WEBHOOK"

func newWebhookCommand() *cobra.Command {
	o := ownOptions{}
	command := &cobra.Command{
		Use:   "webhook",
		Short: "Ask the receiver of a webhook gate whether a release passes (the operator runs this in a Job)",
		Long: "Posts the event of a webhook gate, and takes the answer at once or asks for it until the time is over. The gate is read as JSON from " + webhookVariable +
			" or a file, the key that signs from " + result.KeyVariable + ". What was said is left where Kubernetes reads the message of a container, and printed.\n" +
			"The exit code says only whether the gate could be run: the operator judges.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.output = cmd.OutOrStdout()
			return o.call(cmd.Context())
		},
	}
	o.addFlags(command.Flags(), webhookVariable)
	return command
}

func (o *ownOptions) call(ctx context.Context) error {
	var task result.Task
	if err := o.read(webhookVariable, &task); err != nil {
		return o.leave([]byte(err.Error()), err)
	}
	caller := webhook.Caller{Task: task, Lookup: os.LookupEnv, Progress: o.output, Clock: clock.Real{}}
	figures, err := caller.Run(ctx)
	if err != nil {
		return o.leave([]byte(err.Error()), err)
	}
	text, err := result.Encode(figures)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.output, "result %s", text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return o.leave(text, nil)
}
