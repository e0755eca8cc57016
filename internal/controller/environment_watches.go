package controller

import (
	"context"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// SetupWithManager watches everything that an Environment depends on.
func (r *EnvironmentReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	watches := []watch{
		{object: &corev1.Namespace{}, requests: ofNamespace},
		{object: &v1alpha1.DeliveryPipeline{}, requests: environmentsOfPipeline, options: where(predicate.GenerationChangedPredicate{})},
		{object: &v1alpha1.Promotion{}, requests: r.heldBy, options: where(startsOrGoes())},
		{object: &corev1.Pod{}, requests: ofSameNamespace, options: where(podChanges())},
	}
	watches = append(watches, each(ofSameNamespace,
		&v1alpha1.ReleaseRecord{}, &v1alpha1.Approval{}, &rbacv1.RoleBinding{}, &batchv1.Job{},
		&appsv1.Deployment{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{}, &appsv1.ReplicaSet{}, &batchv1.CronJob{})...)
	for _, object := range policyKinds() {
		watches = append(watches, watch{object: object, requests: r.everyEnvironment, options: where(shippedPolicies())})
	}
	return wiring{name: "environment", kind: &v1alpha1.Environment{}, reconciler: reconcile.AsReconciler(mgr.GetClient(), r), watches: watches}.setUp(mgr, options)
}

func environmentRequest(namespace string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: v1alpha1.EnvironmentName}}
}

func ofNamespace(_ context.Context, object client.Object) []reconcile.Request {
	return []reconcile.Request{environmentRequest(object.GetName())}
}

func ofSameNamespace(_ context.Context, object client.Object) []reconcile.Request {
	return []reconcile.Request{environmentRequest(object.GetNamespace())}
}

// everyEnvironment maps what guards all of them.
func (r *EnvironmentReconciler) everyEnvironment(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.Gatherer.requests(ctx, &v1alpha1.EnvironmentList{}, client.InNamespace(metav1.NamespaceAll), all)
}

func environmentsOfPipeline(_ context.Context, object client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, namespace := range pipelineEnvironments(object) {
		requests = append(requests, environmentRequest(namespace))
	}
	return requests
}

// heldBy maps a Promotion to the Environments whose slot it holds, or held under the same name before it was made again.
func (r *EnvironmentReconciler) heldBy(ctx context.Context, object client.Object) []reconcile.Request {
	holder := client.MatchingFields{IndexEnvironmentHolder: object.GetNamespace() + "/" + object.GetName()}
	return r.Gatherer.requests(ctx, &v1alpha1.EnvironmentList{}, holder, all)
}

// startsOrGoes lets the events of Promotions through that may leave a slot without one.
func startsOrGoes() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, one := e.ObjectOld.(*v1alpha1.Promotion)
		after, other := e.ObjectNew.(*v1alpha1.Promotion)
		return one && other && before.Status.Pipeline.UID != after.Status.Pipeline.UID
	}}
}

// podChanges lets through what says which images run, and whether a rollout of them is done.
func podChanges() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, one := e.ObjectOld.(*corev1.Pod)
		after, other := e.ObjectNew.(*corev1.Pod)
		return !one || !other || !slices.Equal(podFacts(before), podFacts(after))
	}}
}

func podFacts(pod *corev1.Pod) []string {
	facts := []string{string(pod.Status.Phase), strconv.FormatBool(pod.DeletionTimestamp != nil)}
	for i := range pod.Spec.Containers {
		facts = append(facts, pod.Spec.Containers[i].Image)
	}
	for i := range pod.Spec.InitContainers {
		facts = append(facts, pod.Spec.InitContainers[i].Image)
	}
	for i := range pod.Spec.EphemeralContainers {
		facts = append(facts, pod.Spec.EphemeralContainers[i].Image)
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		facts = append(facts, s.Name, s.ImageID)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			facts = append(facts, string(c.Status))
		}
	}
	return facts
}
