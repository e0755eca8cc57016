package main

import (
	"context"
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
			figures, err := call(cmd.Context(), &o)
			return o.finish(figures, figures, err)
		},
	}
	o.addFlags(command.Flags(), webhookVariable)
	return command
}

func call(ctx context.Context, o *ownOptions) ([]byte, error) {
	var task result.Task
	if err := o.read(webhookVariable, &task); err != nil {
		return nil, err
	}
	caller := webhook.Caller{Task: task, Lookup: os.LookupEnv, Progress: o.output, Clock: clock.Real{}}
	figures, err := caller.Run(ctx)
	if err != nil {
		return nil, err
	}
	return result.Encode(figures)
}
