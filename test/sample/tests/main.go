// Command tests holds the tests that promote or stop the sample application. They are an image of their
// own and speak HTTP to the service, as tests of any application would.
//
//	tests smoke|functional|stress [-target URL] [FLAGS]
//	tests functional -junit FILE
//
// The exit code is 0 if all is well, 1 if the service failed, 2 if the test could not be run. What was
// found is printed, and its last lines are left where Kubernetes reads the message of a container.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errFailed is what a test returns that ran and found fault.
var errFailed = errors.New("the service failed the test")

const usage = "usage: tests smoke|functional|stress [-target URL] [FLAGS]"

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	report := &report{out: os.Stdout}
	err := run(ctx, os.Args[1:], os.Getenv("SLUICE_TARGET"), report)
	cancel()
	if err != nil {
		report.say("%v", err)
	}
	report.leave(terminationLog)
	switch {
	case err == nil:
	case errors.Is(err, errFailed):
		os.Exit(exitFailed)
	default:
		os.Exit(exitUsage)
	}
}

// verdict is one of the tests: nil, errFailed, or why it could not be run.
type verdict func(ctx context.Context, target string, report *report) error

// run runs one of the tests. target is what -target defaults to.
func run(ctx context.Context, args []string, target string, report *report) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	if target == "" {
		target = "http://checkout-api"
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	flags.StringVar(&target, "target", target, "base URL of the service; SLUICE_TARGET is the default")
	patience := flags.Duration("settle", 30*time.Second, "how long to wait until the service answers steadily; 0 for not at all")
	var test verdict
	switch args[0] {
	case "smoke":
		test = smoke
	case "functional":
		checks := functional{}
		flags.StringVar(&checks.junit, "junit", "", "file to write a report to, in the XML of JUnit")
		test = checks.run
	case "stress":
		load := load{}
		load.flags(flags)
		test = load.run
	default:
		return fmt.Errorf("%q: %s", args[0], usage)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w; %s", err, usage)
	}
	if *patience > 0 {
		if err := settle(ctx, target, *patience); err != nil {
			return err
		}
	}
	return test(ctx, target, report)
}
