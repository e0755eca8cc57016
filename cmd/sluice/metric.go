package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/metric"
	"github.com/sluice-dev/sluice/internal/metric/result"
)

// metricVariable holds a metric gate as JSON, as the operator writes it into the pod.
const metricVariable = "SLUICE_METRIC"

func newMetricCommand() *cobra.Command {
	o := ownOptions{}
	command := &cobra.Command{
		Use:   "metric",
		Short: "Ask a Prometheus for the samples of a metric gate (the operator runs this in a Job)",
		Long: "Asks a Prometheus for the samples of a metric gate. The gate is read as JSON from " + metricVariable +
			" or a file. What was seen is left where Kubernetes reads the message of a container, and printed.\n" +
			"The exit code says only whether the gate could be run: the operator judges.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.output = cmd.OutOrStdout()
			figures, err := sample(cmd.Context(), &o)
			return o.finish(figures, figures, err)
		},
	}
	o.addFlags(command.Flags(), metricVariable)
	return command
}

func sample(ctx context.Context, o *ownOptions) ([]byte, error) {
	var gate v1alpha1.MetricGate
	if err := o.read(metricVariable, &gate); err != nil {
		return nil, err
	}
	sampler := metric.Sampler{
		Gate: gate, Lookup: os.LookupEnv, Progress: o.output, Clock: clock.Real{},
		Secrets: metric.Secrets{
			BearerToken: os.Getenv(result.TokenVariable), ClientCertificate: os.Getenv(result.CertificateVariable), ClientKey: os.Getenv(result.KeyVariable),
		},
	}
	figures, err := sampler.Run(ctx)
	if err != nil {
		return nil, err
	}
	return result.Encode(figures)
}
