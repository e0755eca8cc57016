package promotion_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// verifyAgain verifies v2 in test once more, and has its functional gate end in a state there.
func (w *world) verifyAgain(verdict promotion.RunState) *world {
	w.wait(time.Minute)
	w.verdicts["test/functional"] = []promotion.RunState{verdict}
	w.add(MakePromotion("checkout-v2-again").Digest("api", Digest("v2")).Environments("test").Created(w.now.Sub(Epoch)).Obj())
	return w.run()
}

// Who waits for a signature when the release fails a second look stops, says why, and does not count what was signed before.
func TestALaterFailureRevokesThePass(t *testing.T) {
	w := atTheGate(t)
	entry := w.sites["shop-prod"].Environment.Status.Awaiting[0]
	w.verifyAgain(promotion.RunFailed).wantReasons("checkout-v2", "prod", "EvidenceFailed", "EvidenceFailed", "ApprovalsMissing")
	message := w.at("checkout-v2", "prod").Reasons[0].Message
	for _, want := range []string{"says RolledBack (gate functional (Functional) failed: exit code 1)", "and so the pass in checkout-", "is revoked"} {
		if !strings.Contains(message, want) {
			t.Errorf("message %q does not say %q", message, want)
		}
	}
	if len(w.sites["shop-prod"].Environment.Status.Awaiting) > 0 {
		t.Error("it still awaits sign-off")
	}
	w.approve(w.sites["shop-prod"], MakeApproval("alice", entry).Created(w.now.Sub(Epoch)))
	w.run()
	got := w.at("checkout-v2", "prod")
	if got.State != v1alpha1.StateWaiting || got.Approvals[0].State != v1alpha1.ApprovalIgnored || got.Approvals[0].Reason != v1alpha1.IgnoredEvidenceChanged {
		t.Errorf("prod is %s, approvals %v", got.State, got.Approvals)
	}
	// Passed once more, people sign what they see now.
	w.verdicts = map[string][]promotion.RunState{}
	w.wait(time.Minute).add(MakePromotion("checkout-v2-third").Digest("api", Digest("v2")).Environments("test").Created(w.now.Sub(Epoch)).Obj())
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
	w.approve(w.sites["shop-prod"], MakeApproval("alice", w.sites["shop-prod"].Environment.Status.Awaiting[0]).Created(w.now.Sub(Epoch)))
	if got := w.run().at("checkout-v2", "prod"); got.State != v1alpha1.StatePassed {
		t.Errorf("prod is %s: %v", got.State, got.Reasons)
	}
}

func TestASecondPassRevokesNothing(t *testing.T) {
	w := atTheGate(t).verifyAgain(promotion.RunPassed)
	w.wantReasons("checkout-v2", "prod", "ApprovalsMissing")
	if got := w.at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("test is %s", got.State)
	}
}

// Where no evidence is demanded, the order of the environments still is.
func TestARevokedPassIsNoPredecessor(t *testing.T) {
	cases := []struct {
		name   string
		record *v1alpha1.ReleaseRecord
		want   []string
	}{
		{"it failed there later", MakeRecord("shop-test", "later", Release("v2")...).Result(v1alpha1.ResultFailed).Created(3 * time.Hour).Obj(), []string{"EvidenceFailed", "ApprovalsMissing"}},
		{"it passed there later", MakeRecord("shop-test", "later", Release("v2")...).Created(3 * time.Hour).Obj(), []string{"ApprovalsMissing"}},
		{"another release failed there", MakeRecord("shop-test", "later", Release("v3")...).Result(v1alpha1.ResultFailed).Created(3 * time.Hour).Obj(), []string{"ApprovalsMissing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := atTheGate(t)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone}
			w.keep(c.record)
			w.run().wantReasons("checkout-v2", "prod", c.want...)
		})
	}
}

// At work, a release leaves when what it rests on becomes void, and only then.
func TestEvidenceThatIsRevokedAtWork(t *testing.T) {
	later := func(w *world, result v1alpha1.RecordResult) {
		r := MakeRecord("shop-test", "later", Release("v2")...).Result(result).Created(w.now.Sub(Epoch)).Obj()
		w.keep(r)
	}
	cases := []struct {
		name   string
		change func(*world)
		revoke bool
	}{
		{"it fails in test", func(w *world) { later(w, v1alpha1.ResultFailed) }, true},
		{"it is revoked in test", func(w *world) { later(w, v1alpha1.ResultRevoked) }, true},
		{"it passes in test again", func(w *world) { later(w, v1alpha1.ResultPassed) }, false},
		{"more is demanded by now", func(w *world) {
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Evidence: []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeSecurity}}}
		}, false},
		{"another place is demanded, where it failed long ago", func(w *world) {
			w.site(MakeEnvironment("shop-load", v1alpha1.TierTest))
			r := MakeRecord("shop-load", "old", Release("v2")...).Result(v1alpha1.ResultFailed).Obj()
			w.keep(r)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Evidence: []v1alpha1.EvidenceRequirement{
				{Purpose: v1alpha1.PurposeStress, From: []v1alpha1.EnvironmentReference{{Namespace: "shop-load"}}},
			}}
		}, false},
		{"it fails in dev, which is no evidence", func(w *world) {
			r := MakeRecord("shop-dev", "later", Release("v2")...).Result(v1alpha1.ResultFailed).Created(w.now.Sub(Epoch)).Obj()
			w.keep(r)
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.signers, w.hanging = []string{"alice"}, map[string]bool{"prod/smoke": true}
			w.promote("v2")
			w.run()
			if got := w.at("checkout-v2", "prod"); got.State != v1alpha1.StateVerifying {
				t.Fatalf("prod is %s", got.State)
			}
			c.change(w.wait(time.Minute))
			got := w.run().at("checkout-v2", "prod")
			if revoked := got.State == v1alpha1.StateRolledBack && got.Cause == v1alpha1.CauseEvidenceRevoked; revoked != c.revoke {
				t.Errorf("prod is %s (%s): %s", got.State, got.Cause, got.Message)
			}
			if !c.revoke && got.State != v1alpha1.StateVerifying {
				t.Errorf("prod is %s (%s): %s", got.State, got.Cause, got.Message)
			}
		})
	}
}

// An emergency that came in without evidence has none to lose, and neither has a way back.
func TestWhatRestsOnNoEvidenceLosesNone(t *testing.T) {
	w := newWorld(t)
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Gate(JobGate("smoke", v1alpha1.PurposeFunctional)).
		Emergencies(v1alpha1.RequesterAllowed, "oncall", v1alpha1.SkipEvidence), Release("v1")...)
	w.hanging["prod/smoke"] = true
	p := MakePromotion("checkout-v2").Digest("api", Digest("v2")).Environments("prod").Obj()
	p.Spec.Emergency.Reason = "INC-1: money is lost"
	w.add(p)
	w.run()
	w.approve(w.sites["shop-prod"], MakeApproval("alice", w.sites["shop-prod"].Environment.Status.Awaiting[0]).Groups("oncall").Created(w.now.Sub(Epoch)))
	w.run()
	if got := w.at("checkout-v2", "prod"); got.State != v1alpha1.StateVerifying {
		t.Fatalf("prod is %s: %v", got.State, got.Reasons)
	}
	r := MakeRecord("shop-test", "later", Release("v2")...).Result(v1alpha1.ResultFailed).Created(w.now.Sub(Epoch)).Obj()
	w.keep(r)
	if got := w.run().at("checkout-v2", "prod"); got.State != v1alpha1.StateVerifying {
		t.Errorf("prod is %s (%s): %s", got.State, got.Cause, got.Message)
	}
}
