package integration_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// signing is a shop with these environments and no gates, where the last one demands approvals.
func signing(approvals v1alpha1.ApprovalRequirement, environments ...string) recipe {
	return recipe{environments: environments, bare: true, environment: func(name string, e *v1alpha1.Environment) {
		if name == environments[len(environments)-1] {
			e.Spec.Requires.Approvals = &approvals
		}
	}}
}

// mustSign signs once the environment awaits it.
func (s *shop) mustSign(user, name, environment string, groups ...string) {
	s.t.Helper()
	eventually(s.t, user+" signs "+name, func() error { return s.sign(user, name, environment, v1alpha1.DecisionApproved, groups...) })
}

// awaitRefused waits until the API server refuses a signature, which it does once the role of approvers is bound.
func (s *shop) awaitRefused(user, name, environment, text string) {
	s.t.Helper()
	s.awaitReason(name, environment, v1alpha1.ReasonApprovalsMissing)
	eventually(s.t, user+" may not sign "+name, func() error {
		err := s.sign(user, name, environment, v1alpha1.DecisionApproved)
		if err == nil {
			s.t.Fatalf("%s signed %s", user, name)
		}
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), text) {
			return err
		}
		return nil
	})
}

// approvalState waits until a Promotion shows what became of the first approval of somebody.
func (s *shop) awaitApproval(name, environment, user string, state v1alpha1.ApprovalState, reason string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("approval of %s is %s/%s", user, state, reason), func() error {
		approvals := s.progress(name, environment).Approvals
		for _, a := range approvals {
			if a.Approver == user && a.State == state && a.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("approvals: %+v", approvals)
	})
}

func (s *shop) awaitNoInbox(environment, name string) {
	s.t.Helper()
	eventually(s.t, name+" is not in the inbox", func() error {
		for _, a := range s.environment(environment).Status.Awaiting {
			if a.PromotionRef.Name == name {
				return fmt.Errorf("it is")
			}
		}
		return nil
	})
}

func TestARejectionEndsThePromotion(t *testing.T) {
	t.Parallel()
	s := openShop(t, "rejected", signing(v1alpha1.ApprovalRequirement{Count: 1}, "dev", "prod"))
	s.promote("first", digest(1))
	s.awaitReason("first", "prod", v1alpha1.ReasonApprovalsMissing)
	eventually(t, "alice rejects it", func() error { return s.sign("alice", "first", "prod", v1alpha1.DecisionRejected) })
	p := s.awaitOutcome("first", v1alpha1.OutcomeRejected)
	if !strings.Contains(p.Status.Message, "alice rejected it in prod") {
		t.Errorf("message: %s", p.Status.Message)
	}
	s.assertProgress("first", "dev", v1alpha1.StatePassed, "")
	s.assertProgress("first", "prod", v1alpha1.StateNotEntered, v1alpha1.CauseRejected)
	s.awaitNoInbox("prod", "first")
	if got := s.templateImage("prod"); got != ":v1" {
		t.Errorf("prod runs %s", got)
	}
}

func TestScenario32OnePersonInTwoQuotasCountsOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t, "quotas", signing(v1alpha1.ApprovalRequirement{Count: 2, From: []v1alpha1.ApprovalQuota{
		{Kind: v1alpha1.QuotaGroup, Name: "release-managers", Count: 1}, {Kind: v1alpha1.QuotaGroup, Name: "qa", Count: 1},
	}}, "prod"))
	s.promote("first", digest(1))
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 2 approvals, among them 1 from group release-managers and 1 from group qa")
	s.mustSign("carol", "first", "prod", "release-managers", "qa", "staff")
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
	s.mustSign("erin", "first", "prod", "staff")
	s.awaitApproval("first", "prod", "erin", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredNotInRequiredGroup)
	s.mustSign("frank", "first", "prod", "qa")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	record := s.awaitRecord("prod", v1alpha1.ResultPassed)
	if len(record.Spec.Approvals) != 3 {
		t.Errorf("the record lists %+v", record.Spec.Approvals)
	}
}

func TestTheRequesterMayNotSign(t *testing.T) {
	t.Parallel()
	s := openShop(t, "requester", signing(v1alpha1.ApprovalRequirement{Count: 1}, "prod"))
	s.promote("first", digest(1))
	s.awaitRefused("dave", "first", "prod", "dave requested this promotion")
	s.mustSign("alice", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestScenario33ABotSaysForWhomItAsks(t *testing.T) {
	t.Parallel()
	const bot = "system:serviceaccount:ci:bot"
	s := openShop(t, "unattended", signing(v1alpha1.ApprovalRequirement{Count: 1}, "prod"))
	release := func(p *v1alpha1.Promotion) { p.Spec.Images[0].Digest = digest(1) }
	s.promoteAs(bot, "first", release)
	s.awaitMessage("first", "prod", v1alpha1.ReasonRequesterUnknown, "onBehalfOf")
	if awaiting := s.environment("prod").Status.Awaiting; len(awaiting) > 0 {
		t.Errorf("the inbox asks for it: %+v", awaiting)
	}
	s.promoteAs(bot, "second", release, func(p *v1alpha1.Promotion) { p.Spec.OnBehalfOf = []string{"erin"} })
	s.awaitRefused("erin", "second", "prod", "erin")
	s.mustSign("alice", "second", "prod")
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	s.awaitOutcome("first", v1alpha1.OutcomeSuperseded)
}

func TestScenario10EvidenceThatChangesVoidsWhatWasSigned(t *testing.T) {
	t.Parallel()
	s := openShop(t, "rerun", signing(v1alpha1.ApprovalRequirement{Count: 2}, "test", "prod"))
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	seen := s.environment("prod").Status.Awaiting[0].EvidenceHash
	s.promote("again", digest(1), only("test"))
	s.awaitOutcome("again", v1alpha1.OutcomeSucceeded)
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredEvidenceChanged)
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 2 approvals")
	if now := s.environment("prod").Status.Awaiting[0].EvidenceHash; now == seen {
		t.Error("the inbox shows the evidence of before")
	}
	s.mustSign("alice", "first", "prod")
	s.mustSign("bob", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestScenario6ANewerPromotionTakesThePlaceOfOneThatWaits(t *testing.T) {
	t.Parallel()
	s := openShop(t, "superseded", signing(v1alpha1.ApprovalRequirement{Count: 2}, "prod"))
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	s.promote("second", digest(2))
	s.awaitOutcome("first", v1alpha1.OutcomeSuperseded)
	s.awaitNoInbox("prod", "first")
	// One whose approvals are complete keeps its place.
	s.mustSign("alice", "second", "prod")
	s.mustSign("bob", "second", "prod")
	s.promote("third", digest(3))
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("prod"); got != "@"+digest(2) {
		t.Errorf("prod runs %s", got)
	}
}

func TestScenario11Cancelled(t *testing.T) {
	t.Parallel()
	r := signing(v1alpha1.ApprovalRequirement{Count: 1}, "dev", "test", "prod")
	bare := r.environment
	r.environment = func(name string, e *v1alpha1.Environment) {
		bare(name, e)
		if name == "test" {
			e.Spec.Gates = functional("wait")
		}
	}
	s := openShop(t, "cancelled", r)
	s.promote("first", digest(1))
	s.awaitGatePod("test", "functional", "Running")
	s.cancel("first")
	s.awaitOutcome("first", v1alpha1.OutcomeCancelled)
	s.assertProgress("first", "dev", v1alpha1.StatePassed, "")
	s.assertProgress("first", "test", v1alpha1.StateRolledBack, v1alpha1.CauseCancelled)
	s.assertProgress("first", "prod", v1alpha1.StateNotEntered, v1alpha1.CauseCancelled)
	if got := s.templateImage("test"); got != "@"+s.adopted {
		t.Errorf("test runs %s", got)
	}

	s.changeEnvironment("test", func(e *v1alpha1.Environment) { e.Spec.Gates = nil })
	s.promote("second", digest(2))
	s.awaitMessage("second", "prod", v1alpha1.ReasonApprovalsMissing, "waits in prod for 1 of 1 approvals")
	s.cancel("second")
	s.awaitOutcome("second", v1alpha1.OutcomeCancelled)
	s.assertProgress("second", "prod", v1alpha1.StateNotEntered, v1alpha1.CauseCancelled)
	s.awaitNoInbox("prod", "second")
}

func (s *shop) cancel(name string) {
	s.t.Helper()
	p := &v1alpha1.Promotion{}
	s.change(s.name, name, p, func() { p.Spec.Lifecycle = v1alpha1.LifecycleCancelled })
}
