package promotiontest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// PromotionBuilder builds a Promotion.
type PromotionBuilder struct{ promotion v1alpha1.Promotion }

// MakePromotion begins with a Promotion of the pipeline, requested by dave, without images.
func MakePromotion(name string) *PromotionBuilder {
	return &PromotionBuilder{v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: TeamNamespace, Name: name, UID: uidOf("promotion", name), Generation: 1,
			CreationTimestamp: At(0), ResourceVersion: "1",
		},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: PipelineName},
			Reason:      "SHOP-812: refunds are rounded to cents",
			RequestedBy: v1alpha1.Identity{Username: "dave"},
		},
	}}
}

// Digest promotes an image by digest.
func (b *PromotionBuilder) Digest(image, digest string) *PromotionBuilder {
	b.promotion.Spec.Images = append(b.promotion.Spec.Images, v1alpha1.PromotedImage{Name: image, Digest: digest})
	return b
}

// Tag promotes an image by tag.
func (b *PromotionBuilder) Tag(image, tag string) *PromotionBuilder {
	b.promotion.Spec.Images = append(b.promotion.Spec.Images, v1alpha1.PromotedImage{Name: image, Tag: tag})
	return b
}

// Environments restricts it to some environments.
func (b *PromotionBuilder) Environments(names ...string) *PromotionBuilder {
	b.promotion.Spec.Environments = names
	return b
}

// Rollback makes it go back to a release in one environment.
func (b *PromotionBuilder) Rollback(environment, releaseHash string) *PromotionBuilder {
	b.promotion.Spec.Intent = v1alpha1.IntentRollback
	b.promotion.Spec.ReleaseHash = releaseHash
	return b.Environments(environment)
}

// RequestedBy says who created it.
func (b *PromotionBuilder) RequestedBy(username string) *PromotionBuilder {
	b.promotion.Spec.RequestedBy.Username = username
	return b
}

// OnBehalfOf names the persons for whom a machine created it.
func (b *PromotionBuilder) OnBehalfOf(persons ...string) *PromotionBuilder {
	b.promotion.Spec.OnBehalfOf = persons
	return b
}

// ChangeBy adds a change of an author.
func (b *PromotionBuilder) ChangeBy(author string) *PromotionBuilder {
	b.promotion.Spec.Changes = append(b.promotion.Spec.Changes, v1alpha1.Change{Title: "a change", Author: author})
	return b
}

// Emergency asks to do without something; without anything named, without all that can be skipped.
func (b *PromotionBuilder) Emergency(reason string, skips ...v1alpha1.EmergencySkip) *PromotionBuilder {
	b.promotion.Spec.Emergency = v1alpha1.Emergency{Reason: reason, Skips: skips}
	return b
}

// Cancelled says that it is no longer wanted.
func (b *PromotionBuilder) Cancelled() *PromotionBuilder {
	b.promotion.Spec.Lifecycle = v1alpha1.LifecycleCancelled
	return b
}

// Deadline after which it expires while it waits.
func (b *PromotionBuilder) Deadline(seconds int32) *PromotionBuilder {
	b.promotion.Spec.ActiveDeadlineSeconds = seconds
	return b
}

// Created some time after Epoch.
func (b *PromotionBuilder) Created(after time.Duration) *PromotionBuilder {
	b.promotion.CreationTimestamp = At(after)
	return b
}

// UID replaces the uid, as when it was made again under the same name.
func (b *PromotionBuilder) UID(uid string) *PromotionBuilder {
	b.promotion.UID = types.UID(uid)
	return b
}

// Label marks it as finished.
func (b *PromotionBuilder) Label(outcome v1alpha1.PromotionOutcome) *PromotionBuilder {
	b.promotion.Labels = map[string]string{v1alpha1.OutcomeLabel: string(outcome)}
	return b
}

// Status replaces the status.
func (b *PromotionBuilder) Status(status v1alpha1.PromotionStatus) *PromotionBuilder {
	b.promotion.Status = status
	return b
}

// Obj returns the Promotion.
func (b *PromotionBuilder) Obj() *v1alpha1.Promotion { return b.promotion.DeepCopy() }
