package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/plugin/view"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// promotion reads one promotion of the session's namespace.
func (s *session) promotion(ctx context.Context, name string) (*v1alpha1.Promotion, error) {
	p := &v1alpha1.Promotion{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, p)
	return p, missing(err, "promotion", name, s.namespace)
}

// environment reads the Environment of a namespace; nil where there is none, or none that the reader may see.
func (s *session) environment(ctx context.Context, namespace string) (*v1alpha1.Environment, error) {
	env := &v1alpha1.Environment{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.EnvironmentName}, env)
	if err != nil && unreadable(err) {
		env, err = nil, nil
	}
	return env, err
}

// environments reads the Environments that pipelines go through, by namespace.
func (s *session) environments(ctx context.Context, pipelines []v1alpha1.DeliveryPipeline) (map[string]*v1alpha1.Environment, error) {
	found := map[string]*v1alpha1.Environment{}
	for i := range pipelines {
		for j := range pipelines[i].Spec.Environments {
			namespace := pipelines[i].Spec.Environments[j].EnvironmentRef.Namespace
			if _, known := found[namespace]; known {
				continue
			}
			env, err := s.environment(ctx, namespace)
			if err != nil {
				return nil, err
			}
			found[namespace] = env
		}
	}
	return found, nil
}

// jobs reads the Jobs of a promotion's gates, where the reader may.
func (s *session) jobs(ctx context.Context, p *v1alpha1.Promotion) ([]batchv1.Job, error) {
	var jobs []batchv1.Job
	for _, e := range p.Status.Environments {
		if e.State != v1alpha1.StateVerifying {
			continue
		}
		list := &batchv1.JobList{}
		err := s.client.List(ctx, list, client.InNamespace(e.EnvironmentRef.Namespace), client.MatchingLabels{v1alpha1.PromotionUIDLabel: string(p.UID)})
		if err != nil && !unreadable(err) {
			return nil, err
		}
		jobs = append(jobs, list.Items...)
	}
	return jobs, nil
}

// records reads the records of a namespace that have one field, newest first.
func (s *session) records(ctx context.Context, namespace, field, value string) ([]v1alpha1.ReleaseRecord, error) {
	list := &v1alpha1.ReleaseRecordList{}
	if err := s.client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{field: value}); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, newestFirst)
	return list.Items, nil
}

func newestFirst(a, b v1alpha1.ReleaseRecord) int {
	return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(b.Name, a.Name))
}

// before returns what ran before a promotion's release came, in the last of its environments of which that is known.
func (s *session) before(ctx context.Context, p *v1alpha1.Promotion) (view.Running, error) {
	for _, e := range slices.Backward(p.Status.Environments) {
		if e.Cause == v1alpha1.CauseNotSelected {
			continue
		}
		if ran, err := s.running(ctx, p, e); err != nil || len(ran.Digests) > 0 {
			return ran, err
		}
	}
	return view.Running{}, nil
}

// running returns what ran of a promotion's pipeline in an environment before the promotion: what the newest record
// Passed or Adopted says, else the pins of the Namespace; nothing where the reader may see neither.
func (s *session) running(ctx context.Context, p *v1alpha1.Promotion, e v1alpha1.EnvironmentProgress) (view.Running, error) {
	where := view.Running{Digests: map[string]string{}, Where: e.Name}
	records, err := s.records(ctx, e.EnvironmentRef.Namespace, "spec.pipelineRef.name", p.Spec.PipelineRef.Name)
	if err != nil && !unreadable(err) {
		return view.Running{}, err
	}
	if record := recordBefore(records, p); record != nil {
		for _, image := range record.Spec.Images {
			where.Digests[image.Repository] = image.Digest
		}
		return where, nil
	}
	if p.Status.Outcome != "" {
		return view.Running{}, nil
	}
	ns := &corev1.Namespace{}
	if err := s.client.Get(ctx, client.ObjectKey{Name: e.EnvironmentRef.Namespace}, ns); err != nil {
		if unreadable(err) {
			err = nil
		}
		return view.Running{}, err
	}
	for repository, reference := range promotion.ParseEnforced(ns).Pins {
		_, where.Digests[repository], _ = strings.Cut(reference, "@")
	}
	return where, nil
}

// recordBefore returns the newest record Passed or Adopted of a promotion's pipeline that is older than what the
// promotion itself left; records come newest first.
func recordBefore(records []v1alpha1.ReleaseRecord, p *v1alpha1.Promotion) *v1alpha1.ReleaseRecord {
	records = slices.DeleteFunc(slices.Clone(records), func(r v1alpha1.ReleaseRecord) bool {
		tooNew := !p.Status.CompletionTime.IsZero() && r.CreationTimestamp.After(p.Status.CompletionTime.Time)
		return r.Spec.PipelineRef.Namespace != p.Namespace || tooNew
	})
	if own := slices.IndexFunc(records, func(r v1alpha1.ReleaseRecord) bool { return r.Spec.Promotion.UID == string(p.UID) }); own >= 0 {
		records = records[own+1:]
	}
	for i := range records {
		if result := records[i].Spec.Result; result == v1alpha1.ResultPassed || result == v1alpha1.ResultAdopted {
			return &records[i]
		}
	}
	return nil
}

// inForce returns what an Environment demands.
func inForce(env *v1alpha1.Environment) v1alpha1.RequirementsInForce {
	if env.Status.Requires != nil {
		return *env.Status.Requires
	}
	return promotion.InForce(env.Spec)
}

// notThere says that a namespace has no Environment.
func notThere(namespace string) error {
	return fmt.Errorf("namespace %s has no Environment, or none that you may see; kubectl sluice get environments -A lists those that are", namespace)
}

func inAll(all bool, namespace string) string {
	if all {
		return metav1.NamespaceAll
	}
	return namespace
}
