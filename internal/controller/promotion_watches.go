package controller

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// SetupWithManager watches everything that a Promotion may wait for.
func (r *PromotionReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	watches := []watch{
		{object: &v1alpha1.Promotion{}, requests: r.rivalsOf},
		{object: &v1alpha1.DeliveryPipeline{}, requests: r.ofPipeline},
		{object: &v1alpha1.Approval{}, requests: ofApproval},
		{object: &v1alpha1.ReleaseRecord{}, requests: r.ofRecord},
		{object: &v1alpha1.GateTemplate{}, requests: r.unfinished, options: where(predicate.GenerationChangedPredicate{})},
		{object: &corev1.Namespace{}, requests: r.throughNamespace},
		{object: &v1alpha1.Environment{}, requests: r.throughEnvironment},
		{object: &batchv1.Job{}, requests: r.ofJob},
		{object: &rbacv1.ClusterRole{}, requests: r.awaitingSignatures, options: where(rightsChange())},
		{object: &rbacv1.ClusterRoleBinding{}, requests: r.awaitingSignatures, options: where(rightsChange())},
		{object: &rbacv1.Role{}, requests: r.inNamespace, options: where(rightsChange())},
	}
	watches = append(watches, each(r.inNamespace,
		&rbacv1.RoleBinding{}, &corev1.Pod{}, &corev1.Event{},
		&appsv1.Deployment{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{}, &appsv1.ReplicaSet{}, &batchv1.CronJob{})...)
	for _, object := range policyKinds() {
		watches = append(watches, watch{object: object, requests: r.unfinished, options: where(shippedPolicies())})
	}
	return wiring{name: "promotion", kind: &v1alpha1.Promotion{}, reconciler: r, watches: watches}.setUp(mgr, options)
}

// unfinished maps what guards every environment, or may be used in any, to all Promotions that may be kept out of one. Few
// people change either, and seldom.
func (r *PromotionReconciler) unfinished(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.through(ctx, Everywhere)
}

// inNamespace maps whatever lives in a namespace to the unfinished Promotions that go through it.
func (r *PromotionReconciler) inNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	return r.through(ctx, object.GetNamespace())
}

// throughNamespace maps a Namespace to the Promotions that go through it, and to those that have yet to find out what
// runs there.
func (r *PromotionReconciler) throughNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	return append(r.through(ctx, object.GetName()), r.through(ctx, Unresolved)...)
}

// throughEnvironment maps an Environment to the Promotions that go through it, and to those that have yet to begin: one of
// the same name may have to leave first.
func (r *PromotionReconciler) throughEnvironment(ctx context.Context, object client.Object) []reconcile.Request {
	return append(r.inNamespace(ctx, object), r.through(ctx, Unresolved)...)
}

func (r *PromotionReconciler) through(ctx context.Context, namespace string) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPromotionNamespace: namespace})
}

// rivalsOf maps a Promotion to the others of its pipeline that have not ended.
func (r *PromotionReconciler) rivalsOf(ctx context.Context, object client.Object) []reconcile.Request {
	p, ok := object.(*v1alpha1.Promotion)
	if !ok {
		return nil
	}
	return without(r.find(ctx, client.MatchingFields{IndexPromotionPipeline: PipelineKey(p.Namespace, p.Spec.PipelineRef.Name)}), p.Name)
}

func (r *PromotionReconciler) ofPipeline(ctx context.Context, object client.Object) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPromotionPipeline: PipelineKey(object.GetNamespace(), object.GetName())})
}

// ofRecord maps a record to the Promotions of its pipeline: it may be the evidence that they wait for.
func (r *PromotionReconciler) ofRecord(ctx context.Context, object client.Object) []reconcile.Request {
	record, ok := object.(*v1alpha1.ReleaseRecord)
	if !ok {
		return nil
	}
	return r.find(ctx, client.MatchingFields{IndexPromotionPipeline: PipelineKey(record.Spec.PipelineRef.Namespace, record.Spec.PipelineRef.Name)})
}

func ofApproval(_ context.Context, object client.Object) []reconcile.Request {
	approval, ok := object.(*v1alpha1.Approval)
	if !ok || approval.Spec.PromotionRef.Name == "" {
		return nil
	}
	ref := approval.Spec.PromotionRef
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}}}
}

// ofJob maps the Job of a gate to its Promotion, and any other to the Promotions that go through its namespace.
func (r *PromotionReconciler) ofJob(ctx context.Context, object client.Object) []reconcile.Request {
	namespace, name, found := strings.Cut(object.GetAnnotations()[v1alpha1.PromotionAnnotation], "/")
	if !found {
		return r.inNamespace(ctx, object)
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// find returns requests for the unfinished Promotions that an index holds under a value.
func (r *PromotionReconciler) find(ctx context.Context, by client.MatchingFields) []reconcile.Request {
	return r.Gatherer.requests(ctx, &v1alpha1.PromotionList{}, by, func(object client.Object) bool {
		p, ok := object.(*v1alpha1.Promotion)
		return ok && p.Status.Outcome == ""
	})
}

func without(requests []reconcile.Request, name string) []reconcile.Request {
	var others []reconcile.Request
	for _, request := range requests {
		if request.Name != name {
			others = append(others, request)
		}
	}
	return others
}
