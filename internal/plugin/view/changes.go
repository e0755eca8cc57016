package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Changes says what happened to a promotion between two looks, one line for each transition. A nil before is the first
// look: it says how everything stands.
func Changes(o Options, before *Promotion, after Promotion) []Line {
	c := changes{Options: o}
	old := &v1alpha1.Promotion{}
	if before != nil {
		old = before.Object
	}
	if hash := after.Object.Status.ReleaseHash; hash != "" && old.Status.ReleaseHash == "" {
		c.say("promotion", Strong, "resolved, release "+o.hash(hash))
	}
	for _, e := range after.Object.Status.Environments {
		was, gates := v1alpha1.EnvironmentProgress{}, []v1alpha1.GateStatus(nil)
		if i := slices.IndexFunc(old.Status.Environments, func(p v1alpha1.EnvironmentProgress) bool { return p.Name == e.Name }); i >= 0 {
			was = old.Status.Environments[i]
			gates = overlay(was, before.Jobs)
		}
		c.environment(was, e, gates, overlay(e, after.Jobs))
	}
	c.whole(old, after.Object)
	return c.lines
}

type changes struct {
	Options
	lines []Line
}

// whereColumns is how wide the column of names is, where names are not longer.
const whereColumns = 12

func (c *changes) say(where string, tone Tone, what string) {
	now := c.Now.UTC().Format("2006-01-02T15:04:05Z")
	l := line(toned(Faint, now+gap)).and(pad(plain(where), whereColumns)...)
	c.lines = append(c.lines, l.and(text(gap), toned(tone, what)))
}

// environment says what happened in one environment: gates and signatures before the state that follows from them.
func (c *changes) environment(was, is v1alpha1.EnvironmentProgress, gatesWere, gatesAre []v1alpha1.GateStatus) {
	moved := was.State != is.State
	if moved && !final(is.State) {
		c.state(is)
	}
	for _, a := range is.Approvals {
		c.approval(is.Name, a, was.Approvals)
	}
	for _, g := range gatesAre {
		c.gate(is.Name, g, gatesWere)
	}
	waitsForElse := !moved && is.State == v1alpha1.StateWaiting && reasonTypes(was) != reasonTypes(is)
	if waitsForElse || (moved && final(is.State)) {
		c.state(is)
	}
}

// approval says that somebody signed, or that a signature counts otherwise than before.
func (c *changes) approval(environment string, a v1alpha1.ApprovalStatus, before []v1alpha1.ApprovalStatus) {
	known := func(b v1alpha1.ApprovalStatus) bool {
		return b.ApprovalRef == a.ApprovalRef && b.Approver == a.Approver && b.State == a.State && b.Reason == a.Reason
	}
	if !slices.ContainsFunc(before, known) {
		c.say(environment, toneOf(string(a.State)), approvalWord(a))
	}
}

// final says whether an environment is done with a promotion.
func final(s v1alpha1.EnvironmentState) bool {
	switch s {
	case v1alpha1.StatePassed, v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed, v1alpha1.StateFailed, v1alpha1.StateNotEntered:
		return true
	}
	return false
}

// state says how far an environment came; that it has not begun is not worth a line.
func (c *changes) state(e v1alpha1.EnvironmentProgress) {
	said := string(e.State)
	switch {
	case e.State == v1alpha1.StatePending:
		return
	case e.State == v1alpha1.StateWaiting:
		var reasons []string
		for _, r := range e.Reasons {
			reasons = append(reasons, r.Type+": "+r.Message)
		}
		if len(reasons) > 0 {
			said += " " + strings.Join(reasons, "; ")
		}
	case e.Cause != "":
		said += " " + string(e.Cause)
		if e.Message != "" {
			said += ": " + e.Message
		}
	}
	if took := c.took(e.StartTime, e.CompletionTime); final(e.State) && took != "" {
		said += ", after " + took
	}
	c.say(e.Name, toneOf(string(e.State)), said)
}

func approvalWord(a v1alpha1.ApprovalStatus) string {
	said := strings.ToLower(string(a.Decision)) + " by " + a.Approver + ", " + string(a.State)
	if a.Reason != "" {
		said += ": " + a.Reason
	}
	if a.Comment != "" {
		said += ", “" + a.Comment + "”"
	}
	return said
}

// gate says what happened to one gate; that it waits for its turn is not worth a line.
func (c *changes) gate(environment string, g v1alpha1.GateStatus, before []v1alpha1.GateStatus) {
	i := slices.IndexFunc(before, func(b v1alpha1.GateStatus) bool { return b.Name == g.Name })
	if g.State == v1alpha1.GatePending || (i >= 0 && sameGate(before[i], g)) {
		return
	}
	said := fmt.Sprintf("gate %s (%s) %s", g.Name, g.Purpose, g.State)
	if took := c.took(g.StartTime, g.CompletionTime); g.State != v1alpha1.GateRunning && took != "" {
		said += " in " + took
	}
	if n := value(g.Attempts); n > 1 {
		said += fmt.Sprintf(", attempt %d", n)
	}
	if g.Message != "" {
		said += ": " + g.Message
	}
	c.say(environment, toneOf(string(g.State)), said)
}

// sameGate says whether nothing happened to a gate. What one says that has ended may come later, from the operator.
func sameGate(was, is v1alpha1.GateStatus) bool {
	said := was.Message == is.Message || is.State != v1alpha1.GateRunning
	return said && was.State == is.State && max(value(was.Attempts), 1) == max(value(is.Attempts), 1)
}

func value(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

func reasonTypes(e v1alpha1.EnvironmentProgress) string {
	var types []string
	for _, r := range e.Reasons {
		types = append(types, r.Type)
	}
	return strings.Join(types, ",")
}

// whole says what happened to the promotion itself.
func (c *changes) whole(old, now *v1alpha1.Promotion) {
	cancelled := now.Spec.Lifecycle == v1alpha1.LifecycleCancelled
	if cancelled && old.Spec.Lifecycle != v1alpha1.LifecycleCancelled && now.Status.Outcome == "" {
		c.say("promotion", Bad, "is being cancelled")
	}
	succeeded := condition(now.Status.Conditions, v1alpha1.ConditionSucceeded)
	if len(now.Status.Environments) == 0 && now.Status.Outcome == "" &&
		condition(old.Status.Conditions, v1alpha1.ConditionSucceeded).Reason != succeeded.Reason {
		c.say("promotion", Waits, succeeded.Reason+": "+succeeded.Message)
	}
	if outcome := string(now.Status.Outcome); outcome != "" && string(old.Status.Outcome) != outcome {
		said := outcome
		if now.Status.Message != "" {
			said += ": " + now.Status.Message
		}
		c.say("promotion", toneOf(outcome), said)
	}
}

// News returns the lines that were not there before, each with the time: for what is followed where nothing can be
// drawn again in place. Both were made at the same time of day, so that ages make no news.
func News(o Options, before, after []Line) []Line {
	known := map[string]bool{}
	for _, l := range before {
		known[l.String()] = true
	}
	var news []Line
	for _, l := range after {
		if said := l.String(); said != "" && !known[said] {
			news = append(news, line(toned(Faint, o.Now.UTC().Format("2006-01-02T15:04:05Z")+gap)).and(l...))
		}
	}
	return news
}
