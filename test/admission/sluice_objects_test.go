package admission_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// environmentBuilder makes Environments.
type environmentBuilder struct{ object *v1alpha1.Environment }

// MakeEnvironment makes the Environment of a namespace, which admits shop/checkout.
func MakeEnvironment(namespace string, tier v1alpha1.Tier) environmentBuilder {
	return environmentBuilder{&v1alpha1.Environment{
		ObjectMeta: named(namespace, v1alpha1.EnvironmentName),
		Spec: v1alpha1.EnvironmentSpec{Tier: tier, Pipelines: []v1alpha1.AdmittedPipeline{
			{Namespace: "shop", Name: "checkout", Repositories: []string{"registry.example.com/shop/"}},
		}},
	}}
}

// Awaits adds an entry to the inbox.
func (b environmentBuilder) Awaits(entry v1alpha1.AwaitingPromotion) environmentBuilder {
	b.object.Status.Awaiting = append(b.object.Status.Awaiting, entry)
	return b
}

// Reviews adds a record that has to be reviewed.
func (b environmentBuilder) Reviews(record string, excluded ...string) environmentBuilder {
	b.object.Status.Reviews = append(b.object.Status.Reviews, v1alpha1.PendingReview{
		RecordRef: v1alpha1.RecordReference{Name: record}, ReleaseHash: hash("a"), EvidenceHash: hash("b"), Excluded: excluded,
	})
	return b
}

// Excludes says who may not sign, in the requirements in force.
func (b environmentBuilder) Excludes(exclusions ...v1alpha1.Exclusion) environmentBuilder {
	b.object.Status.Requires = &v1alpha1.RequirementsInForce{
		Approvals: &v1alpha1.ApprovalRequirement{Count: 1, Excludes: exclusions},
	}
	return b
}

// Obj returns the Environment.
func (b environmentBuilder) Obj() *v1alpha1.Environment { return b.object }

// create stores the Environment, and its status as the operator does.
func (b environmentBuilder) create(t *testing.T) *v1alpha1.Environment {
	t.Helper()
	status := b.object.Status.DeepCopy()
	create(t, b.object)
	b.object.Status = *status
	if len(status.Awaiting)+len(status.Reviews) > 0 {
		if err := theOperator().Status().Update(t.Context(), b.object); err != nil {
			t.Fatal(err)
		}
	}
	return b.object
}

// awaiting is an entry for the promotion shop/name, requested by requester.
func awaiting(name, requester string) v1alpha1.AwaitingPromotion {
	return v1alpha1.AwaitingPromotion{
		PromotionRef: promotionRef(name), Pipeline: "shop/checkout", RequestedBy: requester,
		ReleaseHash: hash("a"), EvidenceHash: hash("b"),
	}
}

func promotionRef(name string) v1alpha1.PromotionReference {
	return v1alpha1.PromotionReference{Namespace: "shop", Name: name, UID: "uid-of-" + name}
}

// approvalBuilder makes Approvals.
type approvalBuilder struct{ object *v1alpha1.Approval }

// MakeApproval makes what fits awaiting(promotion, ...).
func MakeApproval(namespace, promotion string) approvalBuilder {
	return approvalBuilder{&v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: promotion + "-"},
		Spec: v1alpha1.ApprovalSpec{
			PromotionRef: promotionRef(promotion), ReleaseHash: hash("a"), EvidenceHash: hash("b"),
			Decision: v1alpha1.DecisionApproved, Comment: "load report read",
		},
	}}
}

// MakeReview makes the review of a record.
func MakeReview(namespace, record string) approvalBuilder {
	return MakeApproval(namespace, record).Change(func(a *v1alpha1.Approval) {
		a.Spec.PromotionRef, a.Spec.RecordRef = v1alpha1.PromotionReference{}, v1alpha1.RecordReference{Name: record}
		a.Spec.Decision = v1alpha1.DecisionReviewed
	})
}

// Named gives it a name instead of a generated one.
func (b approvalBuilder) Named(name string) approvalBuilder {
	b.object.Name, b.object.GenerateName = name, ""
	return b
}

// By writes an author, as a client may try.
func (b approvalBuilder) By(username string, groups ...string) approvalBuilder {
	b.object.Spec.Approver = v1alpha1.Approver{Username: username, Groups: groups}
	return b
}

// Change applies a change.
func (b approvalBuilder) Change(change func(*v1alpha1.Approval)) approvalBuilder {
	change(b.object)
	return b
}

// Obj returns the Approval.
func (b approvalBuilder) Obj() *v1alpha1.Approval { return b.object }

// promotionBuilder makes Promotions.
type promotionBuilder struct{ object *v1alpha1.Promotion }

// MakePromotion makes a Promotion of checkout.
func MakePromotion(namespace, name string) promotionBuilder {
	return promotionBuilder{&v1alpha1.Promotion{
		ObjectMeta: named(namespace, name),
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api", Tag: "1.4.2"}},
			Reason:      "SHOP-812: refunds are rounded to cents",
		},
	}}
}

// By writes a requester, as a client may try.
func (b promotionBuilder) By(username string) promotionBuilder {
	b.object.Spec.RequestedBy = v1alpha1.Identity{Username: username}
	return b
}

// Label sets a label.
func (b promotionBuilder) Label(key, value string) promotionBuilder {
	label(key, value)(b.object)
	return b
}

// Obj returns the Promotion.
func (b promotionBuilder) Obj() *v1alpha1.Promotion { return b.object }

// MakePipeline makes the DeliveryPipeline checkout with one image and one environment.
func MakePipeline(namespace, environment string) *v1alpha1.DeliveryPipeline {
	return &v1alpha1.DeliveryPipeline{
		ObjectMeta: named(namespace, "checkout"),
		Spec: v1alpha1.DeliveryPipelineSpec{
			Images: []v1alpha1.PipelineImage{{Name: "api", Repository: api}},
			Environments: []v1alpha1.PipelineEnvironment{
				{Name: "prod", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: environment}},
			},
		},
	}
}

// MakeRecord makes a ReleaseRecord.
func MakeRecord(namespace, name string) *v1alpha1.ReleaseRecord {
	return &v1alpha1.ReleaseRecord{
		ObjectMeta: named(namespace, name),
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"},
			ReleaseHash: hash("a"),
			Images:      []v1alpha1.Image{{Name: "api", Repository: api, Digest: current}},
			Environment: v1alpha1.RecordedEnvironment{UID: "uid", Generation: 1, Tier: v1alpha1.TierProduction},
			Result:      v1alpha1.ResultPassed,
		},
	}
}

// awaitInbox waits until admission sees the inbox: parameters come from an informer, some milliseconds late.
func awaitInbox(t *testing.T, namespace, promotion string) {
	t.Helper()
	witness := person("witness-of-the-inbox")
	eventually(t, func() error {
		if err := witness.Create(t.Context(), MakeApproval(namespace, promotion).Obj(), dryRun); err != nil {
			return fmt.Errorf("the inbox of %s is not seen yet: %w", namespace, err)
		}
		return nil
	})
}

// MakeTemplate makes a GateTemplate of a load whose rate teams may give.
func MakeTemplate(name string) *v1alpha1.GateTemplate {
	return &v1alpha1.GateTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.GateTemplateSpec{
			Gate: v1alpha1.Gate{Name: name, Purpose: v1alpha1.PurposeStress, Load: v1alpha1.LoadGate{
				Targets: []v1alpha1.LoadTarget{{URL: "http://$(pipeline.name).$(SLUICE_NAMESPACE).svc/$(params.path)"}}, RequestsPerSecond: 200, DurationSeconds: 60,
				Thresholds: v1alpha1.LoadThresholds{P99Microseconds: 150_000},
			}},
			Parameters: []v1alpha1.TemplateParameter{{
				Name: "rate", Type: v1alpha1.IntegerParameter, SetBy: v1alpha1.DeclaredByAnyone, Default: new("200"), Minimum: new(int64(100)), Maximum: new(int64(1000)),
				Sets: []v1alpha1.TemplateField{"load.requestsPerSecond"},
			}, {
				Name: "path", Type: v1alpha1.StringParameter, Default: new("quote"),
			}},
		},
	}
}
