package promotiontest

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// PipelineBuilder builds a DeliveryPipeline.
type PipelineBuilder struct{ pipeline v1alpha1.DeliveryPipeline }

// MakePipeline begins with one image, api, and the environments dev, test and prod in a row.
func MakePipeline() *PipelineBuilder {
	b := &PipelineBuilder{v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: TeamNamespace, Name: PipelineName, UID: uidOf("pipeline", PipelineName), Generation: 1,
			CreationTimestamp: At(0), ResourceVersion: "1",
		},
	}}
	return b.Images("api").Environments("dev", "test", "prod")
}

// Images replaces the images.
func (b *PipelineBuilder) Images(names ...string) *PipelineBuilder {
	b.pipeline.Spec.Images = nil
	for _, name := range names {
		b.pipeline.Spec.Images = append(b.pipeline.Spec.Images, v1alpha1.PipelineImage{Name: name, Repository: Repository(name)})
	}
	return b
}

// Optional says that an environment may have no workload that runs an image.
func (b *PipelineBuilder) Optional(image string) *PipelineBuilder {
	i := slices.IndexFunc(b.pipeline.Spec.Images, func(p v1alpha1.PipelineImage) bool { return p.Name == image })
	b.pipeline.Spec.Images[i].Workloads = v1alpha1.WorkloadsOptional
	return b
}

// Environments replaces the environments; each lies in the namespace shop-<name>.
func (b *PipelineBuilder) Environments(names ...string) *PipelineBuilder {
	b.pipeline.Spec.Environments = nil
	for _, name := range names {
		b.pipeline.Spec.Environments = append(b.pipeline.Spec.Environments, v1alpha1.PipelineEnvironment{
			Name: name, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: TeamNamespace + "-" + name},
		})
	}
	return b
}

func (b *PipelineBuilder) step(name string) *v1alpha1.PipelineEnvironment {
	i := slices.IndexFunc(b.pipeline.Spec.Environments, func(e v1alpha1.PipelineEnvironment) bool { return e.Name == name })
	return &b.pipeline.Spec.Environments[i]
}

// After says which environments come before one.
func (b *PipelineBuilder) After(name string, before ...string) *PipelineBuilder {
	b.step(name).After = before
	return b
}

// Gate adds a gate of the team.
func (b *PipelineBuilder) Gate(name string, gate v1alpha1.Gate) *PipelineBuilder {
	b.step(name).Gates = append(b.step(name).Gates, gate)
	return b
}

// Hold leaves a failed release in place in an environment.
func (b *PipelineBuilder) Hold(name string) *PipelineBuilder {
	b.step(name).OnFailure = v1alpha1.HoldOnFailure
	return b
}

// RolloutTimeout bounds the rollout in an environment.
func (b *PipelineBuilder) RolloutTimeout(name string, seconds int32) *PipelineBuilder {
	b.step(name).RolloutTimeoutSeconds = seconds
	return b
}

// Obj returns the pipeline.
func (b *PipelineBuilder) Obj() *v1alpha1.DeliveryPipeline { return b.pipeline.DeepCopy() }
