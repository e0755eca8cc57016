package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// defaultHistoryLimit is how many finished Promotions are kept where the pipeline does not say.
const defaultHistoryLimit int32 = 50

// DeliveryPipelineReconciler says whether a pipeline makes sense, whether its environments let it in, and how it stands
// in them. It deletes finished Promotions beyond the history that the pipeline asks for.
type DeliveryPipelineReconciler struct {
	// Client that reads from the cache and writes.
	Client client.Client
	// Gatherer of environments.
	Gatherer *Gatherer
	// Clock of the operator.
	Clock clock.Clock
}

var _ reconcile.ObjectReconciler[*v1alpha1.DeliveryPipeline] = &DeliveryPipelineReconciler{}

// Reconcile gathers, judges, and writes status once.
func (r *DeliveryPipelineReconciler) Reconcile(ctx context.Context, pipeline *v1alpha1.DeliveryPipeline) (ctrl.Result, error) {
	if pipeline.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	facts, err := r.gather(ctx, pipeline)
	if err != nil {
		return ctrl.Result{}, err
	}
	if status := pipelineStatus(facts); !equality.Semantic.DeepEqual(pipeline.Status, status) {
		updated := pipeline.DeepCopy()
		updated.Status = status
		if err := r.Client.Status().Update(ctx, updated, client.FieldOwner(delivery.FieldManager)); err != nil {
			return afterFailure(ctx, fmt.Errorf("write status: %w", err))
		}
	}
	return ctrl.Result{}, r.prune(ctx, pipeline)
}

func (r *DeliveryPipelineReconciler) gather(ctx context.Context, pipeline *v1alpha1.DeliveryPipeline) (pipelineFacts, error) {
	facts := pipelineFacts{now: r.Clock.Now(), pipeline: pipeline, sites: map[string]promotion.Site{}}
	for _, e := range pipeline.Spec.Environments {
		var site promotion.Site
		if err := r.Gatherer.place(ctx, e.EnvironmentRef.Namespace, &site); err != nil {
			return facts, err
		}
		facts.sites[e.EnvironmentRef.Namespace] = site
	}
	name := pipeline.Spec.RegistryCredentials.ServiceAccountName
	if name == "" {
		return facts, nil
	}
	// Its name is enough: what it holds is read when a registry is asked.
	account := &metav1.PartialObjectMetadata{}
	account.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	found, err := r.Gatherer.find(ctx, client.ObjectKey{Namespace: pipeline.Namespace, Name: name}, account)
	facts.accountMissing = err == nil && !found
	return facts, err
}

// prune deletes the oldest finished Promotions beyond the limit. Records keep what matters, but for those that left none,
// which therefore have the limit to themselves; and the one that passed last in an environment stays: should the namespace
// be lost with its records, it tells what ran there.
func (r *DeliveryPipelineReconciler) prune(ctx context.Context, pipeline *v1alpha1.DeliveryPipeline) error {
	promotions, err := r.Gatherer.promotions(ctx, PipelineKey(pipeline.Namespace, pipeline.Name))
	if err != nil {
		return err
	}
	for _, p := range beyondLimit(promotions, pipeline) {
		uid := p.UID
		err := r.Client.Delete(ctx, p, client.Preconditions{UID: &uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete finished Promotion %s beyond historyLimit: %w", p.Name, err)
		}
		log.FromContext(ctx).Info("Deleted a finished Promotion beyond historyLimit", "promotion", p.Name)
	}
	return nil
}

// beyondLimit returns the finished Promotions that a pipeline does not keep. It is pure.
func beyondLimit(promotions []*v1alpha1.Promotion, pipeline *v1alpha1.DeliveryPipeline) []*v1alpha1.Promotion {
	last := map[types.UID]bool{}
	for _, e := range pipeline.Spec.Environments {
		if p := promotion.LastPassed(promotions, e.EnvironmentRef.Namespace); p != nil {
			last[p.UID] = true
		}
	}
	newestFirst := slices.SortedFunc(slices.Values(promotions), func(a, b *v1alpha1.Promotion) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	limit := int(cmp.Or(pipeline.Spec.HistoryLimit, defaultHistoryLimit))
	kept := map[bool]int{}
	var beyond []*v1alpha1.Promotion
	for _, p := range newestFirst {
		if p.Status.Outcome == "" || p.DeletionTimestamp != nil {
			continue
		}
		recorded := slices.ContainsFunc(p.Status.Environments, func(e v1alpha1.EnvironmentProgress) bool { return e.RecordRef.Name != "" })
		kept[recorded]++
		if kept[recorded] > limit && !last[p.UID] {
			beyond = append(beyond, p)
		}
	}
	return beyond
}
