package observer

import (
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// I3: at most one promotion of a pipeline is at work in an environment, and only the one that holds the slot acts.

func (o *Observer) checkSlots(r *memapi.Revision, env *v1alpha1.Environment) {
	pipelines := map[string]bool{}
	for _, h := range env.Status.Holders {
		if pipelines[h.Pipeline] {
			o.broken("I3", r, "two promotions of %s hold %s", h.Pipeline, env.Namespace)
		}
		pipelines[h.Pipeline] = true
	}
	before, _ := r.Before.(*v1alpha1.Environment)
	o.checkLost(r, before, env)
	grew := before != nil && len(env.Status.Holders) > len(before.Status.Holders)
	if env.Spec.Concurrency == v1alpha1.ConcurrencyExclusive && len(env.Status.Holders) > 1 && grew {
		o.broken("I3", r, "%d promotions hold %s, which is Exclusive", len(env.Status.Holders), env.Namespace)
	}
}

// checkLost sees that nobody is robbed of a slot: it is given back when the record of the stay is there, and only then.
func (o *Observer) checkLost(r *memapi.Revision, before, after *v1alpha1.Environment) {
	if before == nil || !o.byOperator(r) {
		return
	}
	for _, h := range before.Status.Holders {
		if !holds(after, h.PromotionRef.UID) && o.resultOf(after.Namespace, h.PromotionRef.UID) == "" {
			o.broken("I3", r, "%s loses the slot of %s, and left no record there", h.PromotionRef.Name, after.Namespace)
		}
	}
}

// held says whether a promotion held a slot at some revision that the writer may have gone by. Slots vanish with the
// Environment: somebody with the right to do so took all of them away.
func (o *Observer) held(r *memapi.Revision, namespace, uid string) bool {
	key := memapi.Key{Namespace: namespace, Name: v1alpha1.EnvironmentName}
	if o.state["Environment"][key] == nil {
		return true
	}
	if env, ok := o.state["Environment"][key].(*v1alpha1.Environment); ok && holds(env, uid) {
		return true
	}
	return o.some(r, func(cut int64) bool { return holds(o.environment(namespace, cut), uid) }, "Environment")
}

// seeTouch checks that a workload is touched for a holder only. The precondition of a touch makes it so.
func (o *Observer) seeTouch(r *memapi.Revision) {
	if !o.byOperator(r) || r.Before == nil || r.Verb != memapi.Update || r.Kind == "Promotion" {
		return
	}
	value := r.Object.GetAnnotations()[v1alpha1.ReleaseAnnotation]
	if value == "" || value == r.Before.GetAnnotations()[v1alpha1.ReleaseAnnotation] {
		return
	}
	parts := strings.Split(value, ":")
	if len(parts) < 2 || !o.held(r, r.Key.Namespace, parts[1]) {
		o.broken("I3", r, "%s %s is touched for %s, which does not hold the slot", r.Kind, r.Key, value)
	}
}

// checkPins checks that pins move only to what a holder brings, or back to what was good.
func (o *Observer) checkPins(r *memapi.Revision, before, ns *corev1.Namespace) {
	known := references(before, v1alpha1.PinsAnnotation)
	if len(known) == 0 {
		return
	}
	for reference := range references(ns, v1alpha1.PinsAnnotation) {
		if known[reference] {
			continue
		}
		brought := o.some(r, func(cut int64) bool {
			env := o.environment(ns.Name, cut)
			return env != nil && slices.ContainsFunc(env.Status.Holders, func(h v1alpha1.Holder) bool { return has(h.Images, reference) })
		}, "Environment")
		if !brought && !o.wasGood(ns.Name, reference) {
			o.broken("I3", r, "namespace %s is pinned to %s, which no holder brings", ns.Name, reference)
		}
	}
}

func has(images []v1alpha1.Image, reference string) bool {
	return slices.ContainsFunc(images, func(i v1alpha1.Image) bool { return i.Repository+"@"+i.Digest == reference })
}

func (o *Observer) wasGood(namespace, reference string) bool {
	for key, obj := range o.state["ReleaseRecord"] {
		if record := obj.(*v1alpha1.ReleaseRecord); key.Namespace == namespace && good(record) && has(record.Spec.Images, reference) {
			return true
		}
	}
	return false
}

// I6: at most one Job for each attempt of a gate, unless somebody else deleted it.
func (o *Observer) seeJob(r *memapi.Revision) {
	job, ok := r.Object.(*batchv1.Job)
	if !ok || job.Labels[v1alpha1.GateLabel] == "" {
		return
	}
	switch r.Verb {
	case memapi.Create:
		if o.jobs[r.Key] {
			o.broken("I6", r, "Job %s is made a second time", r.Key)
		}
		o.jobs[r.Key], o.started[r.Key] = true, r.Number
		if !o.held(r, r.Key.Namespace, job.Labels[v1alpha1.PromotionUIDLabel]) {
			o.broken("I3", r, "Job %s is made for a promotion that does not hold the slot", r.Key)
		}
		o.checkTested(r, job)
	case memapi.Delete:
		if !o.byOperator(r) {
			delete(o.jobs, r.Key)
		}
	case memapi.UpdateStatus:
		if slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
		}) && o.completed[r.Key] == 0 {
			o.completed[r.Key] = r.Number
		}
	}
}
