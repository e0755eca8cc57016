package integration_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A release that waits for production fails a second look in test: it stops waiting for people, says why, and what they
// signed does not count. Passed once more, they sign again.
func TestALaterFailureRevokesEvidence(t *testing.T) {
	t.Parallel()
	s := openShop(t, "revoked", recipe{environments: []string{"test", "prod"}, environment: func(name string, e *v1alpha1.Environment) {
		if name == "prod" {
			e.Spec.Gates = nil
			e.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
		}
	}})
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	s.changeEnvironment("test", func(e *v1alpha1.Environment) { e.Spec.Gates[0] = functional("exit-code=7")[0] })
	s.promote("again", digest(1), only("test"))
	s.awaitOutcome("again", v1alpha1.OutcomeFailed)
	s.awaitMessage("first", "prod", v1alpha1.ReasonEvidenceFailed, "is revoked")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredEvidenceChanged)
	s.awaitNoInbox("prod", "first")
	s.changeEnvironment("test", func(e *v1alpha1.Environment) { e.Spec.Gates[0] = functional()[0] })
	s.promote("third", digest(1), only("test"))
	s.awaitOutcome("third", v1alpha1.OutcomeSucceeded)
	s.mustSign("alice", "first", "prod")
	s.mustSign("bob", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

// A gate that was inconclusive waits for a person, who lets it be repeated by a command that its message writes.
func TestAHeldGateGoesOnWhenSomebodySaysSo(t *testing.T) {
	t.Parallel()
	s := openShop(t, "held-gate", recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional("wait")
		e.Spec.Gates[0].OnInconclusive = v1alpha1.HoldInconclusive
	}})
	s.promote("first", digest(1))
	s.delete(s.awaitGatePod("dev", "functional", corev1.PodRunning))
	s.awaitMessage("first", "dev", v1alpha1.ReasonGateHeld, "sluice.dev/repeat=dev/functional/1")
	p := s.promotion(t.Context(), "first")
	before := p.DeepCopy()
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, v1alpha1.RepeatAnnotation, "dev/functional/1")
	if err := as(t, "dave").Patch(t.Context(), p, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	gate := s.awaitRecord("dev", v1alpha1.ResultPassed).Spec.Gates[0]
	if len(gate.EarlierAttempts) != 1 || !strings.Contains(gate.EarlierAttempts[0].Message, "its pod was deleted") || *gate.Attempts != 2 {
		t.Errorf("the record says %+v", gate)
	}
}
