package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/environment"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/registry"
)

const (
	// firstAsk and lastAsk bound the interval at which a registry that failed is asked again.
	firstAsk, lastAsk = 5 * time.Second, 5 * time.Minute
	// answerHolds is how long an answer is good: a tag may be pushed again. Adoption needs it for a moment only.
	answerHolds = 5 * time.Minute
	// askedAtOnce is how many questions are under way together: a registry that hangs must not hold the others up.
	askedAtOnce = 8
)

// ImageFinder looks an image up in its registry.
type ImageFinder interface {
	// PlatformDigests returns the digest that a tag or a digest stands for and, if that is an index, those listed in it.
	PlatformDigests(ctx context.Context, repository, reference string, credentials registry.Credentials) (index string, platforms []string, err error)
}

// ImageAnswers asks registries on behalf of adoption, and remembers the answers for a while.
type ImageAnswers struct {
	// Registry to ask.
	Registry ImageFinder
	// Reader of ServiceAccounts and pull secrets, past the cache: Secrets are never kept in memory.
	Reader client.Reader
	// Clock for the intervals.
	Clock clock.Clock

	mutex   sync.Mutex
	entries map[environment.Question]answerEntry
}

type answerEntry struct {
	answer environment.Answer
	// until is when the answer no longer counts.
	until time.Time
	// wait is the next interval after a failure.
	wait time.Duration
}

// Answer returns an answer to each question, and when the first of the failures may be asked again. It asks for what it
// does not know, with the credentials of the question's pipeline.
func (a *ImageAnswers) Answer(ctx context.Context, questions []environment.Question, pipelines []*v1alpha1.DeliveryPipeline) (map[environment.Question]environment.Answer, time.Time) {
	if unknown := a.unknown(questions); len(unknown) > 0 {
		a.ask(ctx, unknown, pipelines)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	answers := map[environment.Question]environment.Answer{}
	var next time.Time
	for _, q := range questions {
		entry, known := a.entries[q]
		if !known {
			continue
		}
		answers[q] = entry.answer
		if entry.answer.Reason != "" && (next.IsZero() || entry.until.Before(next)) {
			next = entry.until
		}
	}
	return answers, next
}

// GateImages returns the digests of images of gates that are given by tag. It asks with the credentials of the pipeline,
// which are all that the operator may use.
func (a *ImageAnswers) GateImages(ctx context.Context, images []string, p *v1alpha1.Promotion, pipeline *v1alpha1.DeliveryPipeline) promotion.Resolution {
	var pipelines []*v1alpha1.DeliveryPipeline
	if pipeline != nil {
		pipelines = append(pipelines, pipeline)
	}
	questions := make([]environment.Question, 0, len(images))
	for _, image := range images {
		questions = append(questions, environment.QuestionAbout(image, PipelineKey(p.Namespace, p.Spec.PipelineRef.Name)))
	}
	known, next := a.Answer(ctx, questions, pipelines)
	resolution := promotion.Resolution{Answers: map[string]promotion.TagAnswer{}, Next: next}
	for i, q := range questions {
		answer, asked := known[q]
		if !asked {
			// The operator stops.
			answer.Reason, answer.Message = v1alpha1.ReasonRegistryUnavailable, "the registry was not asked"
		}
		resolution.Answers[images[i]] = promotion.TagAnswer{Digest: answer.Digest, Reason: answer.Reason, Message: answer.Message}
	}
	return resolution
}

// unknown returns the questions to ask now, and drops what nobody asked for in a long time.
func (a *ImageAnswers) unknown(questions []environment.Question) []environment.Question {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := a.Clock.Now()
	for q, entry := range a.entries {
		if now.Sub(entry.until) > 2*lastAsk {
			delete(a.entries, q)
		}
	}
	var unknown []environment.Question
	for _, q := range questions {
		if entry, known := a.entries[q]; !known || !now.Before(entry.until) {
			unknown = append(unknown, q)
		}
	}
	return unknown
}

func (a *ImageAnswers) ask(ctx context.Context, questions []environment.Question, pipelines []*v1alpha1.DeliveryPipeline) {
	identities := map[string]pullIdentity{}
	for _, p := range pipelines {
		key := PipelineKey(p.Namespace, p.Name)
		for _, q := range questions {
			if _, read := identities[key]; q.Pipeline == key && !read {
				credentials, problem := PullCredentials(ctx, a.Reader, p)
				identities[key] = pullIdentity{credentials, problem}
			}
		}
	}
	var group sync.WaitGroup
	free := make(chan struct{}, askedAtOnce)
	for _, q := range questions {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			a.askOne(ctx, q, identities[q.Pipeline])
		})
	}
	group.Wait()
}

// pullIdentity is who asks, and what of it could not be read.
type pullIdentity struct {
	credentials registry.Credentials
	problem     error
}

func (a *ImageAnswers) askOne(ctx context.Context, q environment.Question, who pullIdentity) {
	digest, platforms, err := a.Registry.PlatformDigests(ctx, q.Repository, q.Reference, who.credentials)
	if ctx.Err() != nil {
		// The operator stops: that says nothing about the registry.
		return
	}
	answer := environment.Answer{Digest: digest, Platforms: platforms}
	holds := answerHolds
	var said *registry.Error
	if err != nil {
		answer = environment.Answer{Reason: v1alpha1.ReasonRegistryUnavailable, Message: err.Error()}
		holds = 0
		if errors.As(err, &said) {
			answer.Reason, holds = string(said.Reason), said.RetryAfter
		}
		if answer.Reason == v1alpha1.ReasonRegistryDenied && who.problem != nil {
			answer.Message += "; " + who.problem.Error()
		}
	}
	a.remember(q, answer, holds)
}

// remember keeps an answer; one that failed for as long as the registry asked for, and longer each time.
func (a *ImageAnswers) remember(q environment.Question, answer environment.Answer, holds time.Duration) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.entries == nil {
		a.entries = map[environment.Question]answerEntry{}
	}
	entry := answerEntry{answer: answer, wait: firstAsk}
	if answer.Reason != "" {
		if before := a.entries[q]; before.answer.Reason != "" {
			entry.wait = min(2*before.wait, lastAsk)
		}
		holds = max(holds, entry.wait)
	}
	entry.until = a.Clock.Now().Add(holds)
	a.entries[q] = entry
}
