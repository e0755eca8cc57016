package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/registry"
)

// A registry that did not answer is asked again after firstRetry, then at ever longer intervals up to lastRetry: it is
// outside the cluster, and cannot be watched.
const (
	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
)

// Registry resolves a tag.
type Registry interface {
	// Resolve returns the digest that a tag means now.
	Resolve(ctx context.Context, repository, tag string, credentials registry.Credentials) (string, error)
}

// TagResolver asks registries for the tags of Promotions and remembers the answers until the Promotion has taken them down.
type TagResolver struct {
	// Registry to ask.
	Registry Registry
	// Reader of ServiceAccounts and pull secrets, past the cache: Secrets are never kept in memory.
	Reader client.Reader
	// Clock for the intervals.
	Clock clock.Clock

	mutex   sync.Mutex
	entries map[types.UID]*tagEntry
}

type tagEntry struct {
	answers map[string]promotion.TagAnswer
	wait    time.Duration
	next    time.Time
}

// Resolution returns what is known of the Promotion's tags, and asks for the rest if it is time to.
func (r *TagResolver) Resolution(ctx context.Context, p *v1alpha1.Promotion, pipeline *v1alpha1.DeliveryPipeline) promotion.Resolution {
	if p.Status.Pipeline.UID != "" || pipeline == nil {
		r.Forget(p.UID)
		return promotion.Resolution{}
	}
	entry := r.entry(p.UID)
	if now := r.Clock.Now(); !now.Before(entry.next) {
		r.ask(ctx, p, pipeline, entry)
	}
	return promotion.Resolution{Answers: entry.answers, Next: entry.next}
}

// Forget drops what is known of a Promotion.
func (r *TagResolver) Forget(uid types.UID) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.entries, uid)
}

// entry belongs to one Promotion, which is reconciled by one worker at a time.
func (r *TagResolver) entry(uid types.UID) *tagEntry {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.entries == nil {
		r.entries = map[types.UID]*tagEntry{}
	}
	if r.entries[uid] == nil {
		r.entries[uid] = &tagEntry{answers: map[string]promotion.TagAnswer{}, wait: firstRetry}
	}
	return r.entries[uid]
}

func (r *TagResolver) ask(ctx context.Context, p *v1alpha1.Promotion, pipeline *v1alpha1.DeliveryPipeline, entry *tagEntry) {
	var credentials registry.Credentials
	var problem error
	answers, failed := map[string]promotion.TagAnswer{}, false
	asked := false
	for _, image := range p.Spec.Images {
		repository := repositoryNamed(pipeline, image.Name)
		if image.Tag == "" || repository == "" {
			continue
		}
		if known := entry.answers[image.Name]; known.Digest != "" {
			answers[image.Name] = known
			continue
		}
		if !asked {
			credentials, problem = PullCredentials(ctx, r.Reader, pipeline)
			asked = true
		}
		answers[image.Name] = r.resolve(ctx, repository, image.Tag, credentials, problem)
		failed = failed || answers[image.Name].Digest == ""
	}
	entry.answers, entry.next = answers, time.Time{}
	if failed {
		entry.next = r.Clock.Now().Add(entry.wait)
		entry.wait = min(2*entry.wait, lastRetry)
	}
}

func (r *TagResolver) resolve(ctx context.Context, repository, tag string, credentials registry.Credentials, problem error) promotion.TagAnswer {
	digest, err := r.Registry.Resolve(ctx, repository, tag, credentials)
	if err == nil {
		return promotion.TagAnswer{Digest: digest}
	}
	answer := promotion.TagAnswer{Reason: v1alpha1.ReasonRegistryUnavailable, Message: err.Error()}
	var known *registry.Error
	if errors.As(err, &known) {
		answer.Reason = string(known.Reason)
	}
	if problem != nil && answer.Reason == v1alpha1.ReasonRegistryDenied {
		answer.Message += "; " + problem.Error()
	}
	return answer
}

func repositoryNamed(pipeline *v1alpha1.DeliveryPipeline, name string) string {
	for _, image := range pipeline.Spec.Images {
		if image.Name == name {
			return image.Repository
		}
	}
	return ""
}

// PullCredentials reads the pull secrets of the ServiceAccount that a pipeline names. An error says what could not be
// read; the credentials hold the rest.
func PullCredentials(ctx context.Context, reader client.Reader, pipeline *v1alpha1.DeliveryPipeline) (registry.Credentials, error) {
	name := pipeline.Spec.RegistryCredentials.ServiceAccountName
	if name == "" {
		return registry.Credentials{}, nil
	}
	account := &corev1.ServiceAccount{}
	if err := reader.Get(ctx, client.ObjectKey{Namespace: pipeline.Namespace, Name: name}, account); err != nil {
		return registry.Credentials{}, fmt.Errorf("the operator could not read ServiceAccount %s of registryCredentials: %w", name, err)
	}
	var secrets []corev1.Secret
	var failures []error
	for _, ref := range account.ImagePullSecrets {
		secret := corev1.Secret{}
		if err := reader.Get(ctx, client.ObjectKey{Namespace: pipeline.Namespace, Name: ref.Name}, &secret); err != nil {
			failures = append(failures, fmt.Errorf("the operator could not read pull secret %s; its owner runs: kubectl create rolebinding sluice-registry-credentials -n %s --clusterrole=sluice-registry-credentials --serviceaccount=sluice-system:sluice: %w",
				ref.Name, pipeline.Namespace, err))
			continue
		}
		secrets = append(secrets, secret)
	}
	credentials, err := registry.CredentialsFromSecrets(secrets)
	return credentials, errors.Join(append(failures, err)...)
}
