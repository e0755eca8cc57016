package promotion

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// findStop says whether any environment may still be entered, and if not, why.
func (d *decision) findStop(visits []*visit) {
	spec := d.promotion().Spec
	for _, v := range visits {
		if v.failed() && d.stop == "" {
			d.stop, d.stopMessage = stopOf(v.progress.Cause), v.step.Name+": "+v.progress.Message
		}
	}
	switch {
	case d.stop != "":
	case spec.Lifecycle == v1alpha1.LifecycleCancelled:
		d.stop, d.stopMessage = v1alpha1.CauseCancelled, "cancelled: spec.lifecycle is Cancelled"
	case d.expired():
		d.stop, d.stopMessage = v1alpha1.CauseExpired, "expired: it waited longer than spec.activeDeadlineSeconds"
	}
}

// stopOf returns what a failure means for the environments that were not entered.
func stopOf(cause v1alpha1.EnvironmentCause) v1alpha1.EnvironmentCause {
	switch cause {
	case v1alpha1.CauseSuperseded, v1alpha1.CauseCancelled:
		return cause
	}
	return v1alpha1.CausePromotionFailed
}

// waiting says whether the environment is one that the Promotion may still enter.
func (v *visit) waiting() bool {
	return v.progress.State == v1alpha1.StatePending || v.progress.State == v1alpha1.StateWaiting
}

// judge looks at everything that stands before the environment. It does nothing yet: what one environment finds, a
// rejection say, may keep the Promotion out of all the others.
func (v *visit) judge() {
	if !v.waiting() || v.stop != "" {
		return
	}
	v.verdict = v.policiesWhole().and(v.environmentThere()).and(v.afterPredecessors())
	if v.site.Environment != nil {
		evidence := v.unlessSkipped(v1alpha1.SkipEvidence, v.evidenceComplete())
		before := v.verdict.and(v.admitted()).and(v.permitted()).and(v.gatesAllowed()).and(v.templatesUsable()).and(v.expressionsUnderstood()).and(evidence).and(v.requesterKnown())
		signed := v.approved(before)
		open := v.unlessSkipped(v1alpha1.SkipFreezes, v.open())
		v.verdict = before.and(signed).and(open).and(v.emergencyAllowed()).and(v.newest(signed)).and(v.free()).and(v.workloadsThere())
		if before.State == Ready {
			v.verdict = v.verdict.and(v.mirrored())
		}
		if v.verdict.State == Ready {
			v.verdict = v.gateImagesKnown()
		}
		v.lookAgainWhenItOpens()
	}
	if v.verdict.State == Refused {
		v.stop, v.stopMessage = v.verdict.Cause, v.verdict.Why
	}
}

// enter acts on the judgement: the gate opens when every check is Ready.
func (v *visit) enter() {
	switch {
	case !v.waiting():
		return
	case v.stop != "":
		v.doNotEnter()
		return
	}
	v.progress.State, v.progress.Reasons = v1alpha1.StateWaiting, nil
	switch {
	case v.verdict.State == Pending:
		v.wait(v.verdict.Reasons...)
		v.keepInbox()
	case v.writeFirst:
		v.wait(v1alpha1.NewReason(v1alpha1.ReasonPending, "every check passed; enters as soon as this is written down"))
	default:
		v.progress.Emergency = v.emergencyEntry()
		v.claim()
		v.beginDeploying()
		v.deploy()
	}
}

// keepInbox sees that the promotion awaits sign-off here if, and only if, it is for people to go on.
func (v *visit) keepInbox() {
	if v.toSign != nil {
		v.await(*v.toSign)
		return
	}
	v.withdraw()
}

func (v *visit) doNotEnter() {
	v.progress.State, v.progress.Cause = v1alpha1.StateNotEntered, v.stop
	if v.stop == v1alpha1.CausePromotionFailed && v.behindFailure() {
		v.progress.Cause = v1alpha1.CausePredecessorFailed
	}
	v.progress.Message = v1alpha1.Clip(v.stopMessage, 1024)
	v.progress.Reasons = nil
	v.progress.CompletionTime = v.now()
	v.withdraw()
}

func (v *visit) behindFailure() bool {
	for _, ancestor := range v.ancestors() {
		i := slices.IndexFunc(v.status.Environments, func(p v1alpha1.EnvironmentProgress) bool { return p.Name == ancestor.Name })
		other := visit{decision: v.decision, progress: &v.status.Environments[i]}
		if other.failed() {
			return true
		}
	}
	return false
}

// policiesWhole keeps the promotion out of an environment that is locked, and out of every production, while something is
// amiss with what guards it.
func (v *visit) policiesWhole() Verdict {
	problem := v.snapshot.Policies.Reason()
	guarded := v.force.Lock == v1alpha1.LockEnforce || v.site.Environment != nil && v.site.Environment.Spec.Tier == v1alpha1.TierProduction
	if problem.Type == "" || !guarded {
		return ready()
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonPoliciesNotWhole, "%s", problem.Message))
}

func (v *visit) environmentThere() Verdict {
	namespace, env := v.site.Namespace, v.site.Environment
	switch {
	case namespace == nil || env == nil:
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentNotFound,
			"namespace %s has no Environment; its owner creates one, named environment, that admits pipeline %s", v.namespace(), v.pipelineKey()))
	case namespace.DeletionTimestamp != nil || env.DeletionTimestamp != nil:
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentTerminating,
			"namespace %s or its Environment is being deleted; create them again, or cancel this Promotion", v.namespace()))
	}
	if reason := v.changedByHand(); reason.Type != "" {
		return pending(reason)
	}
	return v.environmentReady()
}

func (v *visit) environmentReady() Verdict {
	why := "the operator has not looked at it yet"
	for _, c := range v.site.Environment.Status.Conditions {
		switch {
		case c.Type != v1alpha1.ConditionReady:
		case c.Status == metav1.ConditionTrue, c.Reason == v1alpha1.ReasonInvalidSchedule && !v.heedsFreezes():
			return ready()
		case c.Message != "":
			why = c.Reason + ": " + c.Message
		}
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentNotReady, "the Environment of %s is not ready: %s", v.namespace(), why))
}

// admitted checks the consent of the environment: to this pipeline, to each of its repositories.
func (v *visit) admitted() Verdict {
	p := v.promotion()
	repositories := repositoriesOf(v.status.Images)
	reason := Admission(v.site.Environment, v.site.Namespace, v1alpha1.PipelineReference{Namespace: p.Namespace, Name: p.Spec.PipelineRef.Name}, repositories)
	if reason.Type == "" {
		reason = NamesMirror(v.site.Environment, repositories)
	}
	if reason.Type != "" {
		return pending(reason)
	}
	return ready()
}

func (v *visit) permitted() Verdict {
	if v.site.Permitted {
		return ready()
	}
	return pending(PermissionMissing(v.namespace()))
}

// gatesAllowed checks that the environment lets the team run gates of its own, if the pipeline has any for it.
func (v *visit) gatesAllowed() Verdict {
	if len(v.step.Gates) > 0 && v.force.TeamGates == v1alpha1.TeamGatesRefuse {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonTeamGatesRefused,
			"the pipeline has gates of its own for %s, whose Environment runs none of a team; take them out of the pipeline and promote again, or let the platform team set teamGates: Allow",
			v.step.Name))
	}
	return ready()
}

// requesterKnown checks that some person can be held to have asked.
func (v *visit) requesterKnown() Verdict {
	spec := v.promotion().Spec
	who := spec.RequestedBy.Username
	switch {
	case who == "":
		return pending(v1alpha1.NewReason(v1alpha1.ReasonRequesterUnknown,
			"nobody is stamped as requester: the policy sluice-stamp-promotions was missing when this was created; create the Promotion again"))
	case strings.HasPrefix(who, "system:") && len(spec.OnBehalfOf) == 0 && v.force.Approvals.Unattended == v1alpha1.UnattendedRefuse:
		return pending(v1alpha1.NewReason(v1alpha1.ReasonRequesterUnknown,
			"%s is a machine, and this environment wants to know for whom it asks; create the Promotion again with onBehalfOf: [person]", who))
	}
	return ready()
}

// approved counts the signatures. They can be given once everything before them is there.
func (v *visit) approved(before Verdict) Verdict {
	needed := v.needed()
	if needed.Mode != v1alpha1.RequirementRequired {
		v.progress.Approvals = nil
		return ready()
	}
	hash := EvidenceHash(v.evidence())
	t := v.count(needed, hash)
	v.progress.Approvals = t.statuses
	if t.rejection != nil {
		a := t.rejection
		return refused(v1alpha1.CauseRejected, v1alpha1.NewReason(v1alpha1.ReasonApprovalsMissing, "%s rejected it in %s%s", a.Spec.Approver.Username, v.step.Name,
			pick(a.Spec.Comment == "", "", ": "+a.Spec.Comment)))
	}
	if t.missing == "" {
		return ready()
	}
	if before.State != Ready {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonApprovalsMissing, "people can sign once nothing else stands in the way"))
	}
	if len(v.site.Environment.Status.Awaiting) >= maxAwaiting && !v.awaited() {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonInboxFull,
			"%d promotions await sign-off in %s already; sign, reject or cancel some of them", maxAwaiting, v.namespace()))
	}
	v.toSign = &signature{needed: needed, evidenceHash: hash}
	v.beginSignOff()
	p, changed := v.promotion(), ""
	if changes := v.changed(); len(changes) > 0 {
		changed = "; the Environment changed since the wait began, and what it says now decides (" + strings.Join(changes, "; ") + ")"
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonApprovalsMissing, "waits in %s for %s%s; kubectl sluice approve %s -n %s -e %s",
		v.step.Name, v.asEmergency(t.missing), v1alpha1.Clip(changed, 640), p.Name, p.Namespace, v.step.Name))
}

func (v *visit) free() Verdict {
	h := v.rivalHolder()
	if rollback := v.preempted(); h == nil && rollback != nil && !v.holding() {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentBusy, "the rollback %s goes first; this one enters when it is done", rollback.Name))
	}
	if h == nil {
		return ready()
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEnvironmentBusy,
		"promotion %s/%s of pipeline %s is at work in %s; this one enters when it is done (kubectl sluice get promotion %s -n %s)",
		h.PromotionRef.Namespace, h.PromotionRef.Name, h.Pipeline, v.step.Name, h.PromotionRef.Name, h.PromotionRef.Namespace))
}

// workloadsThere checks that there is something to deploy to, and that nobody else is changing it just now.
func (v *visit) workloadsThere() Verdict {
	verdict := ready()
	for _, image := range v.missingWorkloads() {
		verdict = verdict.and(pending(v1alpha1.NewReason(v1alpha1.ReasonWorkloadsMissing,
			"no workload in %s runs %s yet; apply its manifests, or say workloads: Optional for image %s in the pipeline",
			v.namespace(), image.Repository, image.Name)))
	}
	for _, w := range v.site.Workloads {
		if !w.Ignored && !w.Settled && midRollout(w) && !v.leftBroken() {
			verdict = verdict.and(pending(v1alpha1.NewReason(v1alpha1.ReasonWorkloadRollingOut,
				"%s %s is in the middle of another rollout; wait for it, or mend it (kubectl rollout status %s/%s -n %s)",
				w.Kind, w.Name, strings.ToLower(w.Kind), w.Name, v.namespace())))
		}
	}
	return verdict
}

// leftBroken says whether what ran here last failed and was left in place. Its rollout ends with the release that mends
// it, so that this one does not wait for the end.
func (v *visit) leftBroken() bool {
	last := Newest(v.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == v.namespace() })
	return last != nil && last.Spec.Result == v1alpha1.ResultFailed
}

// midRollout says whether pods of different images live side by side. A workload that is merely broken is no reason to
// wait: the release that is waiting may be what mends it.
func midRollout(w Workload) bool {
	if w.Paused || w.Partitioned || w.OnDelete {
		return false
	}
	seen := map[string]string{}
	for _, p := range w.Pods {
		for _, i := range p.Images {
			if before, ok := seen[i.Container]; ok && before != i.Image {
				return true
			}
			seen[i.Container] = i.Image
		}
	}
	return false
}

// missingWorkloads are the images that some workload has to run, and none does.
func (v *visit) missingWorkloads() []v1alpha1.PipelineImage {
	var lacking []v1alpha1.PipelineImage
	for _, image := range v.status.Pipeline.Images {
		if image.Workloads == v1alpha1.WorkloadsOptional || !v.inRelease(image.Repository) {
			continue
		}
		if !slices.ContainsFunc(v.site.Workloads, func(w Workload) bool { return !w.Ignored && w.runs(image.Repository, v.mirrors) }) {
			lacking = append(lacking, image)
		}
	}
	return lacking
}

func (v *visit) inRelease(repository string) bool {
	return slices.ContainsFunc(v.status.Images, func(i v1alpha1.Image) bool { return i.Repository == repository })
}

func repositoriesOf(images []v1alpha1.Image) []string {
	repositories := make([]string, 0, len(images))
	for _, image := range images {
		repositories = append(repositories, image.Repository)
	}
	return repositories
}

// expired says whether the Promotion waited longer than it may.
func (d *decision) expired() bool {
	limit := d.promotion().Spec.ActiveDeadlineSeconds
	if limit == 0 {
		return false
	}
	v := visit{decision: d}
	return v.overdue(d.status.StartTime, seconds(limit))
}
