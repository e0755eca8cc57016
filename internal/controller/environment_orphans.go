package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/environment"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// orphanPass is what a pass did about slots whose Promotion is gone.
type orphanPass struct {
	// acted says that something was written: its arrival brings the next pass.
	acted bool
	// wake is when to look again though nothing changed.
	wake time.Time
}

// freeOrphans takes the slots back whose Promotion was deleted or made again: the stable release returns, a record tells
// of it. One at a time, as each ends in a write of the same status.
func (r *EnvironmentReconciler) freeOrphans(ctx context.Context, snapshot environment.Snapshot) (orphanPass, error) {
	var pass orphanPass
	if cleared, err := r.clearInbox(ctx, snapshot.Environment); cleared || err != nil {
		pass.acted = cleared
		return pass, err
	}
	for _, holder := range snapshot.Environment.Status.Holders {
		plan, err := r.planForOrphan(ctx, snapshot, holder)
		if err != nil {
			return pass, err
		}
		if len(plan.Effects) > 0 {
			log.FromContext(ctx).Info("Frees the slot of a Promotion that is gone", "promotion", holder.PromotionRef.Namespace+"/"+holder.PromotionRef.Name, "pipeline", holder.Pipeline)
			pass.acted = true
			return pass, r.Performer.Perform(ctx, nil, plan.Effects)
		}
		if pass.wake.IsZero() || !plan.Wake.IsZero() && plan.Wake.Before(pass.wake) {
			pass.wake = plan.Wake
		}
	}
	return pass, nil
}

// planForOrphan says what to do about a holder; nothing where its Promotion is there.
func (r *EnvironmentReconciler) planForOrphan(ctx context.Context, snapshot environment.Snapshot, holder v1alpha1.Holder) (promotion.Plan, error) {
	orphaned, err := r.orphaned(ctx, holder, snapshot.Environment.Namespace)
	if err != nil || !orphaned {
		return promotion.Plan{}, err
	}
	return r.decideOrphan(ctx, snapshot, holder)
}

// clearInbox drops what awaits sign-off for Promotions that are gone: nobody could act on a signature any more.
func (r *EnvironmentReconciler) clearInbox(ctx context.Context, env *v1alpha1.Environment) (bool, error) {
	status := *env.Status.DeepCopy()
	status.Awaiting = nil
	for _, entry := range env.Status.Awaiting {
		gone, err := r.orphaned(ctx, v1alpha1.Holder{PromotionRef: entry.PromotionRef}, env.Namespace)
		if err != nil {
			return false, err
		}
		if !gone {
			status.Awaiting = append(status.Awaiting, entry)
		}
	}
	if len(status.Awaiting) == len(env.Status.Awaiting) {
		return false, nil
	}
	return true, r.Performer.Perform(ctx, nil, []promotion.Effect{
		promotion.UpdateEnvironment{Namespace: env.Namespace, ResourceVersion: env.ResourceVersion, Status: status},
	})
}

// orphaned says whether a holder's Promotion is gone. The cache is enough to say that it is not.
func (r *EnvironmentReconciler) orphaned(ctx context.Context, holder v1alpha1.Holder, namespace string) (bool, error) {
	for _, reader := range []client.Reader{r.Client, r.APIReader} {
		found := &v1alpha1.Promotion{}
		key := client.ObjectKey{Namespace: holder.PromotionRef.Namespace, Name: holder.PromotionRef.Name}
		err := reader.Get(ctx, key, found)
		switch {
		case apierrors.IsNotFound(err):
			found = nil
		case err != nil:
			return false, fmt.Errorf("read Promotion %s: %w", key, err)
		}
		if !promotion.Orphaned(holder, found, namespace) {
			return false, nil
		}
	}
	return true, nil
}

func (r *EnvironmentReconciler) decideOrphan(ctx context.Context, snapshot environment.Snapshot, holder v1alpha1.Holder) (promotion.Plan, error) {
	namespace := snapshot.Environment.Namespace
	var records []*v1alpha1.ReleaseRecord
	for _, record := range snapshot.Records {
		if PipelineKey(record.Spec.PipelineRef.Namespace, record.Spec.PipelineRef.Name) == holder.Pipeline {
			records = append(records, record)
		}
	}
	images := holder.Images
	if stable := promotion.Stable(records, namespace); stable != nil {
		images = append(images[:len(images):len(images)], stable.Spec.Images...)
	}
	repositories := make([]string, 0, len(images))
	for _, image := range images {
		repositories = append(repositories, image.Repository)
	}
	site, err := r.Gatherer.Site(ctx, namespace, repositories, holder.PromotionRef.UID)
	if err != nil || site.Namespace == nil || site.Environment == nil {
		return promotion.Plan{}, err
	}
	return promotion.DecideOrphan(promotion.Snapshot{
		Now: snapshot.Now, Sites: map[string]promotion.Site{namespace: site}, Records: records,
	}, namespace, holder), nil
}
