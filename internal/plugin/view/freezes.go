package view

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// freezeFields say whether deployments may begin in an environment, and what it lists to decide that; nothing where it
// lists nothing.
func freezeFields(o Options, e *v1alpha1.Environment) []field {
	var fields []field
	if e.Status.Deployments.State != "" {
		fields = append(fields, field{"Deployments", deploymentsLine(o, e)})
	}
	for i := range e.Spec.Freezes {
		name := ""
		if i == 0 {
			name = "Freezes"
		}
		fields = append(fields, field{name, freezeLine(o, &e.Spec.Freezes[i])})
	}
	return fields
}

// deploymentsLine says whether deployments may begin, until when, and what decides that.
func deploymentsLine(o Options, e *v1alpha1.Environment) Line {
	d := e.Status.Deployments
	l := line(glyph(string(d.State)), toned(toneOf(string(d.State)), string(d.State)))
	switch {
	case !d.UntilTime.IsZero():
		l = l.and(text(" until " + o.moment(d.UntilTime.Time)))
	case d.State != v1alpha1.DeploymentsOpen:
		l = l.and(text(", with no end in sight"))
	}
	if d.Freeze == "" {
		return l
	}
	decides := ": "
	if d.State == v1alpha1.DeploymentsOutsideWindow {
		decides = ": next is "
	}
	l = l.and(text(decides + d.Freeze))
	for _, freeze := range e.Spec.Freezes {
		if freeze.Name == d.Freeze && freeze.Reason != "" {
			l = l.and(toned(Faint, ", "+freeze.Reason))
		}
	}
	return l
}

// freezeLine says in words when a freeze or window is.
func freezeLine(o Options, f *v1alpha1.Freeze) Line {
	kind := "freeze "
	if f.Effect == v1alpha1.FreezeAllow {
		kind = "window "
	}
	when := f.Schedule + " " + cmp.Or(f.TimeZone, "UTC") + ", for " + duration.HumanDuration(time.Duration(f.DurationSeconds)*time.Second)
	if f.FromTime != nil && f.ToTime != nil {
		when = "from " + o.moment(f.FromTime.Time) + " to " + o.moment(f.ToTime.Time)
	}
	l := plain(kind + f.Name + ": " + when)
	if f.Reason != "" {
		l = l.and(toned(Faint, ", "+f.Reason))
	}
	return l
}

// moment returns a time with its date and zone, as the reader's clock shows it.
func (o Options) moment(t time.Time) string {
	return t.In(o.Now.Location()).Format("2006-01-02 15:04 MST")
}
