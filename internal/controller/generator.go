package controller

import (
	"cmp"
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/internal/promotion"
)

// OwnImage says how the operator learns which image it is: load gates run it too.
type OwnImage struct {
	// Reference by digest, where somebody said so; it comes first.
	Reference string
	// Pod that the operator runs in; empty where it runs outside the cluster.
	Pod types.NamespacedName
}

// generator is what load gates run: what was said, else what the operator's own pod runs. It is read from the cache each
// time, as a kubelet reports the digest of an image only once the container has run for a moment.
func (g *Gatherer) generator(ctx context.Context) (promotion.Generator, error) {
	generator := promotion.Generator{Image: g.Own.Reference}
	if g.Own.Pod.Name == "" {
		return generator, nil
	}
	pod := &corev1.Pod{}
	if found, err := g.find(ctx, g.Own.Pod, pod); err != nil || !found {
		return generator, err
	}
	if len(pod.Status.ContainerStatuses) > 0 {
		generator.Reported = byDigest(pod.Status.ContainerStatuses[0].ImageID)
	}
	asked := ""
	if len(pod.Spec.Containers) > 0 {
		asked = byDigest(pod.Spec.Containers[0].Image)
	}
	generator.Image = cmp.Or(generator.Image, asked, generator.Reported)
	return generator, nil
}

// byDigest is an image as repository@digest, without a tag between the two; empty where it has no digest.
func byDigest(image string) string {
	if _, rest, found := strings.Cut(image, "://"); found {
		image = rest
	}
	repository, digest, found := strings.Cut(image, "@")
	if !found || repository == "" || !strings.HasPrefix(digest, "sha256:") {
		return ""
	}
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		repository = repository[:colon]
	}
	return repository + "@" + digest
}
