package controller

import (
	"context"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/environment"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Mirrored asks mirrors for the images of a Promotion, with the credentials of its pipeline. A mirror that lacks one, or
// does not answer, is asked again at ever longer intervals: it is outside the cluster, and cannot be watched.
func (a *ImageAnswers) Mirrored(
	ctx context.Context, images []v1alpha1.Image, p *v1alpha1.Promotion, pipeline *v1alpha1.DeliveryPipeline,
) promotion.Resolution {
	var pipelines []*v1alpha1.DeliveryPipeline
	if pipeline != nil {
		pipelines = append(pipelines, pipeline)
	}
	questions := map[environment.Question]string{}
	asked := make([]environment.Question, 0, len(images))
	for _, image := range images {
		q := environment.Question{
			Pipeline: PipelineKey(p.Namespace, p.Spec.PipelineRef.Name), Repository: image.Repository, Reference: image.Digest,
		}
		if questions[q] == "" {
			asked = append(asked, q)
		}
		questions[q] = image.Reference()
	}
	answers, next := a.Answer(ctx, asked, pipelines)
	found := promotion.Resolution{Answers: map[string]promotion.TagAnswer{}, Next: next}
	for q, answer := range answers {
		found.Answers[questions[q]] = promotion.TagAnswer{Digest: answer.Digest, Reason: answer.Reason, Message: answer.Message}
	}
	return found
}
