package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/gate"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Gatherer reads what decisions need from the cache. What it returns is shared with the cache, and never modified.
type Gatherer struct {
	// Reader of the cache.
	Reader client.Reader
	// Operator is the operator's own ServiceAccount, which RoleBindings have to name.
	Operator types.NamespacedName
	// Own says which image the operator is.
	Own OwnImage

	policies policy.Comparer
}

// Promotion gathers everything that bears on one Promotion, but for the time and the registry's answers.
func (g *Gatherer) Promotion(ctx context.Context, p *v1alpha1.Promotion) (promotion.Snapshot, error) {
	snapshot := promotion.Snapshot{Promotion: p, Sites: map[string]promotion.Site{}}
	pipeline := &v1alpha1.DeliveryPipeline{}
	err := g.Reader.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: p.Spec.PipelineRef.Name}, pipeline)
	switch {
	case err == nil:
		snapshot.Pipeline = pipeline
	case !apierrors.IsNotFound(err):
		return snapshot, fmt.Errorf("read pipeline %s: %w", p.Spec.PipelineRef.Name, err)
	}
	key := PipelineKey(p.Namespace, p.Spec.PipelineRef.Name)
	if snapshot.Rivals, err = g.rivals(ctx, p, key); err != nil {
		return snapshot, err
	}
	if snapshot.Records, err = g.records(ctx, key); err != nil {
		return snapshot, err
	}
	if snapshot.Policies, err = g.Policies(ctx); err != nil {
		return snapshot, err
	}
	if snapshot.Generator, err = g.generator(ctx); err != nil {
		return snapshot, err
	}
	if err := g.sites(ctx, &snapshot); err != nil {
		return snapshot, err
	}
	snapshot.Templates, err = g.templates(ctx, &snapshot)
	return snapshot, err
}

func (g *Gatherer) rivals(ctx context.Context, p *v1alpha1.Promotion, pipeline string) ([]*v1alpha1.Promotion, error) {
	promotions, err := g.promotions(ctx, pipeline)
	return slices.DeleteFunc(promotions, func(other *v1alpha1.Promotion) bool { return other.UID == p.UID }), err
}

// promotions of a pipeline, finished ones included.
func (g *Gatherer) promotions(ctx context.Context, pipeline string) ([]*v1alpha1.Promotion, error) {
	var list v1alpha1.PromotionList
	if err := g.list(ctx, &list, client.MatchingFields{IndexPromotionPipeline: pipeline}); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

func (g *Gatherer) records(ctx context.Context, pipeline string) ([]*v1alpha1.ReleaseRecord, error) {
	var list v1alpha1.ReleaseRecordList
	if err := g.list(ctx, &list, client.MatchingFields{IndexRecordPipeline: pipeline}); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// sites gathers the environments that the promotion goes through, and those that evidence may come from.
func (g *Gatherer) sites(ctx context.Context, snapshot *promotion.Snapshot) error {
	p := snapshot.Promotion
	steps, repositories := stepsOf(snapshot)
	for _, step := range steps {
		site, err := g.Site(ctx, step.EnvironmentRef.Namespace, repositories, string(p.UID))
		if err != nil {
			return err
		}
		if site.Environment != nil && waits(p, step.Name) {
			may, err := g.signersIn(ctx, step.EnvironmentRef.Namespace)
			if err != nil {
				return err
			}
			site.Signers = may.named()
		}
		snapshot.Sites[step.EnvironmentRef.Namespace] = site
	}
	for _, namespace := range evidenceNamespaces(snapshot) {
		if _, there := snapshot.Sites[namespace]; there {
			continue
		}
		var site promotion.Site
		if err := g.place(ctx, namespace, &site); err != nil {
			return err
		}
		snapshot.Sites[namespace] = site
	}
	return nil
}

// waits says whether a promotion may still have to wait for people in an environment.
func waits(p *v1alpha1.Promotion, environment string) bool {
	for _, progress := range p.Status.Environments {
		if progress.Name == environment {
			return progress.State == v1alpha1.StatePending || progress.State == v1alpha1.StateWaiting
		}
	}
	return true
}

// stepsOf returns the environments and repositories of the promotion: those it took down, else those of the pipeline.
func stepsOf(snapshot *promotion.Snapshot) ([]v1alpha1.PipelineEnvironment, []string) {
	steps, images := snapshot.Promotion.Status.Pipeline.Environments, snapshot.Promotion.Status.Pipeline.Images
	if snapshot.Promotion.Status.Pipeline.UID == "" && snapshot.Pipeline != nil {
		steps, images = snapshot.Pipeline.Spec.Environments, snapshot.Pipeline.Spec.Images
	}
	repositories := make([]string, 0, len(images))
	for _, image := range images {
		repositories = append(repositories, image.Repository)
	}
	for _, image := range snapshot.Promotion.Status.Images {
		if !slices.Contains(repositories, image.Repository) {
			// A rollback takes the image set of its record.
			repositories = append(repositories, image.Repository)
		}
	}
	return steps, repositories
}

// evidenceNamespaces are those that an Environment on the way names, and those that hold records of the release.
func evidenceNamespaces(snapshot *promotion.Snapshot) []string {
	var namespaces []string
	for _, site := range snapshot.Sites {
		if site.Environment == nil {
			continue
		}
		for _, requirement := range promotion.InForce(site.Environment.Spec).Evidence {
			for _, from := range requirement.From {
				namespaces = append(namespaces, from.Namespace)
			}
		}
	}
	namespaces = append(namespaces, namespacesOf(snapshot.Records)...)
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// namespacesOf are those that hold some records, sorted.
func namespacesOf(records []*v1alpha1.ReleaseRecord) []string {
	namespaces := make([]string, 0, len(records))
	for _, r := range records {
		namespaces = append(namespaces, r.Namespace)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// Site gathers one namespace: what runs there of the repositories, and what concerns one Promotion.
func (g *Gatherer) Site(ctx context.Context, namespace string, repositories []string, promotionUID string) (promotion.Site, error) {
	var site promotion.Site
	if err := g.place(ctx, namespace, &site); err != nil || site.Environment == nil {
		return site, err
	}
	observed, err := g.Observed(ctx, namespace)
	if err != nil {
		return site, err
	}
	observed.Repositories = promotion.MirrorsOf(site.Environment, site.Namespace).Names(repositories)
	site.Workloads = delivery.Observe(observed)
	site.InUse = delivery.InUse(observed)
	for i := range observed.Jobs {
		if job := &observed.Jobs[i]; job.Labels[v1alpha1.PromotionUIDLabel] == promotionUID && job.DeletionTimestamp == nil {
			site.Runs = append(site.Runs, gate.Observe(job, observed.Pods, observed.Events))
		}
	}
	var approvals v1alpha1.ApprovalList
	if err := g.list(ctx, &approvals, client.InNamespace(namespace), client.MatchingFields{IndexApprovalPromotion: promotionUID}); err != nil {
		return site, err
	}
	site.Approvals = pointers(approvals.Items)
	return site, nil
}

// place reads a Namespace, its Environment, and whether the operator may work there.
func (g *Gatherer) place(ctx context.Context, namespace string, site *promotion.Site) error {
	ns, env := &corev1.Namespace{}, &v1alpha1.Environment{}
	found, err := g.find(ctx, client.ObjectKey{Name: namespace}, ns)
	if err != nil || !found {
		return err
	}
	site.Namespace = ns
	if found, err = g.find(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.EnvironmentName}, env); err != nil || !found {
		return err
	}
	site.Environment, site.Zones = env, zonesOf(env)
	site.Permitted, err = g.Permitted(ctx, namespace)
	return err
}

// zonesOf returns the time zones that an Environment names, as far as they are known.
func zonesOf(env *v1alpha1.Environment) map[string]*time.Location {
	zones := map[string]*time.Location{}
	for i := range env.Spec.Freezes {
		name := env.Spec.Freezes[i].TimeZone
		if zones[name] != nil {
			continue
		}
		if zone := clock.Zone(name); zone != nil {
			zones[name] = zone
		}
	}
	return zones
}

func (g *Gatherer) find(ctx context.Context, key client.ObjectKey, object client.Object) (bool, error) {
	err := g.Reader.Get(ctx, key, object)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %s: %w", object, key, err)
	}
	return true, nil
}

// Permitted says whether a RoleBinding of the namespace gives the operator the role that it needs there.
func (g *Gatherer) Permitted(ctx context.Context, namespace string) (bool, error) {
	var bindings rbacv1.RoleBindingList
	if err := g.list(ctx, &bindings, client.InNamespace(namespace)); err != nil {
		return false, err
	}
	return slices.ContainsFunc(bindings.Items, func(b rbacv1.RoleBinding) bool {
		return b.RoleRef.Kind == "ClusterRole" && b.RoleRef.Name == v1alpha1.EnvironmentRole && b.DeletionTimestamp == nil &&
			slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
				return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == g.Operator.Namespace && s.Name == g.Operator.Name
			})
	}), nil
}

// Observed lists what a namespace holds of workloads and what they own.
func (g *Gatherer) Observed(ctx context.Context, namespace string) (delivery.Observed, error) {
	var (
		deployments  appsv1.DeploymentList
		statefulSets appsv1.StatefulSetList
		daemonSets   appsv1.DaemonSetList
		replicaSets  appsv1.ReplicaSetList
		cronJobs     batchv1.CronJobList
		jobs         batchv1.JobList
		pods         corev1.PodList
		events       corev1.EventList
		revisions    appsv1.ControllerRevisionList
	)
	var failures []error
	for _, list := range []client.ObjectList{&deployments, &statefulSets, &daemonSets, &replicaSets, &cronJobs, &jobs, &pods, &events, &revisions} {
		failures = append(failures, g.list(ctx, list, client.InNamespace(namespace)))
	}
	return delivery.Observed{
		Deployments: deployments.Items, StatefulSets: statefulSets.Items, DaemonSets: daemonSets.Items,
		ReplicaSets: replicaSets.Items, CronJobs: cronJobs.Items, Jobs: jobs.Items, Pods: pods.Items, Events: events.Items,
		Revisions: revisions.Items,
	}, errors.Join(failures...)
}

// list reads from the cache without copying: nobody modifies what was gathered.
func (g *Gatherer) list(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := g.Reader.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		return fmt.Errorf("list %T: %w", list, err)
	}
	return nil
}

func pointers[T any](items []T) []*T {
	found := make([]*T, 0, len(items))
	for i := range items {
		found = append(found, &items[i])
	}
	return found
}
