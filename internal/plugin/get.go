package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// document makes lines for a time.
type document func(view.Options) []view.Line

// found is what one look found.
type found struct {
	// object is what -o json and the like print.
	object runtime.Object
	// lines are for people.
	lines document
	// empty says that there was nothing.
	empty bool
	// watch is what has to be looked at again when it changes.
	watch []target
}

// kind is one kind of thing that get shows.
type kind struct {
	command cobra.Command
	// list looks at all of a namespace; of all namespaces where it is empty.
	list func(*session, context.Context, string) (found, error)
	// one looks at one by its name.
	one func(*session, context.Context, string) (found, error)
	// watch follows one to its end; nil for kinds that have no end.
	watch func(s *session, ctx context.Context, name string, wide bool) error
}

// getter is one run of get.
type getter struct {
	kind    kind
	printer *genericclioptions.PrintFlags
	all     bool
	watch   bool
}

const wideFormat = "wide"

func (a *App) getCommand(flags *genericclioptions.ConfigFlags) *cobra.Command {
	get := &cobra.Command{
		Use:   "get (pipelines | environments | promotions) [NAME]",
		Short: "Show pipelines, environments or promotions; one of them as a tree",
		Example: `  # All promotions of a team, and what each waits for
  kubectl sluice get promotions -n shop

  # One promotion: images, environments, gates, approvals, times
  kubectl sluice get promotion checkout-1.4.2 -n shop

  # What production demands, what runs there, and who awaits sign-off
  kubectl sluice get environment shop-prod-eu`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%s is not shown here: write pipelines, environments or promotions", args[0])
			}
			return c.Help()
		},
	}
	for _, k := range []kind{pipelineKind(), environmentKind(), promotionKind()} {
		get.AddCommand(a.getKindCommand(flags, k))
	}
	return get
}

func (a *App) getKindCommand(flags *genericclioptions.ConfigFlags, k kind) *cobra.Command {
	g := &getter{kind: k, printer: genericclioptions.NewPrintFlags("").WithTypeSetter(Scheme())}
	command := k.command
	command.Args = cobra.MaximumNArgs(1)
	command.RunE = func(c *cobra.Command, args []string) error {
		s, err := a.session(flags)
		if err != nil {
			return err
		}
		return g.run(c.Context(), s, strings.Join(args, ""))
	}
	g.printer.AddFlags(&command)
	command.Flags().Lookup("output").Usage = fmt.Sprintf("Output format. One of: (wide, %s).", strings.Join(g.printer.AllowedFormats(), ", "))
	command.Flags().BoolVarP(&g.all, "all-namespaces", "A", false, "List those of all namespaces.")
	command.Flags().BoolVarP(&g.watch, "watch", "w", false,
		"Show it again whenever it changes: in place on a terminal, as lines elsewhere.")
	return &command
}

func (g *getter) run(ctx context.Context, s *session, name string) error {
	if err := g.validate(name); err != nil {
		return err
	}
	wide := *g.printer.OutputFormat == wideFormat
	namespace := inAll(g.all, s.namespace)
	look := func(ctx context.Context) (found, error) {
		if name != "" {
			return g.kind.one(s, ctx, name)
		}
		return g.kind.list(s, ctx, namespace)
	}
	switch {
	case g.watch && name != "" && g.kind.watch != nil:
		return g.kind.watch(s, ctx, name, wide)
	case g.watch:
		return s.live(ctx, look, wide)
	}
	f, err := look(ctx)
	switch {
	case err != nil:
		return err
	case !g.forPeople():
		return g.print(s, f.object)
	case f.empty:
		return s.nothing(namespace)
	}
	return s.print(f.lines(s.options(wide)))
}

// forPeople says whether a table or a tree is asked for, and not what programs read.
func (g *getter) forPeople() bool {
	format := *g.printer.OutputFormat
	return (format == "" || format == wideFormat) && *g.printer.TemplatePrinterFlags.TemplateArgument == ""
}

func (g *getter) validate(name string) error {
	switch {
	case g.all && name != "":
		return errors.New("a name is unique in its namespace only: write -n NAMESPACE instead of -A")
	case g.watch && !g.forPeople():
		return errors.New("--watch shows trees and tables: write it without -o, or with -o wide")
	}
	return nil
}

// nothing says what kubectl says where a list is empty.
func (s *session) nothing(namespace string) error {
	where := "."
	if namespace != "" {
		where = " in namespace " + namespace + "; -A lists those of all namespaces."
	}
	return s.complain("Nothing found" + where)
}

// print prints an object for programs; of a list in the format name, each object.
func (g *getter) print(s *session, object runtime.Object) error {
	printer, err := g.printer.ToPrinter()
	if err != nil {
		return err
	}
	write := func(o runtime.Object) error { return printer.PrintObj(o, s.Console.Out) }
	setKind := func(o runtime.Object) error {
		gvk, err := apiutil.GVKForObject(o, s.client.Scheme())
		if err == nil {
			o.GetObjectKind().SetGroupVersionKind(gvk)
		}
		return err
	}
	if err := setKind(object); err != nil {
		return err
	}
	if !meta.IsListType(object) {
		return write(object)
	}
	if err := meta.EachListItem(object, setKind); err != nil {
		return err
	}
	if *g.printer.OutputFormat == "name" {
		return meta.EachListItem(object, write)
	}
	return write(object)
}
