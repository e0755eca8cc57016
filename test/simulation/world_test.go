package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// chore is one small step that a part of the cluster would take.
type chore struct {
	what string
	do   func()
}

// world plays the cluster: the controllers of Kubernetes, and the kubelets.
type world struct {
	sim       *simulation
	admission *admission
	// refused remembers the version of its namespace at which a pod of an owner was refused, until there is another.
	refused map[string]string
}

func newWorld(s *simulation) *world {
	return &world{sim: s, admission: newAdmission(s), refused: map[string]string{}}
}

func (w *world) as(actor string) *memapi.Client { return w.sim.api.ClientFor(actor, w.sim.api.Live()) }

// chores lists all that could happen now, in order.
func (w *world) chores() []chore {
	var list []chore
	for _, namespace := range w.admission.lagging() {
		if w.sim.faulty && w.sim.rng.IntN(w.sim.plan.slowness) > 0 {
			continue
		}
		list = append(list, chore{"API servers hear of namespace " + namespace, func() { w.admission.propagate(namespace) }})
	}
	for _, obj := range w.sim.api.All("Deployment") {
		list = append(list, w.deploymentChores(obj.(*appsv1.Deployment))...)
	}
	for _, obj := range w.sim.api.All("ReplicaSet") {
		list = append(list, w.replicaSetChores(obj.(*appsv1.ReplicaSet))...)
	}
	for _, obj := range w.sim.api.All("Job") {
		list = append(list, w.jobChores(obj.(*batchv1.Job))...)
	}
	for _, obj := range w.sim.api.All("Pod") {
		list = append(list, w.podChores(obj.(*corev1.Pod))...)
	}
	for _, obj := range w.sim.api.All("Namespace") {
		if obj.GetDeletionTimestamp() != nil {
			list = append(list, chore{"empties namespace " + obj.GetName(), func() { w.emptyNamespace(obj.GetName()) }})
		}
	}
	return list
}

// update changes an object as one of the cluster's controllers.
func (w *world) update(actor string, obj client.Object, change func(client.Object)) {
	changed := obj.DeepCopyObject().(client.Object)
	change(changed)
	if err := w.as(actor).Update(context.Background(), changed); err != nil {
		w.sim.note("  " + actor + ": " + err.Error())
	}
}

func (w *world) updateStatus(actor string, obj client.Object, change func(client.Object)) {
	changed := obj.DeepCopyObject().(client.Object)
	change(changed)
	if err := w.as(actor).Status().Update(context.Background(), changed); err != nil {
		w.sim.note("  " + actor + ": " + err.Error())
	}
}

func (w *world) remove(actor string, obj client.Object) {
	if err := w.as(actor).Delete(context.Background(), obj.DeepCopyObject().(client.Object)); err != nil {
		w.sim.note("  " + actor + ": " + err.Error())
	}
}

// owned returns what an object controls, of a kind.
func (w *world) owned(kind string, owner client.Object) []client.Object {
	var found []client.Object
	for _, obj := range w.sim.api.All(kind) {
		if c := metav1.GetControllerOfNoCopy(obj); c != nil && c.UID == owner.GetUID() {
			found = append(found, obj)
		}
	}
	return found
}

// orphaned says whether what controls an object is gone.
func (w *world) orphaned(obj client.Object) bool {
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil {
		return false
	}
	found := w.sim.api.Get(owner.Kind, memapi.Key{Namespace: obj.GetNamespace(), Name: owner.Name})
	return found == nil || found.GetUID() != owner.UID
}

// images of a template as one text: what tells one ReplicaSet from another.
func images(spec corev1.PodSpec) string {
	var all []string
	for _, c := range spec.Containers {
		all = append(all, c.Name+"="+c.Image)
	}
	return strings.Join(all, ",")
}

// deploymentChores play the Deployment controller, with a surge of 100 %.
func (w *world) deploymentChores(d *appsv1.Deployment) []chore {
	const actor = "deployment-controller"
	var current *appsv1.ReplicaSet
	var old []*appsv1.ReplicaSet
	for _, obj := range w.owned("ReplicaSet", d) {
		rs := obj.(*appsv1.ReplicaSet)
		if images(rs.Spec.Template.Spec) == images(d.Spec.Template.Spec) {
			current = rs
		} else {
			old = append(old, rs)
		}
	}
	var list []chore
	switch {
	case d.Spec.Paused:
	case current == nil && !w.mayRetry(d):
	case current == nil:
		list = append(list, chore{"Deployment " + d.Name + " makes a ReplicaSet", func() { w.makeReplicaSet(d, old) }})
	case revisionOf(current) < maxRevision(old):
		list = append(list, chore{"Deployment " + d.Name + " takes up an old ReplicaSet", func() {
			w.update(actor, current, func(o client.Object) { setRevision(o, maxRevision(old)+1) })
		}})
	case *current.Spec.Replicas != *d.Spec.Replicas:
		list = append(list, chore{"scale " + current.Name, func() { w.scale(actor, current, *d.Spec.Replicas) }})
	case current.Status.ReadyReplicas >= *d.Spec.Replicas:
		for _, rs := range old {
			if *rs.Spec.Replicas > 0 {
				list = append(list, chore{"scale down " + rs.Name, func() { w.scale(actor, rs, 0) }})
			}
		}
	}
	if status := deploymentStatus(d, current, old); status != statusOf(d) {
		list = append(list, chore{"status of Deployment " + d.Name, func() {
			w.updateStatus(actor, d, func(o client.Object) { status.into(o.(*appsv1.Deployment)) })
		}})
	}
	return list
}

// counts of a Deployment's status.
type counts struct{ observed, all, updated, ready int32 }

func (c counts) into(d *appsv1.Deployment) {
	d.Status.ObservedGeneration = int64(c.observed)
	d.Status.Replicas, d.Status.UpdatedReplicas = c.all, c.updated
	d.Status.ReadyReplicas, d.Status.AvailableReplicas = c.ready, c.ready
}

func statusOf(d *appsv1.Deployment) counts {
	return counts{int32(d.Status.ObservedGeneration), d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas}
}

func deploymentStatus(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) counts {
	c := counts{observed: int32(d.Generation)}
	if current != nil {
		c.all, c.updated, c.ready = current.Status.Replicas, current.Status.Replicas, current.Status.ReadyReplicas
	}
	for _, rs := range old {
		c.all += rs.Status.Replicas
		c.ready += rs.Status.ReadyReplicas
	}
	return c
}

const revisionNote = "deployment.kubernetes.io/revision"

func revisionOf(rs client.Object) int {
	n := 0
	_, _ = fmt.Sscan(rs.GetAnnotations()[revisionNote], &n)
	return n
}

func maxRevision(sets []*appsv1.ReplicaSet) int {
	highest := 0
	for _, rs := range sets {
		highest = max(highest, revisionOf(rs))
	}
	return highest
}

func setRevision(rs client.Object, n int) {
	rs.SetAnnotations(map[string]string{revisionNote: fmt.Sprint(n)})
}

func (w *world) makeReplicaSet(d *appsv1.Deployment, old []*appsv1.ReplicaSet) {
	zero := int32(0)
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, GenerateName: d.Name + "-", Labels: d.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &zero, Template: *d.Spec.Template.DeepCopy()},
	}
	setRevision(rs, maxRevision(old)+1)
	w.create("deployment-controller", d, rs)
}

func (w *world) scale(actor string, rs *appsv1.ReplicaSet, replicas int32) {
	w.update(actor, rs, func(o client.Object) { o.(*appsv1.ReplicaSet).Spec.Replicas = &replicas })
}

// create makes an object for its owner. A refusal is told by an event, and not tried again before something changes.
func (w *world) create(actor string, owner, obj client.Object) {
	err := w.as(actor).Create(context.Background(), obj)
	if err == nil {
		return
	}
	w.sim.note("  " + actor + ": " + err.Error())
	w.refused[string(owner.GetUID())] = w.version(owner.GetNamespace())
	now := metav1.NewTime(w.sim.clock.now.Truncate(time.Second))
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: owner.GetNamespace(), GenerateName: "refused-"},
		InvolvedObject: corev1.ObjectReference{Kind: w.sim.api.Kind(owner), Namespace: owner.GetNamespace(), Name: owner.GetName(), UID: owner.GetUID()},
		Reason:         "FailedCreate", Message: err.Error(), LastTimestamp: now,
	}
	if err := w.as(actor).Create(context.Background(), event); err != nil {
		w.sim.note("  " + actor + ": " + err.Error())
	}
}

// version of a namespace, as the slowest API server knows it.
func (w *world) version(namespace string) string {
	known := w.admission.versions[namespace]
	if len(known) == 0 {
		return ""
	}
	return known[0].ResourceVersion + "/" + fmt.Sprint(len(known))
}

func (w *world) mayRetry(owner client.Object) bool {
	at, refused := w.refused[string(owner.GetUID())]
	return !refused || at != w.version(owner.GetNamespace())
}

// replicaSetChores play the ReplicaSet controller and the garbage collector.
func (w *world) replicaSetChores(rs *appsv1.ReplicaSet) []chore {
	const actor = "replicaset-controller"
	if w.orphaned(rs) {
		return []chore{{"collect ReplicaSet " + rs.Name, func() { w.remove("garbage-collector", rs) }}}
	}
	pods := w.owned("Pod", rs)
	ready := int32(0)
	for _, pod := range pods {
		if isReady(pod.(*corev1.Pod)) {
			ready++
		}
	}
	var list []chore
	wanted := int(*rs.Spec.Replicas)
	switch {
	case len(pods) < wanted && w.mayRetry(rs):
		list = append(list, chore{"ReplicaSet " + rs.Name + " makes a pod", func() { w.makePod(actor, rs, "ReplicaSet", rs.Spec.Template, rs.Labels) }})
	case len(pods) > wanted:
		list = append(list, chore{"ReplicaSet " + rs.Name + " removes a pod", func() { w.remove(actor, pods[len(pods)-1]) }})
	}
	if n := int32(len(pods)); rs.Status.Replicas != n || rs.Status.ReadyReplicas != ready {
		list = append(list, chore{"status of ReplicaSet " + rs.Name, func() {
			w.updateStatus(actor, rs, func(o client.Object) {
				o.(*appsv1.ReplicaSet).Status.Replicas, o.(*appsv1.ReplicaSet).Status.ReadyReplicas = n, ready
			})
		}})
	}
	return list
}

func (w *world) makePod(actor string, owner client.Object, kind string, template corev1.PodTemplateSpec, labels map[string]string) {
	gvk := appsv1.SchemeGroupVersion.WithKind(kind)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.GetNamespace(), GenerateName: owner.GetName() + "-", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, gvk)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
	w.create(actor, owner, pod)
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// emptyNamespace plays the namespace controller.
func (w *world) emptyNamespace(namespace string) {
	for _, kind := range []string{
		"Deployment", "ReplicaSet", "Job", "Pod", "Event", "RoleBinding", "Promotion", "DeliveryPipeline", "Approval", "ReleaseRecord", "Environment",
	} {
		for _, obj := range w.sim.api.All(kind) {
			if obj.GetNamespace() == namespace {
				w.remove("namespace-controller", obj)
				return
			}
		}
	}
	w.sim.api.Finalize("namespace-controller", namespace)
}
