package promotion

import (
	"slices"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// beginDeploying is the moment at which the slot is taken.
func (v *visit) beginDeploying() {
	v.progress.State = v1alpha1.StateDeploying
	v.progress.StartTime = v.entryTime()
	v.progress.Cause, v.progress.Message = "", ""
}

// deploy brings the release in: pin, touch, and wait until every live pod runs it and is ready.
func (v *visit) deploy() {
	v.progress.Reasons = nil
	if v.yields() || v.handsOff() {
		return
	}
	reasons := v.inTheWay()
	if len(reasons) == 0 {
		reasons = v.bringIn(v.status.ReleaseHash, v.status.Images)
	}
	if len(reasons) == 0 {
		v.progress.State = v1alpha1.StateVerifying
		v.progress.DeployTime = v.now()
		v.verify()
		return
	}
	if v.overdue(v.progress.StartTime, v.rolloutTimeout()) {
		v.fail(v1alpha1.CauseRolloutFailed, "not deployed within "+v.rolloutTimeout().String()+": "+reasons[0].Message)
		return
	}
	v.wait(reasons...)
}

// yields ends the stay here where the Promotion is no longer wanted, where a rollback wants the slot, or where what it
// rests on is void.
func (v *visit) yields() bool {
	if v.promotion().Spec.Lifecycle == v1alpha1.LifecycleCancelled {
		v.fail(v1alpha1.CauseCancelled, "cancelled: spec.lifecycle is Cancelled")
		return true
	}
	if rollback := v.preempted(); rollback != nil {
		v.fail(v1alpha1.CauseSuperseded, "gives way to the rollback "+rollback.Name)
		return true
	}
	if revoked := v.evidenceRevoked(); revoked != "" {
		v.fail(v1alpha1.CauseEvidenceRevoked, "the evidence that it came in with is void: "+revoked)
		return true
	}
	return false
}

// inTheWay says what keeps the operator from working in an environment that it entered.
func (v *visit) inTheWay() []v1alpha1.Reason {
	switch {
	case v.gone() || v.site.Environment.DeletionTimestamp != nil:
		return v.environmentThere().Reasons
	case !v.site.Permitted:
		return []v1alpha1.Reason{PermissionMissing(v.namespace())}
	case v.claimed || v.holding():
		return nil
	}
	// The claim was lost: a restore, or somebody with the verb unlock. It is taken again, or waited for.
	if verdict := v.free(); verdict.State != Ready {
		return verdict.Reasons
	}
	v.claim()
	return nil
}

// bringIn makes the namespace run the given images: it pins them, touches the workloads once the pin can be seen, and
// says what it waits for; nothing once every live pod runs them and is ready.
func (v *visit) bringIn(releaseHash string, images []v1alpha1.Image) []v1alpha1.Reason {
	pulled := v.pulled(images)
	want, references := v.enforcedFor(images, pulled), v.mirrors.references(pulled)
	if len(want.Images) > MaxReferences {
		return []v1alpha1.Reason{v1alpha1.NewReason(v1alpha1.ReasonTooManyImages,
			"namespace %s would list %d references, and its annotations hold %d; let pipelines go that nobody uses any more (spec.pipelines), or split the namespace",
			v.namespace(), len(want.Images), MaxReferences)}
	}
	if !want.Equal(ParseEnforced(v.site.Namespace)) {
		v.do(Pin{Namespace: v.namespace(), ResourceVersion: v.site.Namespace.ResourceVersion, Copy: want})
		return v.willRollOut(releaseHash, references)
	}
	var reasons []v1alpha1.Reason
	for _, image := range v.missingWorkloads() {
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonWorkloadsMissing, "no workload in %s runs %s any more; apply its manifests again", v.namespace(), image.Repository))
	}
	for _, w := range v.site.Workloads {
		if w.Ignored {
			continue
		}
		if touch, needed := v.touch(w, TouchValue(releaseHash, v.uid()), references); needed {
			v.do(touch)
			reasons = append(reasons, touching(w, TouchValue(releaseHash, v.uid()), v.namespace()))
			continue
		}
		reasons = append(reasons, rolloutOf(w, references, v.namespace())...)
	}
	return reasons
}

// willRollOut says the same of a release that is being pinned as of one that is rolling out: the steps between are not
// worth a status write each.
func (v *visit) willRollOut(releaseHash string, references map[string]string) []v1alpha1.Reason {
	var reasons []v1alpha1.Reason
	for _, w := range v.site.Workloads {
		if !w.Ignored && !w.carries(references) {
			reasons = append(reasons, rollingOut(w, v.namespace()))
		}
	}
	if len(reasons) == 0 {
		reasons = append(reasons, v1alpha1.NewReason(v1alpha1.ReasonRollingOut, "release %s is being pinned in %s", short(releaseHash), v.namespace()))
	}
	return reasons
}

// touch returns the write that brings the images into a workload, if it lacks them. Where a touch left other images,
// the pin had not reached the API server that answered, and another value makes admission look again.
func (v *visit) touch(w Workload, release string, references map[string]string) (Touch, bool) {
	touched := strings.HasPrefix(w.Release, release)
	if touched && w.carries(references) {
		return Touch{}, false
	}
	if touched {
		release += ":" + w.ResourceVersion
	}
	return Touch{Namespace: v.namespace(), Kind: w.Kind, Name: w.Name, ResourceVersion: w.ResourceVersion, Release: release, References: references}, true
}

// enforcedFor returns the enforced copy with the given images, pulled under the given names, as the current ones. What
// lives, or may have to come back, stays allowed.
func (v *visit) enforcedFor(images, pulled []v1alpha1.Image) EnforcedCopy {
	was := ParseEnforced(v.site.Namespace)
	want := was.Clone()
	needed := v.neededReferences(pulled)
	want.Images = slices.DeleteFunc(want.Images, func(reference string) bool {
		repository, _, _ := strings.Cut(reference, "@")
		return v.inRelease(v.mirrors.Canonical(repository)) && !slices.Contains(needed, reference)
	})
	for i, image := range images {
		want.Pins[image.Repository] = pulled[i].Reference()
		want.Owners[image.Repository] = v.pipelineKey()
	}
	for _, reference := range needed {
		if !slices.Contains(want.Images, reference) {
			want.Images = append(want.Images, reference)
		}
	}
	want.Mirrors = v.mirrors.Of(want)
	v.forgetAdopted(&want)
	want.GateImages = v.gateImages(was)
	return want
}

// neededReferences are the references of the release's repositories that must stay allowed: the new ones, the current
// ones, those of the release to fall back to, and whatever lives.
func (v *visit) neededReferences(pulled []v1alpha1.Image) []string {
	was := ParseEnforced(v.site.Namespace)
	var needed []string
	for _, image := range pulled {
		needed = append(needed, image.Reference())
	}
	for _, image := range v.status.Images {
		if pin := was.Pins[image.Repository]; pin != "" {
			needed = append(needed, pin)
		}
	}
	if stable := v.stable(); stable != nil {
		for _, image := range v.stillAllowed(v.mirrors.Images(stable.Spec.Images)) {
			needed = append(needed, image.Reference())
		}
	}
	for _, reference := range v.site.InUse {
		// What lives stays allowed, and nothing becomes allowed by living: it may have come in before the lock was on.
		if v.inRelease(v.mirrors.Canonical(repositoryOf(reference))) && slices.Contains(was.Images, reference) {
			needed = append(needed, reference)
		}
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// forgetAdopted drops the image strings seen at adoption once no workload carries one any more.
func (v *visit) forgetAdopted(want *EnforcedCopy) {
	for text := range want.Adopted {
		carried := slices.ContainsFunc(v.site.Workloads, func(w Workload) bool {
			return slices.ContainsFunc(w.Images, func(i ContainerImage) bool { return i.Image == text })
		})
		if v.inRelease(v.mirrors.Canonical(repositoryOf(text))) && !carried {
			delete(want.Adopted, text)
		}
	}
}

// gateImages are the images of the gates that run here, by digest as far as it is known, each with the Job of an attempt:
// the image may run in that Job and nowhere else, so that the entry is worth nothing before the gate starts and once its
// Job is done. Those of other promotions at work stay.
func (v *visit) gateImages(was EnforcedCopy) []string {
	var images []string
	if slices.ContainsFunc(v.site.Environment.Status.Holders, func(h v1alpha1.Holder) bool { return h.PromotionRef.UID != v.uid() }) {
		images = slices.Clone(was.GateImages)
	}
	for _, gate := range v.gates() {
		for _, image := range v.imagesOf(gate.Gate) {
			for attempt := range gate.attempts() {
				images = append(images, image+"="+JobName(v.uid(), v.step.Name, v.specHash(gate.Gate), gate.Name, attempt+1))
			}
		}
	}
	return images
}

// imagesOf are the images that the pods of a gate run, as far as they are known by digest.
func (v *visit) imagesOf(gate v1alpha1.Gate) []string {
	var images []string
	if image := v.exactImage(gate.Job.Image); image != "" {
		images = append(images, image)
	}
	if runsOwnImage(gate) && v.snapshot.Generator.Image != "" {
		images = append(images, v.snapshot.Generator.Image)
	}
	return images
}

// repositoryOf cuts tag and digest off an image string.
func repositoryOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}
