// Package runner starts the test of a gate in its pod, and reads the reports that it leaves. It judges nothing: its exit
// code is the test's, and what it read goes into the message of the container, which the kubelet reports.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sluice-dev/sluice/internal/junit"
)

const (
	// ExitNotStarted is the exit code where the test could not be started, as that of a shell.
	ExitNotStarted = 127
	// exitSignal is added to the number of the signal that ended a test, as shells do.
	exitSignal = 128
	// maxReports is how many files are read.
	maxReports = 1000
)

// Runner runs one test.
type Runner struct {
	// Command to start, with its arguments.
	Command []string
	// Directory that the test writes to, and Reports the pattern of the files in it that are read.
	Directory string
	Reports   string
	// MustPass are expressions for tests that have to pass.
	MustPass []string
	// Result is the file that the summary goes to.
	Result string
	// Output and Errors of the test.
	Output, Errors io.Writer
}

// Run starts the test, waits for it, and reads its reports. It returns the exit code of the test; the error, if there is one, is the
// runner's own, and stands in the summary, too.
func (r *Runner) Run(ctx context.Context) (int, error) {
	report, err := junit.New(r.MustPass)
	if err != nil {
		err = fmt.Errorf("mustPass: %w", err)
		return ExitNotStarted, errors.Join(err, r.leave(junit.Summary{Problem: err.Error()}))
	}
	code, err := r.start(ctx)
	if err != nil {
		return code, errors.Join(err, r.leave(junit.Summary{Problem: err.Error()}))
	}
	files, problem := r.read(report)
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	return code, r.leave(junit.Summarize(report, files, text))
}

// start runs the command to its end, with the signals that the runner gets.
func (r *Runner) start(ctx context.Context) (int, error) {
	command := exec.CommandContext(ctx, r.Command[0], r.Command[1:]...)
	command.Stdout, command.Stderr = r.Output, r.Errors
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	if err := command.Start(); err != nil {
		return ExitNotStarted, fmt.Errorf("the test could not be started: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = command.Process.Signal(s)
			case <-ended:
				return
			}
		}
	}()
	_ = command.Wait()
	close(ended)
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	return command.ProcessState.ExitCode(), nil
}

// read adds all reports to what is there, and returns how many there were. All of them have to be readable: one that is
// not may be the one that says what failed.
func (r *Runner) read(report *junit.Report) (int, error) {
	paths, err := filepath.Glob(filepath.Join(r.Directory, r.Reports))
	switch {
	case err != nil:
		return 0, fmt.Errorf("the pattern %s: %w", r.Reports, err)
	case len(paths) == 0:
		return 0, fmt.Errorf("the test left no report: no file in %s matches %s", r.Directory, r.Reports)
	case len(paths) > maxReports:
		return 0, fmt.Errorf("the test left %d reports, and %d are the most", len(paths), maxReports)
	}
	for i, path := range paths {
		if err := add(report, path); err != nil {
			return i, err
		}
	}
	return len(paths), nil
}

func add(report *junit.Report, path string) error {
	name := filepath.Base(path)
	// A pipe would be waited for until the end of the gate.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("report %s is no file", name)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("report %s cannot be read: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	if err := report.Add(file); err != nil {
		return fmt.Errorf("report %s cannot be read: %w", name, err)
	}
	return nil
}

// leave writes the summary where the kubelet finds it.
func (r *Runner) leave(summary junit.Summary) error {
	text, err := summary.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.Result, text, 0o600); err != nil {
		return fmt.Errorf("leave the summary: %w", err)
	}
	return nil
}
