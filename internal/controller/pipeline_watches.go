package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// SetupWithManager watches everything that the status of a DeliveryPipeline depends on.
func (r *DeliveryPipelineReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return wiring{
		name: "deliverypipeline", kind: &v1alpha1.DeliveryPipeline{}, reconciler: reconcile.AsReconciler(mgr.GetClient(), r),
		watches: []watch{
			{object: &v1alpha1.Environment{}, requests: r.ofEnvironment},
			{object: &corev1.Namespace{}, requests: r.ofOwners, options: where(ownersChange())},
			{object: &corev1.ServiceAccount{}, requests: r.ofAccount, options: []builder.WatchesOption{builder.OnlyMetadata}},
			{object: &v1alpha1.Promotion{}, requests: pipelineOf, options: where(finishes())},
		},
	}.setUp(mgr, options)
}

func (r *DeliveryPipelineReconciler) ofEnvironment(ctx context.Context, object client.Object) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPipelineEnvironment: object.GetNamespace()})
}

func (r *DeliveryPipelineReconciler) ofOwners(ctx context.Context, object client.Object) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPipelineEnvironment: object.GetName()})
}

func (r *DeliveryPipelineReconciler) ofAccount(ctx context.Context, object client.Object) []reconcile.Request {
	return r.find(ctx, client.MatchingFields{IndexPipelineAccount: object.GetNamespace() + "/" + object.GetName()})
}

func (r *DeliveryPipelineReconciler) find(ctx context.Context, by client.MatchingFields) []reconcile.Request {
	return r.Gatherer.requests(ctx, &v1alpha1.DeliveryPipelineList{}, by, all)
}

func pipelineOf(_ context.Context, object client.Object) []reconcile.Request {
	p, ok := object.(*v1alpha1.Promotion)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.PipelineRef.Name}}}
}

// ownersChange lets a Namespace through when another pipeline may own a repository there.
func ownersChange() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetAnnotations()[v1alpha1.OwnersAnnotation] != e.ObjectNew.GetAnnotations()[v1alpha1.OwnersAnnotation]
	}}
}

// finishes lets a Promotion through when it has ended: the history may be longer than it is to be.
func finishes() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, one := e.ObjectOld.(*v1alpha1.Promotion)
			after, other := e.ObjectNew.(*v1alpha1.Promotion)
			return one && other && before.Status.Outcome == "" && after.Status.Outcome != ""
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}
