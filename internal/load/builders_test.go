package load

import "github.com/sluice-dev/sluice/api/v1alpha1"

type gateBuilder struct{ g v1alpha1.LoadGate }

// MakeGate makes a gate without targets, thresholds or rate.
func MakeGate() *gateBuilder { return &gateBuilder{} }

func (b *gateBuilder) Rate(perSecond, seconds int32) *gateBuilder {
	b.g.RequestsPerSecond, b.g.DurationSeconds = perSecond, seconds
	return b
}

func (b *gateBuilder) Stages(stages ...v1alpha1.LoadStage) *gateBuilder {
	b.g.Stages = stages
	return b
}

func (b *gateBuilder) WarmUp(seconds int32) *gateBuilder {
	b.g.WarmUpSeconds = &seconds
	return b
}

func (b *gateBuilder) Target(url string, changes ...func(*v1alpha1.LoadTarget)) *gateBuilder {
	target := v1alpha1.LoadTarget{URL: url}
	for _, change := range changes {
		change(&target)
	}
	b.g.Targets = append(b.g.Targets, target)
	return b
}

func (b *gateBuilder) With(change func(*v1alpha1.LoadGate)) *gateBuilder {
	change(&b.g)
	return b
}

func (b *gateBuilder) Obj() v1alpha1.LoadGate { return b.g }
