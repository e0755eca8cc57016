// Command sluice is the operator, and what it runs in Jobs: what measures gates, and the runner of tests with reports.
package main

import (
	"errors"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "sluice",
		Short:         "Sluice moves container images from development through test to production, and lets nothing else in",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newOperatorCommand(), newLoadCommand(), newMetricCommand(), newWebhookCommand(), newRunnerCommand())
	err := root.ExecuteContext(ctrl.SetupSignalHandler())
	code := exitCode(1)
	if err != nil {
		if !errors.As(err, &code) {
			_, _ = fmt.Fprintln(os.Stderr, "sluice:", err)
		}
		os.Exit(int(code))
	}
}
