package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Options say how much is shown, and when it is looked at.
type Options struct {
	// Now is the present time; ages are counted to it, and times are shown in its zone.
	Now time.Time
	// Wide shows digests, hashes and names in full.
	Wide bool
}

const (
	glyphGood    = "✓"
	glyphBad     = "✗"
	glyphBusy    = "●"
	glyphPending = "○"
	glyphWaits   = "…"
)

// glyph returns the sign of any state of an environment, a gate, a delivery, a record or an outcome.
func glyph(state string) Span {
	tone := toneOf(state)
	return Span{Text: [...]string{
		Plain: glyphPending, Strong: glyphPending, Faint: glyphPending, Good: glyphGood, Bad: glyphBad, Busy: glyphBusy, Waits: glyphWaits,
	}[tone] + " ", Tone: tone}
}

// toneOf returns the tone of any such state; those that it does not know have not begun.
func toneOf(state string) Tone {
	switch state {
	case "Passed", "Current", "Succeeded", "Counted", "Adopted", "True", "Open":
		return Good
	case "Failed", "RolledBack", "RollbackFailed", "Inconclusive", "Errored", "Rejected", "Expired", "Drifted", "Held", "Ignored", "Revoked", "Overridden", "False":
		return Bad
	case "Deploying", "Verifying", "RollingBack", "Running", "Changing":
		return Busy
	case "Waiting", "Unknown", "Frozen", "OutsideWindow":
		return Waits
	}
	return Faint
}

// first returns the first digits of a release hash; empty where there is none.
func first(hash string) string { return hash[:min(len(hash), 8)] }

// short returns the first digits of a release hash; a dash where there is none.
func short(hash string) string { return cmp.Or(first(hash), "-") }

// hash returns a release hash as wide as is asked for.
func (o Options) hash(full string) string {
	if o.Wide && full != "" {
		return full
	}
	return short(full)
}

// digest returns a digest as wide as is asked for.
func (o Options) digest(full string) string {
	bare := strings.TrimPrefix(full, "sha256:")
	if o.Wide || len(bare) <= 12 {
		return full
	}
	return bare[:12]
}

// age returns how long ago something was; a dash where that is not known.
func (o Options) age(t *metav1.Time) string {
	if t.IsZero() {
		return "-"
	}
	return humanize(o.Now.Sub(t.Time))
}

// took returns how long something took, or takes so far; empty where it has not begun.
func (o Options) took(start, end *metav1.Time) string {
	switch {
	case start.IsZero():
		return ""
	case end.IsZero():
		return humanize(o.Now.Sub(start.Time))
	}
	return humanize(end.Sub(start.Time))
}

// humanize writes a duration; it is never negative, as clocks differ.
func humanize(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// clockTime returns a time of day, with the date where that is not today's.
func (o Options) clockTime(t *metav1.Time) string {
	local := t.In(o.Now.Location())
	if local.Format(time.DateOnly) == o.Now.Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format("2006-01-02 15:04")
}

// condition returns a condition by its type; its zero value where there is none.
func condition(conditions []metav1.Condition, conditionType string) metav1.Condition {
	i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == conditionType })
	if i < 0 {
		return metav1.Condition{}
	}
	return conditions[i]
}

// conditionLine shows a condition; its message only where the condition is not True.
func conditionLine(c metav1.Condition) Line {
	if c.Type == "" {
		return line(toned(Waits, "not judged yet: the operator has not looked, or does not run"))
	}
	l := line(glyph(string(c.Status)), toned(toneOf(string(c.Status)), c.Reason))
	if c.Status != metav1.ConditionTrue && c.Message != "" {
		l = l.and(text(": " + c.Message))
	}
	return l
}

// person names who asked for a promotion, and for whom.
func person(requestedBy string, onBehalfOf []string) string {
	if requestedBy == "" {
		requestedBy = "(unknown)"
	}
	if len(onBehalfOf) == 0 {
		return requestedBy
	}
	return requestedBy + " on behalf of " + strings.Join(onBehalfOf, ", ")
}

// changeLine shows one change: title, author, address.
func changeLine(c v1alpha1.Change) Line {
	l := plain(c.Title)
	if c.Author != "" {
		l = l.and(text(", by " + c.Author))
	}
	if c.URL != "" {
		l = l.and(toned(Faint, "  "+c.URL))
	}
	return l
}

// splitCommand takes the command that a message ends with off it, so that it can stand on a line of its own.
func splitCommand(message string) (rest, command string) {
	if before, after, found := strings.Cut(message, "; kubectl "); found && !strings.Contains(after, ";") {
		return before, "kubectl " + after
	}
	return message, ""
}
