package simulation

import (
	"errors"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// admission plays config/admission: the stamps, the pin, the lock, and what people may sign. API servers hear of a
// Namespace late, each for itself: every request meets one that knows any of the versions since the last that all know.
type admission struct {
	sim *simulation
	// versions of each Namespace that some API server may still go by, the oldest first.
	versions map[string][]*corev1.Namespace
	// inboxes of each Environment that some API server may still go by.
	inboxes map[string][]*v1alpha1.Environment
	// heard is when a namespace was last known everywhere.
	heard map[string]time.Time
}

// maxDelay is how late an API server may hear of a Namespace.
const maxDelay = 30 * time.Second

func newAdmission(s *simulation) *admission {
	return &admission{sim: s, versions: map[string][]*corev1.Namespace{}, inboxes: map[string][]*v1alpha1.Environment{}, heard: map[string]time.Time{}}
}

// admit as memapi.Server.Admit.
func (a *admission) admit(r *memapi.Request) error {
	switch obj := r.Object.(type) {
	case *v1alpha1.Promotion:
		if r.Verb == memapi.Create {
			obj.Spec.RequestedBy = v1alpha1.Identity{Username: r.Actor}
		}
	case *v1alpha1.Approval:
		return a.sign(r, obj)
	case *v1alpha1.ReleaseRecord:
		if r.Verb != memapi.Create && r.Actor != "namespace-controller" {
			return forbidden(r, "a ReleaseRecord is kept as it was written")
		}
	}
	if spec := podSpecOf(r.Object); spec != nil && r.Verb != memapi.Delete {
		return a.runs(r, spec)
	}
	return nil
}

// learn notes what the API servers will hear of.
func (a *admission) learn() {
	for _, obj := range a.sim.api.All("Namespace") {
		ns := obj.(*corev1.Namespace)
		known := a.versions[ns.Name]
		if len(known) == 0 || known[len(known)-1].ResourceVersion != ns.ResourceVersion {
			a.versions[ns.Name] = append(known, ns)
		}
		if a.knows(ns.Name) {
			a.heard[ns.Name] = a.sim.clock.now
		} else if a.overdue(ns.Name) {
			a.versions[ns.Name] = a.versions[ns.Name][len(a.versions[ns.Name])-1:]
		}
	}
	for _, obj := range a.sim.api.All("Environment") {
		env := obj.(*v1alpha1.Environment)
		known := a.inboxes[env.Namespace]
		if len(known) == 0 || known[len(known)-1].ResourceVersion != env.ResourceVersion {
			a.inboxes[env.Namespace] = append(known, env)
		}
	}
}

// lagging returns the namespaces whose present version is not known everywhere yet.
func (a *admission) lagging() []string {
	a.learn()
	var names []string
	for _, name := range sortedKeys(a.versions) {
		if len(a.versions[name]) > 1 || len(a.inboxes[name]) > 1 {
			names = append(names, name)
		}
	}
	return names
}

// overdue says whether a namespace has a version that every API server has to know by now.
func (a *admission) overdue(namespace string) bool {
	since := a.heard[namespace]
	return a.sim.clock.now.Sub(since) > maxDelay
}

// propagate makes one more version known everywhere.
func (a *admission) propagate(namespace string) {
	if known := a.versions[namespace]; len(known) > 1 {
		a.versions[namespace] = known[1:]
	}
	if known := a.inboxes[namespace]; len(known) > 1 {
		a.inboxes[namespace] = known[1:]
	}
}

// knows says whether every API server knows the present version of a namespace.
func (a *admission) knows(namespace string) bool { return len(a.versions[namespace]) <= 1 }

// pick returns what one of the API servers knows.
func pickKnown[T any](s *simulation, known []T) (T, bool) {
	var none T
	if len(known) == 0 {
		return none, false
	}
	return known[s.rng.IntN(len(known))], true
}

func forbidden(r *memapi.Request, why string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: strings.ToLower(r.Kind)}, r.Object.GetName(), errors.New(why))
}

// sign stamps an Approval and checks it against the inbox.
func (a *admission) sign(r *memapi.Request, approval *v1alpha1.Approval) error {
	if r.Actor == "namespace-controller" {
		return nil
	}
	if r.Verb != memapi.Create {
		return forbidden(r, "an Approval is kept as it was signed")
	}
	a.learn()
	env, ok := pickKnown(a.sim, a.inboxes[approval.Namespace])
	if !ok {
		return forbidden(r, "no Environment")
	}
	i := slices.IndexFunc(env.Status.Awaiting, func(w v1alpha1.AwaitingPromotion) bool {
		return w.PromotionRef.UID == approval.Spec.PromotionRef.UID
	})
	if i < 0 {
		return forbidden(r, "nothing awaits approval here")
	}
	awaited := env.Status.Awaiting[i]
	approval.Spec.Approver = v1alpha1.Approver{Username: r.Actor}
	for _, group := range groupsOf(r.Actor) {
		if slices.Contains(awaited.Groups, group) {
			approval.Spec.Approver.Groups = append(approval.Spec.Approver.Groups, group)
		}
	}
	switch {
	case slices.Contains(awaited.Excluded, r.Actor):
		return forbidden(r, "you asked for this")
	case awaited.ReleaseHash != approval.Spec.ReleaseHash || awaited.EvidenceHash != approval.Spec.EvidenceHash:
		return forbidden(r, "read again what you sign")
	}
	return nil
}

// runs pins what a pod or a workload asks for, then refuses what was not promoted.
func (a *admission) runs(r *memapi.Request, spec *corev1.PodSpec) error {
	a.learn()
	ns, ok := pickKnown(a.sim, a.versions[r.Object.GetNamespace()])
	if !ok || ns.Labels[v1alpha1.LockLabel] == "" {
		return nil
	}
	var before *corev1.PodSpec
	if r.Old != nil {
		before = podSpecOf(r.Old)
	}
	gate := r.Object.GetLabels()[v1alpha1.GateLabel] != ""
	if !gate || r.Actor != operatorUser {
		pin(r, spec, before, ns)
	}
	if ns.Labels[v1alpha1.LockLabel] != string(v1alpha1.LockEnforce) {
		return nil
	}
	return lock(r, spec, before, ns, gate)
}

// pin writes the promoted digest wherever an owned repository is named; see config/admission/pin.yaml.
func pin(r *memapi.Request, spec, before *corev1.PodSpec, ns *corev1.Namespace) {
	_, isPod := r.Object.(*corev1.Pod)
	if _, isJob := r.Object.(*batchv1.Job); isJob && r.Old != nil || r.Kind == "ReplicaSet" {
		return
	}
	release := r.Object.GetAnnotations()[v1alpha1.ReleaseAnnotation]
	touched := r.Old != nil && r.Old.GetAnnotations()[v1alpha1.ReleaseAnnotation] != release
	adopted := map[string]string{}
	if !touched && (isPod || release == "") {
		adopted = pairs(ns.Annotations[v1alpha1.AdoptedAnnotation])
	}
	pins := map[string]string{}
	for _, reference := range strings.Fields(ns.Annotations[v1alpha1.PinsAnnotation]) {
		pins[repository(reference)] = reference
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		switch {
		case isPod && strings.Contains(c.Image, "@"):
		case !touched && had(before, *c):
		case adopted[c.Image] != "":
			c.Image = repository(c.Image) + "@" + adopted[c.Image]
		case pins[repository(c.Image)] != "":
			c.Image = pins[repository(c.Image)]
		}
	}
}

func had(spec *corev1.PodSpec, c corev1.Container) bool {
	return spec != nil && slices.ContainsFunc(spec.Containers, func(other corev1.Container) bool {
		return other.Name == c.Name && other.Image == c.Image
	})
}

// lock refuses fresh images that were not promoted; see config/admission/lock.yaml.
func lock(r *memapi.Request, spec, before *corev1.PodSpec, ns *corev1.Namespace, gate bool) error {
	allowed := strings.Fields(ns.Annotations[v1alpha1.ImagesAnnotation])
	if _, isPod := r.Object.(*corev1.Pod); !isPod {
		for text := range pairs(ns.Annotations[v1alpha1.AdoptedAnnotation]) {
			allowed = append(allowed, text)
		}
	}
	if gate {
		for _, field := range strings.Fields(ns.Annotations[v1alpha1.GateImagesAnnotation]) {
			if image, ours := strings.CutSuffix(field, "="+jobOf(r.Object)); ours {
				allowed = append(allowed, image)
			}
		}
	}
	owned := map[string]bool{}
	for _, reference := range strings.Fields(ns.Annotations[v1alpha1.ImagesAnnotation] + " " + ns.Annotations[v1alpha1.PinsAnnotation]) {
		owned[repository(reference)] = true
	}
	for repository := range pairs(ns.Annotations[v1alpha1.OwnersAnnotation]) {
		owned[repository] = true
	}
	others := strings.Fields(ns.Annotations[v1alpha1.OthersAnnotation])
	for _, c := range spec.Containers {
		fresh := before == nil || !slices.ContainsFunc(before.Containers, func(o corev1.Container) bool { return o.Image == c.Image })
		foreign := !owned[repository(c.Image)] && (ns.Annotations[v1alpha1.UnmanagedAnnotation] == string(v1alpha1.UnmanagedAllow) || slices.Contains(others, c.Image))
		if fresh && !slices.Contains(allowed, c.Image) && !foreign {
			return forbidden(r, "this namespace runs promoted images only; refused: "+c.Image)
		}
	}
	return nil
}

// jobOf names the Job that an object is, or is a pod of.
func jobOf(object client.Object) string {
	if owner := metav1.GetControllerOf(object); owner != nil {
		return owner.Name
	}
	return object.GetName()
}

// podSpecOf returns the pod spec of whatever runs images; nil of anything else.
func podSpecOf(obj client.Object) *corev1.PodSpec {
	switch w := obj.(type) {
	case *corev1.Pod:
		return &w.Spec
	case *appsv1.Deployment:
		return &w.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		return &w.Spec.Template.Spec
	case *batchv1.Job:
		return &w.Spec.Template.Spec
	case *batchv1.CronJob:
		return &w.Spec.JobTemplate.Spec.Template.Spec
	}
	return nil
}

func pairs(text string) map[string]string {
	found := map[string]string{}
	for _, field := range strings.Fields(text) {
		if i := strings.LastIndex(field, "="); i > 0 {
			found[field[:i]] = field[i+1:]
		}
	}
	return found
}

func repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}
