package promotion

import (
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// newest checks the order among the promotions of the pipeline. Where the queue is Newest, a newer promotion that is
// equally ready takes the place of an older one, unless people have signed the older one: signatures are not thrown away.
func (v *visit) newest(signed Verdict) Verdict {
	for _, rival := range v.snapshot.Rivals {
		if rival.UID == v.promotion().UID || !selectsNamespace(rival, v.namespace()) {
			continue
		}
		verdict := v.against(rival, signed)
		if verdict.State != Ready {
			return verdict
		}
	}
	return ready()
}

func (v *visit) against(rival *v1alpha1.Promotion, signed Verdict) Verdict {
	newer := compareAge(rival, v.promotion()) > 0
	if v.site.Environment.Spec.Queue == v1alpha1.QueueInOrder {
		if !newer && queued(rival, v.namespace()) && v.promotion().Spec.Intent != v1alpha1.IntentRollback {
			return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentBusy,
				"promotion %s was created before and goes first (queue: InOrder); it enters when that one is done here or cancelled", rival.Name))
		}
		return ready()
	}
	if !newer || !v.equallyReady(rival) {
		return ready()
	}
	reason := v1alpha1.NewReason(v1alpha1.ReasonNewerPromotionReady, "promotion %s is newer and as ready for %s", rival.Name, v.step.Name)
	if v.needed().Mode == v1alpha1.RequirementRequired && signed.State == Ready {
		return ready()
	}
	return refused(v1alpha1.CauseSuperseded, reason)
}

// queued says whether a promotion still means to enter a namespace.
func queued(p *v1alpha1.Promotion, namespace string) bool {
	if p.Status.Outcome != "" || p.Labels[v1alpha1.OutcomeLabel] != "" || p.Spec.Lifecycle == v1alpha1.LifecycleCancelled {
		return false
	}
	state := progressIn(p, namespace).State
	return state == v1alpha1.StatePending || state == v1alpha1.StateWaiting
}

// equallyReady says whether a rival has come as far: it is in this environment or through it, or it stands before it
// with its predecessors passed and its evidence complete.
func (v *visit) equallyReady(rival *v1alpha1.Promotion) bool {
	switch progressIn(rival, v.namespace()).State {
	case v1alpha1.StateDeploying, v1alpha1.StateVerifying, v1alpha1.StatePassed:
		return true
	case v1alpha1.StateWaiting:
		other := v.as(rival)
		return other != nil && rival.Status.Outcome == "" && rival.Spec.Lifecycle != v1alpha1.LifecycleCancelled &&
			other.predecessorsPassed().and(other.evidenceComplete()).and(other.admitted()).and(other.gatesAllowed()).and(other.requesterKnown()).State == Ready
	}
	return false
}

// as looks at this environment with the eyes of a rival; nil where the rival does not come here.
func (v *visit) as(rival *v1alpha1.Promotion) *visit {
	snapshot := v.snapshot
	snapshot.Promotion = rival
	d := &decision{snapshot: snapshot, status: *rival.Status.DeepCopy()}
	for _, other := range d.visits() {
		if other.namespace() == v.namespace() {
			return other
		}
	}
	return nil
}

// preempted returns a newer rollback that waits for nothing but the slot that this Promotion holds; nil where there is
// none.
func (v *visit) preempted() *v1alpha1.Promotion {
	i := slices.IndexFunc(v.snapshot.Rivals, func(rival *v1alpha1.Promotion) bool {
		return rival.Spec.Intent == v1alpha1.IntentRollback && compareAge(rival, v.promotion()) > 0 &&
			queued(rival, v.namespace()) && keptOut(progressIn(rival, v.namespace()))
	})
	if i < 0 || v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return nil
	}
	return v.snapshot.Rivals[i]
}

// keptOut says whether nothing keeps a promotion out but the one that holds the slot, and its rollout.
func keptOut(progress v1alpha1.EnvironmentProgress) bool {
	busy := false
	for _, reason := range progress.Reasons {
		switch reason.Type {
		case v1alpha1.ReasonEnvironmentBusy:
			busy = true
		case v1alpha1.ReasonWorkloadRollingOut:
		default:
			return false
		}
	}
	return busy
}

func selectsNamespace(p *v1alpha1.Promotion, namespace string) bool {
	progress := progressIn(p, namespace)
	return progress.Name != "" && progress.Cause != v1alpha1.CauseNotSelected
}

// progressIn returns how far a promotion came in a namespace; the zero value where it does not go there.
func progressIn(p *v1alpha1.Promotion, namespace string) v1alpha1.EnvironmentProgress {
	for _, progress := range p.Status.Environments {
		if progress.EnvironmentRef.Namespace == namespace {
			return progress
		}
	}
	return v1alpha1.EnvironmentProgress{}
}
