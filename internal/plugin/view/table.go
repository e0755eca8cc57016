package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Table is a list of objects as kubectl shows one.
type Table struct {
	header []string
	rows   [][]Span
}

// Empty says whether it lists nothing.
func (t Table) Empty() bool { return len(t.rows) == 0 }

// Lines draws the table, its header first.
func (t Table) Lines() []Line {
	const between = 3
	rows := make([][]Span, 0, len(t.rows)+1)
	header := make([]Span, 0, len(t.header))
	for _, title := range t.header {
		header = append(header, text(title))
	}
	rows = append(append(rows, header), t.rows...)
	widths := make([]int, len(t.header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columnsOf(cell.Text)+between)
		}
	}
	lines := make([]Line, 0, len(rows))
	for _, row := range rows {
		var l Line
		for i, cell := range row {
			if i == len(row)-1 {
				l = l.and(cell)
				continue
			}
			l = l.and(pad(line(cell), widths[i])...)
		}
		lines = append(lines, l)
	}
	return lines
}

// list is what every table needs to know.
type list struct {
	Options
	// namespaces shows the namespace of each object.
	namespaces bool
}

// start returns the first cells: the namespace where it is asked for, and the name.
func (l list) start(namespace, name string) []Span {
	if l.namespaces {
		return []Span{text(namespace), text(name)}
	}
	return []Span{text(name)}
}

func (l list) header(titles ...string) []string {
	if l.namespaces {
		return append([]string{"NAMESPACE"}, titles...)
	}
	return titles
}

// PromotionTable lists promotions, the newest last: that is where the prompt is.
func PromotionTable(o Options, promotions []v1alpha1.Promotion, namespaces bool) Table {
	l := list{Options: o, namespaces: namespaces}
	t := Table{header: l.header("NAME", "PIPELINE", "RELEASE", "STATUS", "ENVIRONMENT", "WAITS FOR", "AGE")}
	if o.Wide {
		t.header = append(t.header, "REQUESTED BY", "MESSAGE")
	}
	sorted := slices.Clone(promotions)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.Promotion) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for i := range sorted {
		t.rows = append(t.rows, l.promotion(&sorted[i]))
	}
	return t
}

func (l list) promotion(p *v1alpha1.Promotion) []Span {
	state, environment := stateOf(p)
	waits := waitsFor(p, environment)
	if p.Status.Outcome != "" {
		state, environment, waits = string(p.Status.Outcome), "", ""
	}
	cells := append(l.start(p.Namespace, p.Name),
		text(p.Spec.PipelineRef.Name), text(short(p.Status.ReleaseHash)), toned(toneOf(state), state),
		text(cmp.Or(environment, "-")), text(cmp.Or(waits, "-")), text(l.age(&p.CreationTimestamp)))
	if l.Wide {
		cells = append(cells, text(person(p.Spec.RequestedBy.Username, p.Spec.OnBehalfOf)), text(cmp.Or(p.Status.Message, "-")))
	}
	return cells
}

// waitsFor lists the reasons of the environment that decides; before there is one, what the conditions say.
func waitsFor(p *v1alpha1.Promotion, environment string) string {
	var types []string
	for _, e := range p.Status.Environments {
		if e.Name != environment {
			continue
		}
		for _, r := range e.Reasons {
			if !slices.Contains(types, r.Type) {
				types = append(types, r.Type)
			}
		}
	}
	if environment == "" {
		return condition(p.Status.Conditions, v1alpha1.ConditionSucceeded).Reason
	}
	return strings.Join(types, ",")
}

// PipelineTable lists pipelines, and what runs of each where.
func PipelineTable(o Options, pipelines []Pipeline, namespaces bool) Table {
	l := list{Options: o, namespaces: namespaces}
	t := Table{header: l.header("NAME", "READY", "REASON", "RUNS", "AGE")}
	if o.Wide {
		t.header = append(t.header, "IMAGES", "MESSAGE")
	}
	for _, p := range pipelines {
		t.rows = append(t.rows, l.pipeline(p))
	}
	return t
}

func (l list) pipeline(p Pipeline) []Span {
	ready := condition(p.Object.Status.Conditions, v1alpha1.ConditionReady)
	var runs, images []string
	for i := range p.Object.Spec.Environments {
		e := &p.Object.Spec.Environments[i]
		delivered, _ := p.delivered(e)
		runs = append(runs, e.Name+"="+cmp.Or(first(delivered.ReleaseHash), string(delivered.State)))
	}
	for _, image := range p.Object.Spec.Images {
		images = append(images, image.Repository)
	}
	cells := append(l.start(p.Object.Namespace, p.Object.Name),
		readyCell(string(ready.Status)), text(cmp.Or(ready.Reason, "-")),
		text(cmp.Or(strings.Join(runs, ","), "-")), text(l.age(&p.Object.CreationTimestamp)))
	if l.Wide {
		cells = append(cells, text(strings.Join(images, ",")), text(cmp.Or(ready.Message, "-")))
	}
	return cells
}

// EnvironmentTable lists environments. All have the same name, so it is the namespace that is shown.
func EnvironmentTable(o Options, environments []v1alpha1.Environment) Table {
	t := Table{header: []string{"NAMESPACE", "TIER", "READY", "LOCKED", "RUNS", "SLOT", "AWAIT SIGN-OFF", "AGE"}}
	if o.Wide {
		t.header = append(t.header, "CONVERGED", "MESSAGE")
	}
	for i := range environments {
		e := &environments[i]
		ready, locked := condition(e.Status.Conditions, v1alpha1.ConditionReady), condition(e.Status.Conditions, v1alpha1.ConditionLocked)
		var runs, slots []string
		for _, p := range e.Status.Pipelines {
			runs = append(runs, p.Pipeline+"="+short(p.ReleaseHash))
		}
		for _, h := range e.Status.Holders {
			slots = append(slots, h.PromotionRef.Name)
		}
		awaiting := "-"
		if n := len(e.Status.Awaiting); n > 0 {
			awaiting = strconv.Itoa(n)
		}
		cells := []Span{
			text(e.Namespace), text(string(e.Spec.Tier)), readyCell(string(ready.Status)), text(cmp.Or(locked.Reason, "-")),
			text(cmp.Or(strings.Join(runs, ","), "-")), text(cmp.Or(strings.Join(slots, ","), "-")), text(awaiting), text(o.age(&e.CreationTimestamp)),
		}
		if o.Wide {
			converged := condition(e.Status.Conditions, v1alpha1.ConditionConverged)
			cells = append(cells, text(cmp.Or(converged.Reason, "-")), text(cmp.Or(ready.Message, "-")))
		}
		t.rows = append(t.rows, cells)
	}
	return t
}

func readyCell(status string) Span {
	status = cmp.Or(status, "Unknown")
	return toned(toneOf(status), status)
}
