package promotiontest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// EnvironmentBuilder builds an Environment.
type EnvironmentBuilder struct{ env v1alpha1.Environment }

// MakeEnvironment begins with a ready Environment that admits the pipeline and, but for Development, is locked.
func MakeEnvironment(namespace string, tier v1alpha1.Tier) *EnvironmentBuilder {
	b := &EnvironmentBuilder{v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: v1alpha1.EnvironmentName, UID: uidOf("environment", namespace), Generation: 1,
			CreationTimestamp: At(0), ResourceVersion: "1",
		},
		Spec: v1alpha1.EnvironmentSpec{
			Tier:      tier,
			Pipelines: []v1alpha1.AdmittedPipeline{{Namespace: TeamNamespace, Name: PipelineName, Repositories: []string{RegistryPrefix}}},
		},
	}}
	b.Condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if tier == v1alpha1.TierDevelopment {
		return b.Condition(v1alpha1.ConditionLocked, metav1.ConditionFalse, v1alpha1.ReasonOff)
	}
	return b.Condition(v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
}

// Condition sets a condition.
func (b *EnvironmentBuilder) Condition(conditionType string, status metav1.ConditionStatus, reason string) *EnvironmentBuilder {
	c := v1alpha1.NewCondition(conditionType, status, reason, "as the test says")
	c.ObservedGeneration, c.LastTransitionTime = 1, At(0)
	for i, before := range b.env.Status.Conditions {
		if before.Type == conditionType {
			b.env.Status.Conditions[i] = c
			return b
		}
	}
	b.env.Status.Conditions = append(b.env.Status.Conditions, c)
	return b
}

// Admit replaces whom it admits.
func (b *EnvironmentBuilder) Admit(pipelines ...v1alpha1.AdmittedPipeline) *EnvironmentBuilder {
	b.env.Spec.Pipelines = pipelines
	return b
}

func (b *EnvironmentBuilder) requires() *v1alpha1.Requirements {
	if b.env.Spec.Requires == nil {
		b.env.Spec.Requires = &v1alpha1.Requirements{}
	}
	return b.env.Spec.Requires
}

// Evidence demands evidence; none of it says on purpose that nothing is demanded.
func (b *EnvironmentBuilder) Evidence(evidence ...v1alpha1.EvidenceRequirement) *EnvironmentBuilder {
	b.requires().Evidence = evidence
	if len(evidence) == 0 {
		b.requires().EvidenceMode = v1alpha1.RequirementNone
	}
	return b
}

// Approvals demands sign-off.
func (b *EnvironmentBuilder) Approvals(approvals v1alpha1.ApprovalRequirement) *EnvironmentBuilder {
	b.requires().Approvals = &approvals
	return b
}

// NoApprovals says on purpose that nobody has to sign.
func (b *EnvironmentBuilder) NoApprovals() *EnvironmentBuilder {
	return b.Approvals(v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone})
}

// RollbackApprovals demands sign-off of rollbacks.
func (b *EnvironmentBuilder) RollbackApprovals(count int32) *EnvironmentBuilder {
	b.rollback().Approvals = &count
	return b
}

func (b *EnvironmentBuilder) rollback() *v1alpha1.RollbackRequirement {
	if b.requires().Rollback == nil {
		b.requires().Rollback = &v1alpha1.RollbackRequirement{}
	}
	return b.requires().Rollback
}

// RollbackFreezes says whether freezes hold for rollbacks.
func (b *EnvironmentBuilder) RollbackFreezes(handling v1alpha1.FreezeHandling) *EnvironmentBuilder {
	b.rollback().Freezes = handling
	return b
}

// Freeze adds a freeze or a window.
func (b *EnvironmentBuilder) Freeze(freeze v1alpha1.Freeze) *EnvironmentBuilder {
	b.env.Spec.Freezes = append(b.env.Spec.Freezes, freeze)
	return b
}

// Emergencies allows emergencies that one member of a group approves, with what may be skipped; nothing named is all.
func (b *EnvironmentBuilder) Emergencies(requester v1alpha1.EmergencyRequester, group string, skips ...v1alpha1.EmergencySkip) *EnvironmentBuilder {
	b.env.Spec.Emergencies = &v1alpha1.EmergencyRequirement{Groups: []string{group}, Requester: requester, Skips: skips}
	return b
}

// Gate adds a gate of the platform.
func (b *EnvironmentBuilder) Gate(gate v1alpha1.Gate) *EnvironmentBuilder {
	b.env.Spec.Gates = append(b.env.Spec.Gates, gate)
	return b
}

// TeamGates says whether pipelines may run gates of their own.
func (b *EnvironmentBuilder) TeamGates(mode v1alpha1.TeamGates) *EnvironmentBuilder {
	b.env.Spec.TeamGates = mode
	return b
}

// Mirror lets repositories be pulled from elsewhere.
func (b *EnvironmentBuilder) Mirror(from, to string) *EnvironmentBuilder {
	b.env.Spec.Repositories = append(b.env.Spec.Repositories, v1alpha1.RepositoryMirror{From: from, To: to})
	return b
}

// Lock sets the lock.
func (b *EnvironmentBuilder) Lock(lock v1alpha1.Lock) *EnvironmentBuilder {
	b.env.Spec.Lock = lock
	return b
}

// Exclusive lets one promotion work at a time.
func (b *EnvironmentBuilder) Exclusive() *EnvironmentBuilder {
	b.env.Spec.Concurrency = v1alpha1.ConcurrencyExclusive
	return b
}

// InOrder lets the oldest promotion go first.
func (b *EnvironmentBuilder) InOrder() *EnvironmentBuilder {
	b.env.Spec.Queue = v1alpha1.QueueInOrder
	return b
}

// Holder lets a promotion hold the slot of its pipeline.
func (b *EnvironmentBuilder) Holder(pipeline string, p *v1alpha1.Promotion) *EnvironmentBuilder {
	since := At(0)
	b.env.Status.Holders = append(b.env.Status.Holders, v1alpha1.Holder{
		Pipeline:     pipeline,
		PromotionRef: v1alpha1.PromotionReference{Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)},
		ReleaseHash:  Hash("held"), OnFailure: v1alpha1.RollbackOnFailure, SinceTime: &since,
	})
	return b
}

// Obj returns the Environment.
func (b *EnvironmentBuilder) Obj() *v1alpha1.Environment { return b.env.DeepCopy() }
