package promotion_test

import (
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// v2 waits in production for one of two approvals; then something happens, and v3 comes as far.
func TestRivals(t *testing.T) {
	approve := func(w *world, names ...string) {
		site := w.sites["shop-prod"]
		for i, name := range names {
			w.approve(site, MakeApproval(name, site.Environment.Status.Awaiting[0]).Created(w.now.Sub(Epoch)+seconds(i)))
		}
	}
	hold := func(w *world) {
		w.sites["shop-prod"].Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: PipelineKey, PromotionRef: v1alpha1.PromotionReference{Name: "x", UID: "x"}}}
	}
	cases := []struct {
		name   string
		reason string
		before func(*world)
		want   v1alpha1.PromotionOutcome
	}{
		{"scenario 6: nobody signed", "a newer one that is as ready takes its place", func(*world) {}, v1alpha1.OutcomeSuperseded},
		{"scenario 6: one of two signed", "signatures that are not complete do not protect it", func(w *world) { approve(w, "alice") }, v1alpha1.OutcomeSuperseded},
		{"scenario 6: everybody signed, the slot is taken", "signatures are not thrown away", func(w *world) {
			hold(w)
			approve(w, "alice", "bob")
		}, ""},
		{"scenario 6: everybody signed, and something else broke since", "it is signed whatever else is in the way", func(w *world) {
			hold(w)
			approve(w, "alice", "bob")
			w.run().sites["shop-prod"].Permitted = false
		}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
			w.promote("v2")
			c.before(w.run())
			w.run().wait(time.Minute).promote("v3")
			if got := w.run().get("checkout-v2").Status.Outcome; got != c.want {
				t.Errorf("%s: outcome %q, want %q; v3 is %v", c.reason, got, c.want, w.at("checkout-v3", "prod"))
			}
			if outcome := w.get("checkout-v3").Status.Outcome; outcome != "" {
				t.Errorf("the newer one ended: %s", outcome)
			}
		})
	}
}

// v2 awaits sign-off; a newer promotion is not as ready, for one reason or another.
func TestARivalThatIsNotAsReadySupersedesNobody(t *testing.T) {
	cases := []struct {
		name    string
		promote func(*world) *v1alpha1.Promotion
	}{
		{"its tests have not passed yet", func(w *world) *v1alpha1.Promotion {
			w.hanging["test/stress"] = true
			return MakePromotion("v3").Digest("api", Digest("v3")).Created(9 * time.Hour).Obj()
		}},
		{"it failed in test", func(w *world) *v1alpha1.Promotion {
			w.verdicts["test/stress"] = []promotion.RunState{promotion.RunFailed}
			return MakePromotion("v3").Digest("api", Digest("v3")).Created(9 * time.Hour).Obj()
		}},
		{"it does not come here", func(*world) *v1alpha1.Promotion {
			return MakePromotion("v3").Digest("api", Digest("v3")).Environments("dev", "test").Created(9 * time.Hour).Obj()
		}},
		{"it is older", func(*world) *v1alpha1.Promotion {
			return MakePromotion("v3").Digest("api", Digest("v3")).Created(-time.Hour).Environments("dev", "test").Obj()
		}},
		{"nobody can be held to have asked for it", func(*world) *v1alpha1.Promotion {
			return MakePromotion("v3").Digest("api", Digest("v2")).RequestedBy("system:serviceaccount:ci:bot").Environments("prod").Created(9 * time.Hour).Obj()
		}},
		{"it is cancelled", func(*world) *v1alpha1.Promotion {
			return MakePromotion("v3").Digest("api", Digest("v2")).Environments("prod").Created(9 * time.Hour).Cancelled().Obj()
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := atTheGate(t)
			w.add(c.promote(w))
			if got := w.run().get("checkout-v2").Status.Outcome; got != "" {
				t.Errorf("it ended: %s: %s", got, w.get("checkout-v2").Status.Message)
			}
		})
	}
}

func TestInOrderTheOlderGoesFirst(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Queue = v1alpha1.QueueInOrder
	w.promote("v2")
	w.run().wait(time.Minute).promote("v3")
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
	w.wantReasons("checkout-v3", "prod", "ApprovalsMissing", "EnvironmentBusy")
	w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.run().wantReasons("checkout-v3", "prod", "ApprovalsMissing")
}

func rollback(w *world, seed string) *v1alpha1.Promotion {
	return w.add(MakePromotion("back").Created(w.now.Sub(Epoch)).Rollback("prod", promotion.ReleaseHash(Release(seed))).Obj())
}

func TestScenario39RollbackPreempts(t *testing.T) {
	busy := func(t *testing.T) *world {
		w := newWorld(t)
		w.signers, w.hanging["prod/smoke"] = []string{"alice"}, true
		w.promote("v2")
		return w.run().wait(time.Minute)
	}
	cases := []struct {
		name   string
		reason string
		change func(*world)
		want   v1alpha1.EnvironmentState
	}{
		{"it waits for nothing but the slot", "", func(w *world) { rollback(w, "v1") }, v1alpha1.StateRolledBack},
		{"it waits for signatures", "nobody yields to what may not enter", func(w *world) {
			w.signers = nil
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Rollback: &v1alpha1.RollbackRequirement{Approvals: ref(int32(1))}}
			rollback(w, "v1")
		}, v1alpha1.StateVerifying},
		{"it is cancelled", "", func(w *world) { rollback(w, "v1").Spec.Lifecycle = v1alpha1.LifecycleCancelled }, v1alpha1.StateVerifying},
		{"it is older", "", func(w *world) { rollback(w, "v1").CreationTimestamp = At(-time.Hour) }, v1alpha1.StateVerifying},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := busy(t)
			c.change(w)
			w.run()
			if got := w.at("checkout-v2", "prod"); got.State != c.want {
				t.Errorf("%s: %s (%s), want %s", c.reason, got.State, got.Cause, c.want)
			}
		})
	}
}

func TestScenario39RollbackPreemptsAStuckRollout(t *testing.T) {
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.promote("v2")
	w.in("checkout-v2", "prod", v1alpha1.StateDeploying).broken[Digest("v2")] = true
	w.run().wait(time.Minute)
	rollback(w, "v1")
	if got := w.run().at("checkout-v2", "prod"); got.State != v1alpha1.StateRolledBack || got.Cause != v1alpha1.CauseSuperseded {
		t.Errorf("the holder is %s (%s): a rollback is needed most while a rollout is stuck", got.State, got.Cause)
	}
	if got := w.get("back").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("the rollback: %q", got)
	}
}

func TestASignedPromotionDoesNotEnterBeforeAWaitingRollback(t *testing.T) {
	w := newWorld(t)
	w.hanging["prod/smoke"] = true
	w.signers = []string{"alice"}
	w.promote("v2")
	w.run().wait(time.Minute).promote("v3")
	w.run().wait(time.Minute)
	back := rollback(w, "v1")
	w.decide(back)
	// v2 is gone, v3 is signed and looks first, before the rollback does.
	w.sites["shop-prod"].Environment.Status.Holders = nil
	plan := decideChecked(t, w.snapshot(w.get("checkout-v3")))
	for _, e := range plan.Status.Environments {
		if e.Name == "prod" && e.State != v1alpha1.StateWaiting {
			t.Errorf("v3 is %s, and would have to go back at once", e.State)
		}
	}
}

func TestARollbackNeedsWhatTheEnvironmentSetsForRollbacks(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{
		Approvals: &v1alpha1.ApprovalRequirement{Count: 2, From: []v1alpha1.ApprovalQuota{{Kind: "Group", Name: "managers"}}},
		Rollback:  &v1alpha1.RollbackRequirement{Approvals: ref(int32(1))},
	}
	rollback(w, "v1")
	w.run().wantReasons("back", "prod", "ApprovalsMissing")
	w.signers = []string{"alice"}
	if got := w.run().at("back", "prod"); got.State != v1alpha1.StatePassed {
		t.Errorf("prod is %s: %v", got.State, got.Reasons)
	}
}

func TestScenario8RollbackToAReleaseWithoutAnImageThatCameSince(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Images("api", "worker").Obj()
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction), Release("v2", "api", "worker")...)
	w.keep(MakeRecord("shop-prod", "old", Release("v1")...).Obj())
	rollback(w, "v1")
	if got := w.run().at("back", "prod"); got.State != v1alpha1.StatePassed {
		t.Fatalf("prod is %s: %v", got.State, got.Reasons)
	}
	pins := promotion.ParseEnforced(w.sites["shop-prod"].Namespace).Pins
	if pins[Repository("api")] != Image("api", "v1").Reference() || pins[Repository("worker")] != Image("worker", "v2").Reference() {
		t.Errorf("pins are %v", pins)
	}
}
