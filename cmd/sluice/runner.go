package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sluice-dev/sluice/internal/runner"
)

// exitCode ends the program with the exit code of a test.
type exitCode int

func (exitCode) Error() string { return "the test did not end well" }

func newRunnerCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "runner",
		Short: "Start the test of a gate and read its reports (the operator runs this in the pod of a job gate with junit)",
	}
	command.AddCommand(newRunnerInstallCommand(), newRunnerRunCommand())
	return command
}

func newRunnerInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install DIRECTORY",
		Short: "Copy this program into a directory",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runner.Install(args[0]) },
	}
}

func newRunnerRunCommand() *cobra.Command {
	r := runner.Runner{Output: os.Stdout, Errors: os.Stderr}
	command := &cobra.Command{
		Use:   "run -- COMMAND [ARGUMENT ...]",
		Short: "Start a test, read its reports, and end with its exit code",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Command = args
			code, err := r.Run(cmd.Context())
			if err != nil {
				cmd.PrintErrln("sluice runner:", err)
			}
			if code != 0 {
				return exitCode(code)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&r.Directory, "directory", ".", "the directory that the test writes to")
	flags.StringVar(&r.Reports, "reports", "*.xml", "pattern of the names of reports in it")
	flags.StringArrayVar(&r.MustPass, "must-pass", nil, "regular expression for names of tests that have to pass; may be repeated")
	flags.StringVar(&r.Result, "result", "/dev/termination-log", "where to leave what the reports say")
	return command
}
