package promotion

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// end finishes the Promotion once nothing is left to do anywhere; else it says in one line what it waits for.
func (d *decision) end(visits []*visit) {
	if slices.ContainsFunc(visits, func(v *visit) bool { return !v.settled() }) {
		d.status.Message = v1alpha1.Clip(d.progressMessage(visits), 2048)
		return
	}
	outcome := d.outcome(visits)
	d.finish(outcome, d.outcomeMessage(outcome, visits))
}

// outcome is the gravest of what happened: Failed, Rejected, Cancelled, Superseded, Expired, Succeeded.
func (d *decision) outcome(visits []*visit) v1alpha1.PromotionOutcome {
	causes := map[v1alpha1.EnvironmentCause]bool{}
	for _, v := range visits {
		if v.progress.State == v1alpha1.StateRollbackFailed {
			return v1alpha1.OutcomeFailed
		}
		if v.progress.State != v1alpha1.StatePassed {
			causes[v.progress.Cause] = true
		}
	}
	return gravest(causes)
}

// gravest is the outcome that the gravest of some causes stands for.
func gravest(causes map[v1alpha1.EnvironmentCause]bool) v1alpha1.PromotionOutcome {
	for _, o := range []struct {
		cause   v1alpha1.EnvironmentCause
		outcome v1alpha1.PromotionOutcome
	}{
		{v1alpha1.CauseGateFailed, v1alpha1.OutcomeFailed}, {v1alpha1.CauseGateInconclusive, v1alpha1.OutcomeFailed},
		{v1alpha1.CauseRolloutFailed, v1alpha1.OutcomeFailed}, {v1alpha1.CauseDrifted, v1alpha1.OutcomeFailed},
		{v1alpha1.CauseQuarantined, v1alpha1.OutcomeFailed}, {v1alpha1.CauseEvidenceRevoked, v1alpha1.OutcomeFailed},
		{v1alpha1.CausePromotionDeleted, v1alpha1.OutcomeFailed}, {v1alpha1.CauseOverridden, v1alpha1.OutcomeFailed},
		{v1alpha1.CauseRejected, v1alpha1.OutcomeRejected}, {v1alpha1.CauseCancelled, v1alpha1.OutcomeCancelled},
		{v1alpha1.CauseSuperseded, v1alpha1.OutcomeSuperseded}, {v1alpha1.CauseExpired, v1alpha1.OutcomeExpired},
	} {
		if causes[o.cause] {
			return o.outcome
		}
	}
	return v1alpha1.OutcomeSucceeded
}

func (d *decision) outcomeMessage(outcome v1alpha1.PromotionOutcome, visits []*visit) string {
	if outcome == v1alpha1.OutcomeSucceeded {
		return "release " + d.status.ShortHash + " passed every environment"
	}
	var said []string
	for _, v := range visits {
		if v.progress.Message != "" && v.progress.Cause != v1alpha1.CausePredecessorFailed && v.progress.Cause != v1alpha1.CausePromotionFailed {
			said = append(said, v.step.Name+" is "+string(v.progress.State)+": "+v.progress.Message)
		}
	}
	return strings.Join(said, "; ")
}

// progressMessage names what decides in the first environment that is under way, then in the others.
func (d *decision) progressMessage(visits []*visit) string {
	var said []string
	for _, v := range visits {
		if len(v.progress.Reasons) > 0 && v.progress.Reasons[0].Type != v1alpha1.ReasonPredecessorPending {
			said = append(said, v.step.Name+" is "+string(v.progress.State)+": "+v.progress.Reasons[0].Message)
		}
	}
	if len(said) == 0 {
		for _, v := range visits {
			if len(v.progress.Reasons) > 0 {
				said = append(said, v.step.Name+" "+v.progress.Reasons[0].Message)
			}
		}
	}
	if changed := d.pipelineChanged(); changed != "" && len(said) > 0 {
		said = append(said, changed)
	}
	return strings.Join(said, "; ")
}

// pipelineChanged says that the pipeline is not what it was when the Promotion started.
func (d *decision) pipelineChanged() string {
	now, then := d.snapshot.Pipeline, d.status.Pipeline
	switch {
	case now == nil || string(now.UID) != then.UID:
		return "the pipeline was deleted since; this Promotion goes on as it started"
	case now.Generation != then.Generation:
		return "the pipeline changed since; this Promotion goes on as it started"
	}
	return ""
}

// reason is the word for where the Promotion stands.
func (d *decision) reason() string {
	if d.unresolved != nil {
		return d.unresolved.Type
	}
	for _, p := range d.status.Environments {
		if len(p.Reasons) > 0 && p.Reasons[0].Type != v1alpha1.ReasonPredecessorPending {
			return p.Reasons[0].Type
		}
	}
	for _, p := range d.status.Environments {
		if len(p.Reasons) > 0 {
			return p.Reasons[0].Type
		}
	}
	return v1alpha1.ReasonPending
}

// failureReason is the word for how the Promotion ended.
func (d *decision) failureReason() string {
	if d.status.Outcome != v1alpha1.OutcomeFailed {
		return string(d.status.Outcome)
	}
	for _, p := range d.status.Environments {
		if p.State == v1alpha1.StateRollbackFailed {
			return v1alpha1.ReasonRollbackFailed
		}
	}
	for _, p := range d.status.Environments {
		if p.State == v1alpha1.StateFailed || p.State == v1alpha1.StateRolledBack {
			return string(p.Cause)
		}
	}
	return string(v1alpha1.OutcomeFailed)
}

// conditions says the same for tools that read conditions. They change on transitions only, and carry no figures.
func (d *decision) conditions() []metav1.Condition {
	conditions := slices.Clone(d.status.Conditions)
	set := func(c metav1.Condition) { SetCondition(&conditions, c, d.promotion().Generation, d.now()) }
	switch d.status.Outcome {
	case "":
		set(v1alpha1.NewCondition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, d.reason(), d.status.Message))
		set(v1alpha1.NewCondition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, d.reason(), d.status.Message))
		set(d.resolvedCondition())
		return without(conditions, v1alpha1.ConditionStalled)
	case v1alpha1.OutcomeSucceeded:
		set(v1alpha1.NewCondition(v1alpha1.ConditionSucceeded, metav1.ConditionTrue, v1alpha1.ReasonAllEnvironmentsPassed, d.status.Message))
		return without(conditions, v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling)
	}
	set(v1alpha1.NewCondition(v1alpha1.ConditionSucceeded, metav1.ConditionFalse, d.failureReason(), d.status.Message))
	switch d.status.Outcome {
	case v1alpha1.OutcomeFailed, v1alpha1.OutcomeRejected, v1alpha1.OutcomeExpired:
		set(v1alpha1.NewCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, d.failureReason(), d.status.Message))
		return without(conditions, v1alpha1.ConditionReconciling)
	}
	// Superseded and cancelled Promotions count as current, so that old files in Git stay green.
	return without(conditions, v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling)
}

// SetCondition puts a condition in. Its transition time changes with its status only.
func SetCondition(conditions *[]metav1.Condition, c metav1.Condition, generation int64, now *metav1.Time) {
	c.ObservedGeneration, c.LastTransitionTime = generation, *now
	i := slices.IndexFunc(*conditions, func(before metav1.Condition) bool { return before.Type == c.Type })
	if i < 0 {
		*conditions = append(*conditions, c)
		return
	}
	if before := (*conditions)[i]; before.Status == c.Status {
		c.LastTransitionTime = before.LastTransitionTime
	}
	updated := slices.Clone(*conditions)
	updated[i] = c
	*conditions = updated
}

func without(conditions []metav1.Condition, types ...string) []metav1.Condition {
	return slices.DeleteFunc(conditions, func(c metav1.Condition) bool { return slices.Contains(types, c.Type) })
}

// publishEmergency makes an event of an emergency that enters.
func (d *decision) publishEmergency(p v1alpha1.EnvironmentProgress, before v1alpha1.EnvironmentState) {
	entered := before == "" || before == v1alpha1.StatePending || before == v1alpha1.StateWaiting
	if p.Emergency.Reason == "" || !entered {
		return
	}
	note := p.Name + " is entered as an emergency: " + p.Emergency.Reason
	if len(p.Emergency.Skipped) > 0 {
		note += "; without " + words(p.Emergency.Skipped)
	}
	d.events = append(d.events, Event{Warning: true, Reason: "Emergency", Action: "Promote", Note: v1alpha1.Clip(note, 1024)})
}

// publishTransitions makes an event of every change of state, and of the end.
func (d *decision) publishTransitions() {
	before := map[string]v1alpha1.EnvironmentState{}
	for _, p := range d.promotion().Status.Environments {
		before[p.Name] = p.State
	}
	for _, p := range d.status.Environments {
		if p.State == before[p.Name] || p.State == v1alpha1.StatePending || p.State == v1alpha1.StateNotEntered {
			continue
		}
		note := p.Name + " is " + string(p.State)
		if p.Message != "" {
			note += ": " + p.Message
		} else if len(p.Reasons) > 0 {
			note += ": " + p.Reasons[0].Message
		}
		visit := visit{decision: d, progress: &p}
		d.events = append(d.events, Event{Warning: visit.failed(), Reason: string(p.State), Action: "Promote", Note: v1alpha1.Clip(note, 1024)})
		d.publishEmergency(p, before[p.Name])
	}
	if d.status.Outcome != "" && d.promotion().Status.Outcome == "" {
		bad := slices.Contains([]v1alpha1.PromotionOutcome{v1alpha1.OutcomeFailed, v1alpha1.OutcomeRejected, v1alpha1.OutcomeExpired}, d.status.Outcome)
		d.events = append(d.events, Event{Warning: bad, Reason: string(d.status.Outcome), Action: "Finish", Note: v1alpha1.Clip(d.status.Message, 1024)})
	}
}
