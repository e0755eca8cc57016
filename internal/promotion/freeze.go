package promotion

import (
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion/calendar"
)

// calendarOf reads the freezes and windows of the environment, or says why they make no sense.
func (v *visit) calendarOf() (calendar.Calendar, v1alpha1.Reason) {
	times, problem := calendar.New(v.site.Environment.Spec.Freezes, v.site.Zones)
	if problem != nil {
		return times, InvalidSchedule(v.namespace(), problem)
	}
	return times, v1alpha1.Reason{}
}

// open checks that no freeze lasts and that a window is open, where the Environment has windows. People may sign
// meanwhile: what waits goes on at the very moment at which it opens.
func (v *visit) open() Verdict {
	if !v.heedsFreezes() {
		return ready()
	}
	times, problem := v.calendarOf()
	if problem.Type != "" {
		return pending(problem)
	}
	v.times = times
	return pendingUnless(ClosedBecause(v.namespace(), times.At(v.snapshot.Now)))
}

// heedsFreezes says whether freezes hold for this Promotion: a rollback ignores them, unless the Environment says Respect.
func (v *visit) heedsFreezes() bool {
	return v.promotion().Spec.Intent != v1alpha1.IntentRollback || v.force.RollbackFreezes == v1alpha1.FreezesRespect
}

// lookAgainWhenItOpens asks for a look at the moment at which deployments may begin, or no longer may.
func (v *visit) lookAgainWhenItOpens() {
	if v.verdict.State == Pending {
		v.wakeAt(v.times.At(v.snapshot.Now).Again)
	}
}

// InvalidSchedule says which freeze of an Environment makes no sense, and who mends it.
func InvalidSchedule(namespace string, problem *calendar.Problem) v1alpha1.Reason {
	return v1alpha1.NewReason(v1alpha1.ReasonInvalidSchedule,
		"freeze %s of the Environment of %s: %s; until the platform team mends it, nothing begins here; kubectl edit environment environment -n %s",
		problem.Freeze, namespace, problem.Message, namespace)
}

// ClosedBecause returns all that keeps deployments from beginning in an environment; nothing where they may.
func ClosedBecause(namespace string, answer calendar.Answer) []v1alpha1.Reason {
	var reasons []v1alpha1.Reason
	then := "; it goes on by itself then, or when the platform team changes spec.freezes; kubectl edit environment environment -n " + namespace
	if freeze := answer.Freeze; freeze != nil {
		until := "with no end in sight, as it begins again before it is over,"
		if !freeze.End.IsZero() {
			until = "until " + calendar.Text(freeze.End, freeze.Zone)
		}
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonFrozen, "%s is frozen %s by %s%s%s%s",
			namespace, until, freeze.Freeze.Name, because(freeze.Freeze), opensLater(answer, freeze.End, freeze.Zone), then))
	}
	switch window := answer.Window; {
	case !answer.Windowless:
	case window == nil:
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonOutsideWindow,
			"deployments to %s begin in its windows only, and none opens any more; the platform team adds one to spec.freezes; kubectl edit environment environment -n %s", namespace, namespace))
	default:
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonOutsideWindow, "deployments to %s begin in its windows only, and the next one, %s, opens at %s%s%s%s",
			namespace, window.Freeze.Name, calendar.Text(window.Begin, window.Zone), because(window.Freeze), opensLater(answer, window.Begin, window.Zone), then))
	}
	return reasons
}

func because(freeze v1alpha1.Freeze) string {
	if freeze.Reason == "" {
		return ""
	}
	return " (" + freeze.Reason + ")"
}

// opensLater adds when deployments may begin, where that is not at once when an entry is over or opens.
func opensLater(answer calendar.Answer, then time.Time, zone *time.Location) string {
	switch {
	case answer.Until.Equal(then):
		return ""
	case answer.Until.IsZero():
		return "; when deployments may begin is not in sight"
	}
	return "; deployments may begin at " + calendar.Text(answer.Until, zone)
}
