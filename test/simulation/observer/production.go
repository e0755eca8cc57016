package observer

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// I1: nothing reaches production unproven. Whoever takes the slot of a production environment has to be entitled; what
// is pinned or allowed there has to belong to a release that was, or that ran there when the operator came.

func (o *Observer) seeEnvironment(r *memapi.Revision, env *v1alpha1.Environment) {
	if r.Verb == memapi.Delete {
		return
	}
	before, _ := r.Before.(*v1alpha1.Environment)
	for _, h := range env.Status.Holders {
		if before != nil && holds(before, h.PromotionRef.UID) {
			continue
		}
		o.checkClaim(r, env, h)
	}
	o.checkSlots(r, env)
}

func holds(env *v1alpha1.Environment, uid string) bool {
	return env != nil && slices.ContainsFunc(env.Status.Holders, func(h v1alpha1.Holder) bool { return h.PromotionRef.UID == uid })
}

// checkClaim looks whether a promotion may enter.
func (o *Observer) checkClaim(r *memapi.Revision, env *v1alpha1.Environment, h v1alpha1.Holder) {
	o.checkImages(r, h.PromotionRef.UID, h.ReleaseHash, h.Images)
	o.checkFreeze(r, env, h)
	if env.Spec.Tier != v1alpha1.TierProduction {
		return
	}
	p := o.promotions[h.PromotionRef.UID]
	if p == nil {
		o.broken("I1", r, "%s enters %s, and nobody ever created it", h.PromotionRef.Name, env.Namespace)
		return
	}
	why := "not known"
	entitled := o.some(r, func(cut int64) bool {
		return o.some(r, func(signed int64) bool {
			reason := o.whyNot(p, env, h, cut, signed)
			if reason != "" {
				why = reason
			}
			return reason == ""
		}, "Approval")
	}, "ReleaseRecord")
	if !entitled {
		o.broken("I1", r, "%s enters %s: %s", p.Name, env.Namespace, why)
		return
	}
	o.entitle(env.Namespace, h.Images)
}

func (o *Observer) entitle(namespace string, images []v1alpha1.Image) {
	if o.entitled[namespace] == nil {
		o.entitled[namespace] = map[string]bool{}
	}
	for _, i := range images {
		o.entitled[namespace][i.Repository+"@"+i.Digest] = true
	}
}

// whyNot says what speaks against a promotion in a production environment, given the records at one revision and the
// approvals at another; empty where nothing does.
func (o *Observer) whyNot(p *v1alpha1.Promotion, env *v1alpha1.Environment, h v1alpha1.Holder, cut, signed int64) string {
	if p.Spec.Intent == v1alpha1.IntentRollback {
		if last := o.newestRecord(env.Namespace, h.ReleaseHash, cut); last == nil || !good(last) {
			return "a rollback to a release that never was good there"
		}
		return o.whyNotSigned(p, env, h, signed, rollbackApprovals(env))
	}
	after := int64(0)
	for _, requirement := range evidenceOf(env) {
		record := o.evidence(requirement, h.ReleaseHash, cut)
		if record == nil {
			return "no passed " + string(requirement.Purpose) + " gate where it counts"
		}
	}
	for _, obj := range o.all("ReleaseRecord", cut) {
		if r := obj.(*v1alpha1.ReleaseRecord); r.Spec.ReleaseHash == h.ReleaseHash && o.isEvidence(env, r) {
			after = max(after, o.firstRevision("ReleaseRecord", memapi.Key{Namespace: r.Namespace, Name: r.Name}))
		}
	}
	return o.whyNotSignedSince(p, env, h, signed, approvalsOf(env), after)
}

// isEvidence says whether an approver of an environment has to have seen a record: it says what became of the release
// in a test environment, or here.
func (o *Observer) isEvidence(env *v1alpha1.Environment, r *v1alpha1.ReleaseRecord) bool {
	return r.Namespace == env.Namespace || r.Spec.Environment.Tier == v1alpha1.TierTest
}

// evidence returns the record that shows a demanded gate: the newest of the release in some locked test environment.
func (o *Observer) evidence(requirement v1alpha1.EvidenceRequirement, hash string, cut int64) *v1alpha1.ReleaseRecord {
	for _, obj := range o.all("Environment", cut) {
		env := obj.(*v1alpha1.Environment)
		if env.Spec.Tier != v1alpha1.TierTest || env.Spec.Lock != "" && env.Spec.Lock != v1alpha1.LockEnforce {
			continue
		}
		last := o.newestRecord(env.Namespace, hash, cut)
		if last == nil || last.Spec.Result != v1alpha1.ResultPassed {
			continue
		}
		shown := slices.ContainsFunc(last.Spec.Gates, func(g v1alpha1.GateStatus) bool {
			return g.Purpose == requirement.Purpose && g.State == v1alpha1.GatePassed && g.DeclaredBy == v1alpha1.DeclaredByPlatform
		})
		if shown {
			return last
		}
	}
	return nil
}

// newestRecord of a release in a namespace, by (creationTimestamp, name), as the design says.
func (o *Observer) newestRecord(namespace, hash string, cut int64) *v1alpha1.ReleaseRecord {
	var last *v1alpha1.ReleaseRecord
	for _, obj := range o.all("ReleaseRecord", cut) {
		r := obj.(*v1alpha1.ReleaseRecord)
		if r.Namespace != namespace || r.Spec.ReleaseHash != hash {
			continue
		}
		if last == nil || r.CreationTimestamp.After(last.CreationTimestamp.Time) ||
			r.CreationTimestamp.Equal(&last.CreationTimestamp) && r.Name > last.Name {
			last = r
		}
	}
	return last
}

func (o *Observer) firstRevision(kind string, key memapi.Key) int64 {
	return o.versions[kind][key][0].number
}

func good(r *v1alpha1.ReleaseRecord) bool {
	return r.Spec.Result == v1alpha1.ResultPassed || r.Spec.Result == v1alpha1.ResultAdopted
}

// evidenceOf is what the production environments of the simulation demand: the default, unless they say otherwise.
func evidenceOf(env *v1alpha1.Environment) []v1alpha1.EvidenceRequirement {
	if requires := env.Spec.Requires; requires != nil {
		if requires.EvidenceMode == v1alpha1.RequirementNone {
			return nil
		}
		if len(requires.Evidence) > 0 {
			return requires.Evidence
		}
	}
	return []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeFunctional}, {Purpose: v1alpha1.PurposeStress}}
}

func approvalsOf(env *v1alpha1.Environment) v1alpha1.ApprovalRequirement {
	needed := v1alpha1.ApprovalRequirement{Count: 1}
	if env.Spec.Requires != nil && env.Spec.Requires.Approvals != nil {
		needed = *env.Spec.Requires.Approvals
	}
	if needed.Mode == v1alpha1.RequirementNone {
		return v1alpha1.ApprovalRequirement{}
	}
	needed.Count = max(needed.Count, 1)
	return needed
}

func rollbackApprovals(env *v1alpha1.Environment) v1alpha1.ApprovalRequirement {
	if env.Spec.Requires == nil || env.Spec.Requires.Rollback == nil || env.Spec.Requires.Rollback.Approvals == nil {
		return v1alpha1.ApprovalRequirement{}
	}
	return v1alpha1.ApprovalRequirement{Count: *env.Spec.Requires.Rollback.Approvals}
}

func (o *Observer) whyNotSigned(p *v1alpha1.Promotion, env *v1alpha1.Environment, h v1alpha1.Holder, cut int64, needed v1alpha1.ApprovalRequirement) string {
	return o.whyNotSignedSince(p, env, h, cut, needed, 0)
}

// whyNotSignedSince counts the people who signed this release after they could see the evidence.
func (o *Observer) whyNotSignedSince(p *v1alpha1.Promotion, env *v1alpha1.Environment, h v1alpha1.Holder, cut int64,
	needed v1alpha1.ApprovalRequirement, after int64) string {
	if needed.Count == 0 {
		return ""
	}
	people := map[string]bool{}
	quotas := map[string]map[string]bool{}
	for _, obj := range o.all("Approval", cut) {
		a := obj.(*v1alpha1.Approval)
		if a.Namespace != env.Namespace || a.Spec.PromotionRef.UID != string(p.UID) {
			continue
		}
		if a.Spec.Decision == v1alpha1.DecisionRejected {
			return a.Spec.Approver.Username + " rejected it"
		}
		seen := o.firstRevision("Approval", memapi.Key{Namespace: a.Namespace, Name: a.Name}) > after
		asked := a.Spec.Approver.Username == p.Spec.RequestedBy.Username || slices.Contains(p.Spec.OnBehalfOf, a.Spec.Approver.Username)
		if a.Spec.ReleaseHash != h.ReleaseHash || !seen || asked || len(needed.From) > 0 && !inGroups(a, needed.From) {
			continue
		}
		people[a.Spec.Approver.Username] = true
		for _, group := range a.Spec.Approver.Groups {
			if quotas[group] == nil {
				quotas[group] = map[string]bool{}
			}
			quotas[group][a.Spec.Approver.Username] = true
		}
	}
	if len(people) < int(needed.Count) {
		return "not enough people signed"
	}
	for _, quota := range needed.From {
		if len(quotas[quota.Name]) < max(1, int(quota.Count)) {
			return "nobody of group " + quota.Name + " signed"
		}
	}
	return ""
}

func inGroups(a *v1alpha1.Approval, quotas []v1alpha1.ApprovalQuota) bool {
	return slices.ContainsFunc(quotas, func(q v1alpha1.ApprovalQuota) bool { return slices.Contains(a.Spec.Approver.Groups, q.Name) })
}

// seeNamespace checks that a production namespace allows and pins nothing unproven.
func (o *Observer) seeNamespace(r *memapi.Revision) {
	ns, ok := r.Object.(*corev1.Namespace)
	if !ok || r.Verb == memapi.Delete || !o.byOperator(r) {
		return
	}
	before, _ := r.Before.(*corev1.Namespace)
	if o.locked[ns.Name].IsZero() && ns.Labels[v1alpha1.LockLabel] == string(v1alpha1.LockEnforce) {
		o.locked[ns.Name] = r.Time
	}
	o.checkPins(r, before, ns)
	env := o.environment(ns.Name, r.Number)
	if env == nil || env.Spec.Tier != v1alpha1.TierProduction {
		return
	}
	for _, annotation := range []string{v1alpha1.ImagesAnnotation, v1alpha1.PinsAnnotation} {
		known := references(before, annotation)
		for reference := range references(ns, annotation) {
			if !known[reference] && !o.entitled[ns.Name][reference] && !o.ranBefore(ns.Name, reference) {
				o.broken("I1", r, "%s of namespace %s gains %s, which nobody was entitled to bring there", annotation, ns.Name, reference)
			}
		}
	}
}

func references(ns *corev1.Namespace, annotation string) map[string]bool {
	found := map[string]bool{}
	if ns != nil {
		for _, reference := range strings.Fields(ns.Annotations[annotation]) {
			found[reference] = true
		}
	}
	return found
}

// ranBefore says whether a pod ran a digest in a namespace before the operator wrote anything there.
func (o *Observer) ranBefore(namespace, reference string) bool {
	first := int64(1 << 62)
	for _, v := range o.versions["Namespace"][memapi.Key{Name: namespace}] {
		if ns, ok := v.object.(*corev1.Namespace); ok && ns.Labels[v1alpha1.LockLabel] != "" {
			first = v.number
			break
		}
	}
	for key, versions := range o.versions["Pod"] {
		for _, v := range versions {
			if pod, ok := v.object.(*corev1.Pod); ok && key.Namespace == namespace && v.number < first && runs(pod, reference) {
				return true
			}
		}
	}
	return false
}

func runs(pod *corev1.Pod, reference string) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.ImageID == reference })
}

// lockDelay is how late an API server may hear that a namespace is locked; what it lets in until then is not the
// operator's doing.
const lockDelay = time.Minute

// lockedSince is when a namespace was locked first.
func (o *Observer) lockedSince(namespace string) time.Time { return o.locked[namespace] }

// seePod checks what runs in production.
func (o *Observer) seePod(r *memapi.Revision) {
	pod, ok := r.Object.(*corev1.Pod)
	if !ok || r.Verb != memapi.Create || pod.Labels[v1alpha1.GateLabel] != "" {
		return
	}
	env := o.environment(pod.Namespace, r.Number)
	ns, _ := o.at("Namespace", memapi.Key{Name: pod.Namespace}, r.Number).(*corev1.Namespace)
	if env == nil || env.Spec.Tier != v1alpha1.TierProduction || ns == nil || ns.Labels[v1alpha1.LockLabel] != string(v1alpha1.LockEnforce) {
		return
	}
	if r.Time.Before(o.lockedSince(pod.Namespace).Add(lockDelay)) {
		return
	}
	for _, c := range pod.Spec.Containers {
		if strings.Contains(c.Image, "@") && !o.entitled[pod.Namespace][c.Image] && !o.ranBefore(pod.Namespace, c.Image) {
			o.broken("I1", r, "pod %s/%s runs %s, which nobody was entitled to bring there", pod.Namespace, pod.Name, c.Image)
		}
	}
}
