package promotion

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// holding says whether this Promotion holds the pipeline's slot here.
func (v *visit) holding() bool {
	h := v.holder()
	return h != nil && h.PromotionRef.UID == v.uid()
}

// holder is who holds the pipeline's slot here; nil where nobody does.
func (v *visit) holder() *v1alpha1.Holder {
	if v.site.Environment == nil {
		return nil
	}
	return holderOf(v.site.Environment.Status, v.pipelineKey())
}

func holderOf(status v1alpha1.EnvironmentStatus, pipeline string) *v1alpha1.Holder {
	for i := range status.Holders {
		if status.Holders[i].Pipeline == pipeline {
			return &status.Holders[i]
		}
	}
	return nil
}

// rivalHolder is another promotion that keeps this one out of the slot; nil where none does.
func (v *visit) rivalHolder() *v1alpha1.Holder {
	env := v.site.Environment
	for i, h := range env.Status.Holders {
		others := h.Pipeline == v.pipelineKey() || env.Spec.Concurrency == v1alpha1.ConcurrencyExclusive
		if others && h.PromotionRef.UID != v.uid() {
			return &env.Status.Holders[i]
		}
	}
	return nil
}

// claim takes the slot and leaves the inbox, in one write that only one of several promotions can win.
func (v *visit) claim() {
	v.claimed = true
	env := v.site.Environment
	status := *env.Status.DeepCopy()
	status.Awaiting = withoutAwaiting(status.Awaiting, v.uid())
	status.Holders = withoutHolder(status.Holders, v.pipelineKey())
	status.Holders = append(status.Holders, v1alpha1.Holder{
		Pipeline: v.pipelineKey(), PromotionRef: v.reference(), ReleaseHash: v.status.ReleaseHash, Images: v.status.Images,
		OnFailure: pick(v.step.OnFailure == "", v1alpha1.RollbackOnFailure, v.step.OnFailure), SinceTime: v.now(),
		Emergency: v.progress.Emergency,
	})
	v.writeEnvironment(status, v1alpha1.DeliveredPipeline{
		Pipeline: v.pipelineKey(), State: v1alpha1.DeliveryChanging, ReleaseHash: v.status.ReleaseHash,
		PromotionRef: v.reference(), SinceTime: v.now(),
	})
}

// release gives the slot back and says how the pipeline stands here now.
func (v *visit) release() {
	status := *v.site.Environment.Status.DeepCopy()
	status.Holders = withoutHolder(status.Holders, v.pipelineKey())
	v.writeEnvironment(status, v.delivered())
	v.released = true
}

// delivered says what runs here once this Promotion is done.
func (v *visit) delivered() v1alpha1.DeliveredPipeline {
	entry := v1alpha1.DeliveredPipeline{
		Pipeline: v.pipelineKey(), State: v1alpha1.DeliveryCurrent, ReleaseHash: v.status.ReleaseHash,
		PromotionRef: v.reference(), SinceTime: v.now(),
	}
	switch {
	case v.overridden() != nil:
		entry.ReleaseHash, entry.PromotionRef = v.overridden().Spec.ReleaseHash, v1alpha1.PromotionReference{}
	case v.progress.State == v1alpha1.StateFailed:
		entry.State = v1alpha1.DeliveryHeld
	case v.progress.State == v1alpha1.StateRollbackFailed:
		entry.State = v1alpha1.DeliveryRollbackFailed
	case v.progress.State == v1alpha1.StateRolledBack:
		entry.ReleaseHash, entry.PromotionRef = "", v1alpha1.PromotionReference{}
		if stable := v.stable(); stable != nil {
			entry.ReleaseHash, entry.PromotionRef = stable.Spec.ReleaseHash, promotionOf(stable)
		}
	}
	return entry
}

// promotionOf names the Promotion of a record; the zero value where it was adopted.
func promotionOf(r *v1alpha1.ReleaseRecord) v1alpha1.PromotionReference {
	p := r.Spec.Promotion
	return v1alpha1.PromotionReference{Namespace: p.Namespace, Name: p.Name, UID: p.UID}
}

func (v *visit) writeEnvironment(status v1alpha1.EnvironmentStatus, entry v1alpha1.DeliveredPipeline) {
	status.Pipelines = WithDelivered(status.Pipelines, entry)
	SetCondition(&status.Conditions, ConvergedCondition(status), v.site.Environment.Generation, v.now())
	v.do(UpdateEnvironment{Namespace: v.namespace(), ResourceVersion: v.site.Environment.ResourceVersion, Status: status})
}

// signature is what people are asked for.
type signature struct {
	needed       v1alpha1.ApprovalRequirement
	evidenceHash string
}

// await puts the promotion into the inbox, or brings its entry up to date; without that, nobody can sign.
func (v *visit) await(wanted signature) {
	env := v.site.Environment
	spec := v.promotion().Spec
	entry := v1alpha1.AwaitingPromotion{
		PromotionRef: v.reference(), Pipeline: v.pipelineKey(), RequestedBy: spec.RequestedBy.Username,
		OnBehalfOf: spec.OnBehalfOf, Excluded: excludedPersons(spec, wanted.needed.Excludes),
		ReleaseHash: v.status.ReleaseHash, EvidenceHash: wanted.evidenceHash, Groups: v.stampedGroups(wanted.needed), SinceTime: v.now(),
		EnvironmentGeneration: v.progress.SignOff.EnvironmentGeneration, Changes: v.changed(),
	}
	if v.emergency() {
		entry.Emergency = spec.Emergency
	}
	if before := v.entry(); before != nil {
		entry.SinceTime = before.SinceTime
		if sameEntry(*before, entry) {
			return
		}
	}
	status := *env.Status.DeepCopy()
	status.Awaiting = append(withoutAwaiting(status.Awaiting, v.uid()), entry)
	v.do(UpdateEnvironment{Namespace: v.namespace(), ResourceVersion: env.ResourceVersion, Status: status})
}

// withdraw takes the promotion out of the inbox, if it is there.
func (v *visit) withdraw() {
	if v.site.Environment == nil || !v.awaited() {
		return
	}
	status := *v.site.Environment.Status.DeepCopy()
	status.Awaiting = withoutAwaiting(status.Awaiting, v.uid())
	v.do(UpdateEnvironment{Namespace: v.namespace(), ResourceVersion: v.site.Environment.ResourceVersion, Status: status})
}

func (v *visit) awaited() bool { return v.entry() != nil }

// entry is that of this promotion in the inbox; nil where there is none.
func (v *visit) entry() *v1alpha1.AwaitingPromotion {
	awaiting := v.site.Environment.Status.Awaiting
	for i := range awaiting {
		if awaiting[i].PromotionRef.UID == v.uid() {
			return &awaiting[i]
		}
	}
	return nil
}

func sameEntry(a, b v1alpha1.AwaitingPromotion) bool {
	return a.ReleaseHash == b.ReleaseHash && a.EvidenceHash == b.EvidenceHash && a.RequestedBy == b.RequestedBy &&
		slices.Equal(a.Excluded, b.Excluded) && slices.Equal(a.Groups, b.Groups) &&
		a.Emergency.Reason == b.Emergency.Reason && a.EnvironmentGeneration == b.EnvironmentGeneration && slices.Equal(a.Changes, b.Changes)
}

// excludedPersons are those who may not sign, in order and each once.
func excludedPersons(spec v1alpha1.PromotionSpec, excludes []v1alpha1.Exclusion) []string {
	var persons []string
	if slices.Contains(excludes, v1alpha1.ExcludeRequester) {
		persons = append(persons, spec.RequestedBy.Username)
	}
	if slices.Contains(excludes, v1alpha1.ExcludeOnBehalfOf) {
		persons = append(persons, spec.OnBehalfOf...)
	}
	if slices.Contains(excludes, v1alpha1.ExcludeChangeAuthors) {
		for _, change := range spec.Changes {
			persons = append(persons, change.Author)
		}
	}
	slices.Sort(persons)
	return slices.DeleteFunc(slices.Compact(persons), func(person string) bool { return person == "" })
}

// stampedGroups are those whose membership an Approval holds: of quotas, because they are counted, and of those that may
// sign here, because the right is asked for again with them.
func (v *visit) stampedGroups(needed v1alpha1.ApprovalRequirement) []string {
	var groups []string
	for _, quota := range needed.From {
		groups = append(groups, quota.Name)
	}
	for _, group := range v.site.Signers {
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups[:min(len(groups), maxStamped)]
}

func withoutHolder(holders []v1alpha1.Holder, pipeline string) []v1alpha1.Holder {
	return slices.DeleteFunc(holders, func(h v1alpha1.Holder) bool { return h.Pipeline == pipeline })
}

func withoutAwaiting(awaiting []v1alpha1.AwaitingPromotion, uid string) []v1alpha1.AwaitingPromotion {
	return slices.DeleteFunc(awaiting, func(a v1alpha1.AwaitingPromotion) bool { return a.PromotionRef.UID == uid })
}

// WithDelivered returns the entries with one of them put in or replaced.
func WithDelivered(entries []v1alpha1.DeliveredPipeline, entry v1alpha1.DeliveredPipeline) []v1alpha1.DeliveredPipeline {
	i := slices.IndexFunc(entries, func(e v1alpha1.DeliveredPipeline) bool { return e.Pipeline == entry.Pipeline })
	if i < 0 {
		return append(entries, entry)
	}
	entries[i] = entry
	return entries
}

// convergence lists the states that decide the condition Converged, the gravest first.
var convergence = []struct {
	state   v1alpha1.DeliveryState
	status  metav1.ConditionStatus
	reason  string
	message string
}{
	{v1alpha1.DeliveryRollbackFailed, metav1.ConditionFalse, v1alpha1.ReasonRollbackFailed, "a rollback did not succeed: promote a fix, or roll back to a release of kubectl get releaserecords"},
	{v1alpha1.DeliveryHeld, metav1.ConditionFalse, v1alpha1.ReasonReleaseHeld, "a failed release was left in place: promote a fix, or roll back"},
	{v1alpha1.DeliveryDrifted, metav1.ConditionFalse, v1alpha1.ReasonDrifted, "something else runs than was promoted: promote it, or apply what was promoted again"},
	{v1alpha1.DeliveryChanging, metav1.ConditionUnknown, v1alpha1.ReasonChanging, "a promotion is at work"},
}

// ConvergedCondition says whether what runs is what was promoted. That other images run is for the Environment's own
// controller to say; once said, it stands until that controller takes it back.
func ConvergedCondition(status v1alpha1.EnvironmentStatus) metav1.Condition {
	for _, c := range convergence {
		for _, entry := range status.Pipelines {
			if entry.State == c.state {
				return v1alpha1.NewCondition(v1alpha1.ConditionConverged, c.status, c.reason, c.message)
			}
		}
	}
	for _, before := range status.Conditions {
		unpromoted := before.Reason == v1alpha1.ReasonUnmanagedImagesRun || before.Reason == v1alpha1.ReasonAuditedImagesRun
		if before.Type == v1alpha1.ConditionConverged && unpromoted {
			return before
		}
	}
	return v1alpha1.NewCondition(v1alpha1.ConditionConverged, metav1.ConditionTrue, v1alpha1.ReasonConverged, "what runs is what was promoted")
}
