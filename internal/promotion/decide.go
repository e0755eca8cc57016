package promotion

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Decide says what to do about a Promotion, given all that bears on it.
func Decide(snapshot Snapshot) Plan {
	// A cache lists in any order, and a wait that names another promotion must not name one, then another.
	snapshot.Rivals = slices.SortedFunc(slices.Values(snapshot.Rivals), func(a, b *v1alpha1.Promotion) int { return compareAge(a, b) })
	d := &decision{snapshot: snapshot, status: *snapshot.Promotion.Status.DeepCopy()}
	d.decide()
	d.status.Conditions = d.conditions()
	d.publishTransitions()
	return Plan{Effects: d.effects, Status: d.status, Events: d.events, Questions: d.questions, Wake: d.wake}
}

// decision is the work on one plan.
type decision struct {
	snapshot Snapshot
	// status grows into the plan's.
	status  v1alpha1.PromotionStatus
	effects []Effect
	events  []Event
	// questions that the snapshot does not answer.
	questions Questions
	wake      time.Time
	// unresolved says why the release is not known.
	unresolved *v1alpha1.Reason
	// writeFirst keeps the promotion out of every environment until what was resolved is written down.
	writeFirst bool
	// stop says why no further environment is entered; empty while nothing speaks against it.
	stop v1alpha1.EnvironmentCause
	// stopMessage says who or what stopped it.
	stopMessage string
}

func (d *decision) decide() {
	if d.finished() {
		return
	}
	if d.status.StartTime == nil {
		d.status.StartTime = d.now()
	}
	if d.usedBefore() {
		return
	}
	if !d.resolve() {
		d.waitUnresolved()
		return
	}
	visits := d.visits()
	for _, v := range visits {
		v.goOn()
	}
	d.findStop(visits)
	for _, v := range visits {
		v.judge()
	}
	for _, v := range visits {
		v.enter()
	}
	d.end(visits)
}

// finished says whether the Promotion has ended before. One that ended is only marked, should the mark be missing, and
// never runs again: the label outlives a status that a backup left out. Where the status is not lost, it decides: the
// operator may have been killed between the label and the status.
func (d *decision) finished() bool {
	label := v1alpha1.PromotionOutcome(d.promotion().Labels[v1alpha1.OutcomeLabel])
	switch {
	case d.status.Outcome != "":
		if label != d.status.Outcome {
			d.do(LabelOutcome{Outcome: d.status.Outcome})
		}
		return true
	case label != "" && d.status.Pipeline.UID == "":
		d.status.Outcome = label
		d.status.Message = "ended before (" + string(label) + "), says the label " + v1alpha1.OutcomeLabel +
			"; its status was lost, its records are kept. Create another Promotion to run it again"
		return true
	}
	return false
}

// waitUnresolved ends a Promotion that nobody wants any more before it is resolved; else it waits.
func (d *decision) waitUnresolved() {
	d.status.Message = d.unresolved.Message
	d.wakeAt(d.snapshot.Resolution.Next)
	d.findStop(nil)
	switch d.stop {
	case v1alpha1.CauseCancelled:
		d.finish(v1alpha1.OutcomeCancelled, d.stopMessage)
	case v1alpha1.CauseExpired:
		d.finish(v1alpha1.OutcomeExpired, d.stopMessage+"; it waited for this: "+d.unresolved.Message)
	}
}

// finish ends the Promotion, and marks it for good.
func (d *decision) finish(outcome v1alpha1.PromotionOutcome, message string) {
	d.status.Outcome = outcome
	d.status.Message = v1alpha1.Clip(message, 2048)
	d.status.CompletionTime = d.now()
	d.wake = time.Time{}
	d.do(LabelOutcome{Outcome: outcome})
}

func (d *decision) promotion() *v1alpha1.Promotion { return d.snapshot.Promotion }

func (d *decision) uid() string { return string(d.promotion().UID) }

func (d *decision) do(effects ...Effect) { d.effects = append(d.effects, effects...) }

// now returns the present time in the resolution that the API stores: one second.
func (d *decision) now() *metav1.Time {
	now := metav1.NewTime(d.snapshot.Now.Truncate(time.Second))
	return &now
}

// wakeAt asks for another look at a time, the earliest of those asked for.
func (d *decision) wakeAt(at time.Time) {
	if !at.IsZero() && (d.wake.IsZero() || at.Before(d.wake)) {
		d.wake = at
	}
}

// pipelineKey is the pipeline as namespace/name.
func (d *decision) pipelineKey() string {
	return d.promotion().Namespace + "/" + d.promotion().Spec.PipelineRef.Name
}

func (d *decision) reference() v1alpha1.PromotionReference {
	p := d.promotion()
	return v1alpha1.PromotionReference{Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
}
