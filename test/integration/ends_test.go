package integration_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestScenario12ARollbackThatFailsFreesTheSlot(t *testing.T) {
	t.Parallel()
	const ready = "test.sluice.dev/ready"
	s := openShop(t, "norollback", recipe{
		environments: []string{"dev"}, bare: true,
		// Neither what is promoted nor what ran before ever becomes ready.
		deployment: func(_ string, d *appsv1.Deployment) *appsv1.Deployment {
			d.Spec.Template.Annotations[ready] = "false"
			return d
		},
		pipeline: func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments[0].RolloutTimeoutSeconds = 2 },
	})
	s.promote("first", digest(1))
	p := s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.assertProgress("first", "dev", v1alpha1.StateRollbackFailed, v1alpha1.CauseRolloutFailed)
	if !strings.Contains(p.Status.Message, "the rollback failed") {
		t.Errorf("message %q does not say that the rollback failed", p.Status.Message)
	}
	s.awaitCondition("first", func() []metav1.Condition { return s.promotion(t.Context(), "first").Status.Conditions },
		v1alpha1.ConditionSucceeded, metav1.ConditionFalse, v1alpha1.ReasonRollbackFailed)
	s.awaitFree("dev")
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionConverged, metav1.ConditionFalse, v1alpha1.ReasonRollbackFailed)
	if record := s.awaitRecord("dev", v1alpha1.ResultFailed); record.Spec.Cause != v1alpha1.CauseRolloutFailed {
		t.Errorf("the record says %s", record.Spec.Cause)
	}
	s.awaitEvent("first", corev1.EventTypeWarning, string(v1alpha1.StateRollbackFailed))

	// The fix can enter.
	s.changePipeline(func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments[0].RolloutTimeoutSeconds = 0 })
	s.changeDeployment("dev", func(d *appsv1.Deployment) { delete(d.Spec.Template.Annotations, ready) })
	s.promote("fix", digest(2))
	s.awaitOutcome("fix", v1alpha1.OutcomeSucceeded)
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionConverged, metav1.ConditionTrue, v1alpha1.ReasonConverged)
}

// awaitEvent waits for an event about a Promotion.
func (s *shop) awaitEvent(name, kind, reason string) {
	s.t.Helper()
	eventually(s.t, kind+" event "+reason+" of "+name, func() error {
		var list eventsv1.EventList
		if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.name)); err != nil {
			return err
		}
		var seen []string
		for _, e := range list.Items {
			if e.Regarding.Name != name {
				continue
			}
			if e.Type == kind && e.Reason == reason {
				return nil
			}
			seen = append(seen, e.Type+" "+e.Reason)
		}
		return fmt.Errorf("events: %v", seen)
	})
}

func TestScenario25RecordsOutliveTheirPromotions(t *testing.T) {
	t.Parallel()
	s := openShop(t, "outlived", recipe{
		environments: []string{"test", "prod"},
		environment: func(name string, e *v1alpha1.Environment) {
			if name == "prod" {
				e.Spec.Gates = nil
				e.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone}}
			}
		},
		pipeline: func(p *v1alpha1.DeliveryPipeline) { p.Spec.HistoryLimit = 1 },
	})
	// Deleted by a tool, or a person.
	s.promote("first", digest(1), only("test"))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.delete(s.promotion(t.Context(), "first"))
	s.promote("second", digest(1), only("prod"))
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	// Pruned by the operator.
	s.promote("third", digest(2), only("test"))
	s.awaitOutcome("third", v1alpha1.OutcomeSucceeded)
	s.promote("fourth", digest(3), only("test"))
	s.awaitOutcome("fourth", v1alpha1.OutcomeSucceeded)
	s.awaitPruned("third")
	s.promote("fifth", digest(2), only("prod"))
	s.awaitOutcome("fifth", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("prod"); got != "@"+digest(2) {
		t.Errorf("prod runs %s", got)
	}
}

func (s *shop) awaitPruned(name string) {
	s.t.Helper()
	eventually(s.t, name+" is pruned", func() error {
		err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.name, Name: name}, &v1alpha1.Promotion{})
		if err == nil {
			return fmt.Errorf("it is there")
		}
		return client.IgnoreNotFound(err)
	})
}

func TestScenario45APromotionThatWaitsTooLongExpires(t *testing.T) {
	t.Parallel()
	s := openShop(t, "expired", signing(v1alpha1.ApprovalRequirement{Count: 1}, "prod"))
	limited := func(p *v1alpha1.Promotion) { p.Spec.ActiveDeadlineSeconds = 1 }
	s.promote("first", digest(1), limited)
	p := s.awaitOutcome("first", v1alpha1.OutcomeExpired)
	s.assertProgress("first", "prod", v1alpha1.StateNotEntered, v1alpha1.CauseExpired)
	if !strings.Contains(p.Status.Message, "activeDeadlineSeconds") {
		t.Errorf("message %q does not say which limit", p.Status.Message)
	}
	s.awaitCondition("first", func() []metav1.Condition { return s.promotion(t.Context(), "first").Status.Conditions },
		v1alpha1.ConditionStalled, metav1.ConditionTrue, string(v1alpha1.OutcomeExpired))
	s.awaitNoInbox("prod", "first")
	// One that does not even know its release expires too, and says what it waited for.
	s.promoteAs("dave", "unknown", limited, func(p *v1alpha1.Promotion) { p.Spec.Images[0].Tag = "v9" })
	if p := s.awaitOutcome("unknown", v1alpha1.OutcomeExpired); !strings.Contains(p.Status.Message, "v9") {
		t.Errorf("message %q does not say what it waited for", p.Status.Message)
	}
	if got := s.templateImage("prod"); got != ":v1" {
		t.Errorf("prod runs %s", got)
	}
}
