package promotiontest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// RecordBuilder builds a ReleaseRecord.
type RecordBuilder struct{ record v1alpha1.ReleaseRecord }

// MakeRecord begins with a record that a release passed in a namespace, without gates, at Epoch.
func MakeRecord(namespace, name string, images ...v1alpha1.Image) *RecordBuilder {
	b := &RecordBuilder{v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uidOf("record", namespace+"-"+name)},
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: TeamNamespace, Name: PipelineName},
			ReleaseHash: promotion.ReleaseHash(images), Images: images, Result: v1alpha1.ResultPassed,
			Environment: v1alpha1.RecordedEnvironment{UID: string(uidOf("environment", namespace)), Generation: 1, Tier: v1alpha1.TierTest},
			Promotion:   v1alpha1.RecordedPromotion{Namespace: TeamNamespace, Name: "earlier-" + name, UID: "uid-earlier-" + name},
		},
	}}
	return b.Created(0)
}

// Created and completed some time after Epoch.
func (b *RecordBuilder) Created(after time.Duration) *RecordBuilder {
	at := At(after)
	b.record.CreationTimestamp, b.record.Spec.CompletionTime = at, &at
	return b
}

// Result says what became of the release.
func (b *RecordBuilder) Result(result v1alpha1.RecordResult) *RecordBuilder {
	b.record.Spec.Result = result
	return b
}

// Gate adds a gate that ended.
func (b *RecordBuilder) Gate(purpose v1alpha1.GatePurpose, state v1alpha1.GateState, by v1alpha1.GateDeclarer) *RecordBuilder {
	b.record.Spec.Gates = append(b.record.Spec.Gates, v1alpha1.GateStatus{
		Name: "gate-" + string(rune('a'+len(b.record.Spec.Gates))), Purpose: purpose, State: state, DeclaredBy: by,
	})
	return b
}

// Gates adds gates as they are.
func (b *RecordBuilder) Gates(gates ...v1alpha1.GateStatus) *RecordBuilder {
	b.record.Spec.Gates = append(b.record.Spec.Gates, gates...)
	return b
}

// Proven adds a functional and a stress gate of the platform that passed: what Production asks for.
func (b *RecordBuilder) Proven() *RecordBuilder {
	return b.Gate(v1alpha1.PurposeFunctional, v1alpha1.GatePassed, v1alpha1.DeclaredByPlatform).
		Gate(v1alpha1.PurposeStress, v1alpha1.GatePassed, v1alpha1.DeclaredByPlatform)
}

// Of says which Promotion brought the release.
func (b *RecordBuilder) Of(p *v1alpha1.Promotion) *RecordBuilder {
	b.record.Spec.Promotion = v1alpha1.RecordedPromotion{Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
	return b
}

// Obj returns the record.
func (b *RecordBuilder) Obj() *v1alpha1.ReleaseRecord { return b.record.DeepCopy() }

// ApprovalBuilder builds an Approval.
type ApprovalBuilder struct{ approval v1alpha1.Approval }

// MakeApproval begins with an approval of what an inbox shows.
func MakeApproval(approver string, awaiting v1alpha1.AwaitingPromotion) *ApprovalBuilder {
	return &ApprovalBuilder{v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Name: awaiting.PromotionRef.Name + "-" + approver, CreationTimestamp: At(0)},
		Spec: v1alpha1.ApprovalSpec{
			PromotionRef: awaiting.PromotionRef, ReleaseHash: awaiting.ReleaseHash, EvidenceHash: awaiting.EvidenceHash,
			Decision: v1alpha1.DecisionApproved, Approver: v1alpha1.Approver{Username: approver},
		},
	}}
}

// Groups of the approver.
func (b *ApprovalBuilder) Groups(groups ...string) *ApprovalBuilder {
	b.approval.Spec.Approver.Groups = groups
	return b
}

// Rejected makes it a rejection.
func (b *ApprovalBuilder) Rejected(comment string) *ApprovalBuilder {
	b.approval.Spec.Decision, b.approval.Spec.Comment = v1alpha1.DecisionRejected, comment
	return b
}

// Created some time after Epoch, under a name of its own.
func (b *ApprovalBuilder) Created(after time.Duration) *ApprovalBuilder {
	b.approval.CreationTimestamp = At(after)
	b.approval.Name += "-" + after.String()
	return b
}

// With changes anything else.
func (b *ApprovalBuilder) With(change func(*v1alpha1.Approval)) *ApprovalBuilder {
	change(&b.approval)
	return b
}

// Obj returns the Approval.
func (b *ApprovalBuilder) Obj() *v1alpha1.Approval {
	a := b.approval.DeepCopy()
	a.UID = uidOf("approval", a.Name)
	return a
}
