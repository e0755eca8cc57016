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

// dropOldRecords deletes the records that are older than the limit and that nothing rests on any more, and says when
// there may be more.
func (r *EnvironmentReconciler) dropOldRecords(ctx context.Context, snapshot environment.Snapshot) (time.Time, error) {
	var wake time.Time
	if r.KeepRecords <= 0 {
		return wake, nil
	}
	byPipeline := map[string][]*v1alpha1.ReleaseRecord{}
	for _, record := range snapshot.Records {
		key := PipelineKey(record.Spec.PipelineRef.Namespace, record.Spec.PipelineRef.Name)
		byPipeline[key] = append(byPipeline[key], record)
	}
	for pipeline, records := range byPipeline {
		old, next := environment.Retention{
			Now: snapshot.Now, Keep: r.KeepRecords, Records: records, Allowed: promotion.ParseEnforced(snapshot.Namespace).Images,
		}.Old()
		if wake.IsZero() || !next.IsZero() && next.Before(wake) {
			wake = next
		}
		if len(old) == 0 {
			continue
		}
		if err := r.dropUnneeded(ctx, pipeline, old); err != nil {
			return wake, err
		}
	}
	return wake, nil
}

// dropUnneeded deletes records, the oldest first, up to one whose release is needed in another environment.
func (r *EnvironmentReconciler) dropUnneeded(ctx context.Context, pipeline string, old []*v1alpha1.ReleaseRecord) error {
	records, err := r.Gatherer.records(ctx, pipeline)
	if err != nil {
		return err
	}
	promotions, err := r.Gatherer.promotions(ctx, pipeline)
	if err != nil {
		return err
	}
	var sites []promotion.Site
	for _, namespace := range namespacesOf(records) {
		var site promotion.Site
		if err := r.Gatherer.place(ctx, namespace, &site); err != nil {
			return err
		}
		sites = append(sites, site)
	}
	for _, record := range environment.Unneeded(old, sites, records, promotions) {
		uid := record.UID
		if err := r.Client.Delete(ctx, record.DeepCopy(), client.Preconditions{UID: &uid}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete old record %s/%s: %w", record.Namespace, record.Name, err)
		}
		log.FromContext(ctx).Info("Deleted a record that is older than --keep-records", "record", record.Name, "pipeline", pipeline)
	}
	return nil
}
