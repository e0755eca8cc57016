package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// countedWithin is how long approve waits for the operator to say whether a signature counts.
const countedWithin = 10 * time.Second

// Console is where a person, or a script, sits.
type Console struct {
	genericiooptions.IOStreams
	// Asks says whether somebody can be asked on In.
	Asks bool
	// Screen says whether Out is a terminal on which the cursor can be moved.
	Screen bool
	// Color says whether Out shows colours.
	Color bool
	// Size returns the columns and rows of the screen; zeros where it does not know.
	Size func() (columns, rows int)
}

// NewConsole looks at the standard streams of the process.
func NewConsole() Console {
	out := int(os.Stdout.Fd())
	return Console{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Asks:      term.IsTerminal(int(os.Stdin.Fd())),
		Screen:    term.IsTerminal(out) && os.Getenv("TERM") != "dumb",
		Color:     printers.AllowsColorOutput(os.Stdout),
		Size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(out)
			if err != nil {
				return 0, 0
			}
			return columns, rows
		},
	}
}

// App is the program, with all that it takes from outside.
type App struct {
	// Console that it talks to.
	Console Console
	// Clock that tells it the time.
	Clock clock.Clock
	// Connect makes a client of the cluster that the flags name; warnings of the API server are written to the writer.
	Connect func(*genericclioptions.ConfigFlags, io.Writer) (client.WithWatch, error)
	// ConnectLogs makes a reader of the logs of that cluster.
	ConnectLogs func(*genericclioptions.ConfigFlags) (LastLine, error)
	// Ticks returns a channel that fires when ages on a screen have to be drawn again, and a function that ends it.
	Ticks func() (<-chan time.Time, func())
	// CountedWithin is how long approve waits for the operator to say whether a signature counts.
	CountedWithin time.Duration
}

// New returns the program as it runs on a person's machine.
func New() *App {
	return &App{
		Console:     NewConsole(),
		Clock:       clock.Real{},
		Connect:     connect,
		ConnectLogs: connectLogs,
		Ticks: func() (<-chan time.Time, func()) {
			ticker := time.NewTicker(time.Second)
			return ticker.C, ticker.Stop
		},
		CountedWithin: countedWithin,
	}
}

// Run runs the program and returns its exit status.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetIn(a.Console.In)
	root.SetOut(a.Console.Out)
	root.SetErr(a.Console.ErrOut)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case ctx.Err() != nil:
		return exitInterrupted
	}
	if err := a.complain(explain(err)); err != nil {
		return exitUnheard
	}
	return 1
}

func (a *App) command() *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:   "kubectl-sluice",
		Short: "Promotions of Sluice: see them, follow them, sign them",
		Long: `Sluice moves container images from development through test to production, and lets nothing else in.

This plugin shows pipelines, environments and promotions, and signs, rejects or reviews what waits for people.`,
		Example: `  # What is on its way, and what does it wait for?
  kubectl sluice get promotions -n shop

  # Follow one promotion to its end
  kubectl sluice get promotion checkout-1.4.2 -n shop --watch

  # Sign it for production
  kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl sluice"},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w\nSee '%s --help' for usage", err, c.CommandPath())
	})
	flags.AddFlags(root.PersistentFlags())
	root.AddCommand(a.getCommand(flags), a.signCommand(flags, approval()), a.signCommand(flags, rejection()), a.reviewCommand(flags))
	return root
}

// options say how lines are made now.
func (a *App) options(wide bool) view.Options {
	return view.Options{Now: a.Clock.Now(), Wide: wide}
}

// print writes lines as they are, unclipped.
func (a *App) print(lines []view.Line) error {
	_, err := io.WriteString(a.Console.Out, view.Style{Color: a.Console.Color}.Text(lines))
	return err
}

// say writes one line about what was done.
func (a *App) say(format string, args ...any) error {
	return a.print([]view.Line{view.Text(fmt.Sprintf(format, args...))})
}

// complain writes what went wrong, line by line: it may hold what others wrote.
func (a *App) complain(problem string) error {
	var lines []view.Line
	for l := range strings.SplitSeq(problem, "\n") {
		lines = append(lines, view.Text(l))
	}
	_, err := io.WriteString(a.Console.ErrOut, view.Style{}.Text(lines))
	return err
}
