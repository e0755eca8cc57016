package promotion_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// in production, v2 is at work with its smoke test.
func inProduction(t *testing.T) *world {
	w := newWorld(t)
	w.signers, w.hanging["prod/smoke"] = []string{"alice"}, true
	w.promote("v2")
	return w.run()
}

func (w *world) delivered(namespace string) string {
	env := w.sites[namespace].Environment
	if len(env.Status.Pipelines) == 0 {
		return "nothing"
	}
	entry := env.Status.Pipelines[0]
	converged := ""
	for _, c := range env.Status.Conditions {
		if c.Type == v1alpha1.ConditionConverged {
			converged = string(c.Status) + "/" + c.Reason
		}
	}
	what := "?"
	for _, seed := range []string{"v1", "v2", "v3"} {
		if entry.ReleaseHash == promotion.ReleaseHash(Release(seed)) {
			what = seed
		}
	}
	return fmt.Sprintf("%s %s, converged %s, %d holders", entry.State, what, converged, len(env.Status.Holders))
}

func TestHowAnEnvironmentEnds(t *testing.T) {
	hold := func(w *world) {
		w.get("checkout-v2").Status.Pipeline.Environments[2].OnFailure = v1alpha1.HoldOnFailure
	}
	fail := func(w *world) {
		w.verdicts["prod/smoke"] = []promotion.RunState{promotion.RunFailed}
		delete(w.hanging, "prod/smoke")
	}
	cases := []struct {
		name    string
		change  func(*world)
		state   v1alpha1.EnvironmentState
		outcome v1alpha1.PromotionOutcome
		want    string
	}{
		{"the gate passes", func(w *world) { delete(w.hanging, "prod/smoke") }, v1alpha1.StatePassed, v1alpha1.OutcomeSucceeded, "Current v2, converged True/Converged, 0 holders"},
		{"the gate fails", fail, v1alpha1.StateRolledBack, v1alpha1.OutcomeFailed, "Current v1, converged True/Converged, 0 holders"},
		{"the gate fails, onFailure: Hold", func(w *world) { hold(w); fail(w) }, v1alpha1.StateFailed, v1alpha1.OutcomeFailed, "Held v2, converged False/ReleaseHeld, 0 holders"},
		{"the gate fails, and nothing ran before", func(w *world) {
			w.records = slices.DeleteFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == "shop-prod" })
			w.get("checkout-v2").Status.Environments[2].Approvals = nil
			fail(w)
		}, v1alpha1.StateFailed, v1alpha1.OutcomeFailed, "Held v2, converged False/ReleaseHeld, 0 holders"},
		{"scenario 11: cancelled while it verifies", func(w *world) { w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled },
			v1alpha1.StateRolledBack, v1alpha1.OutcomeCancelled, "Current v1, converged True/Converged, 0 holders"},
		{"scenario 11: cancelled, onFailure: Hold", func(w *world) {
			hold(w)
			w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
		}, v1alpha1.StateFailed, v1alpha1.OutcomeCancelled, "Held v2, converged False/ReleaseHeld, 0 holders"},
		{"scenario 12: the rollback fails", func(w *world) {
			fail(w)
			w.broken[Digest("v1")] = true
			w.run().wait(time.Hour)
		}, v1alpha1.StateRollbackFailed, v1alpha1.OutcomeFailed, "RollbackFailed v2, converged False/RollbackFailed, 0 holders"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := inProduction(t)
			c.change(w)
			w.run()
			if got := w.at("checkout-v2", "prod").State; got != c.state {
				t.Errorf("prod is %s, want %s", got, c.state)
			}
			if got := w.get("checkout-v2").Status.Outcome; got != c.outcome {
				t.Errorf("outcome %q, want %q", got, c.outcome)
			}
			if got := w.delivered("shop-prod"); got != c.want {
				t.Errorf("production says %q, want %q", got, c.want)
			}
			if label := w.get("checkout-v2").Labels[v1alpha1.OutcomeLabel]; label != string(c.outcome) {
				t.Errorf("label %q", label)
			}
			if w.at("checkout-v2", "test").State != v1alpha1.StatePassed {
				t.Error("what passed stays passed")
			}
		})
	}
}

func TestRollbackGoesToTheNewestGoodRelease(t *testing.T) {
	w := inProduction(t)
	w.records = append(w.records,
		MakeRecord("shop-prod", "older", Release("v5")...).Created(-time.Hour).Obj(),
		MakeRecord("shop-prod", "failed", Release("v6")...).Created(2*time.Hour).Result(v1alpha1.ResultFailed).Obj())
	w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.run()
	if pin := promotion.ParseEnforced(w.sites["shop-prod"].Namespace).Pins[Repository("api")]; pin != Image("api", "v1").Reference() {
		t.Errorf("production is back at %s", w.named([]string{pin}))
	}
}

func TestABlockedRollbackSaysSo(t *testing.T) {
	w := inProduction(t)
	w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.sites["shop-prod"].Permitted = false
	w.run().wantReasons("checkout-v2", "prod", "RollingBack", "RollbackBlocked")
	w.sites["shop-prod"].Permitted = true
	if got := w.run().at("checkout-v2", "prod").State; got != v1alpha1.StateRolledBack {
		t.Errorf("it was mended, and prod is %s", got)
	}
}

func TestCancelledBeforeItEntered(t *testing.T) {
	w := atTheGate(t)
	w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	p := w.run().get("checkout-v2")
	if p.Status.Outcome != v1alpha1.OutcomeCancelled || w.at("checkout-v2", "prod").Cause != v1alpha1.CauseCancelled {
		t.Errorf("scenario 11: outcome %q, prod %v", p.Status.Outcome, w.at("checkout-v2", "prod"))
	}
	if len(w.sites["shop-prod"].Environment.Status.Awaiting) > 0 {
		t.Error("it awaits sign-off still")
	}
	if pins := promotion.ParseEnforced(w.sites["shop-prod"].Namespace).Pins; pins[Repository("api")] != Image("api", "v1").Reference() {
		t.Errorf("production was touched: %v", pins)
	}
}

func TestScenario45Expiry(t *testing.T) {
	w := newWorld(t)
	p := w.add(MakePromotion("checkout-v2").Digest("api", Digest("v2")).Deadline(3600).Obj())
	if plan := w.run().plan(); !plan.Wake.Equal(p.Status.StartTime.Add(time.Hour)) {
		t.Errorf("wakes at %s, started at %s", plan.Wake, p.Status.StartTime)
	}
	w.now = p.Status.StartTime.Add(59 * time.Minute)
	w.run()
	if p.Status.Outcome != "" {
		t.Errorf("outcome %q before its time", p.Status.Outcome)
	}
	w.now = p.Status.StartTime.Add(time.Hour)
	w.run()
	if p.Status.Outcome != v1alpha1.OutcomeExpired {
		t.Errorf("outcome %q", p.Status.Outcome)
	}
	q := inProduction(t).get("checkout-v2")
	q.Spec.ActiveDeadlineSeconds = 1
	x := newWorld(t)
	x.add(q)
	if got := decideChecked(t, x.snapshot(q)).Status.Environments[2].State; got == v1alpha1.StateNotEntered {
		t.Error("what is at work does not expire")
	}
}

func TestScenario43TheOperatorWasAwayForANight(t *testing.T) {
	w := atTheGate(t).wait(12 * time.Hour)
	w.signers = []string{"alice"}
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", got)
	}
}

func TestScenario27AFinishedPromotionNeverRunsAgain(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name    string
		promote *PromotionBuilder
		effects []string
		outcome v1alpha1.PromotionOutcome
	}{
		{"restored with its label, without its status", MakePromotion("p").Digest("api", Digest("v2")).Label(v1alpha1.OutcomeFailed), nil, v1alpha1.OutcomeFailed},
		{"the label is missing", MakePromotion("p").Digest("api", Digest("v2")).Status(v1alpha1.PromotionStatus{Outcome: v1alpha1.OutcomeSucceeded}), []string{"LabelOutcome"}, v1alpha1.OutcomeSucceeded},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			plan := decideChecked(t, w.snapshot(c.promote.Obj()))
			if got := effectNames(plan); !slices.Equal(got, c.effects) || plan.Status.Outcome != c.outcome {
				t.Errorf("effects %v, outcome %q; want %v, %q", got, plan.Status.Outcome, c.effects, c.outcome)
			}
		})
	}
}

func TestKilledBetweenTheLabelAndTheStatus(t *testing.T) {
	w := inProduction(t)
	delete(w.hanging, "prod/smoke")
	p := w.get("checkout-v2")
	before := p.Status.DeepCopy()
	w.run()
	want := p.Status.Message
	p.Status = *before
	w.decide(p)
	if p.Status.Outcome != v1alpha1.OutcomeSucceeded || p.Status.Message != want || w.at("checkout-v2", "prod").State != v1alpha1.StatePassed {
		t.Errorf("outcome %q, message %q, prod %s; the label is no reason to leave the rest unsaid", p.Status.Outcome, p.Status.Message, w.at("checkout-v2", "prod").State)
	}
}

func TestARecordThatIsGoneKeepsNobodyFromFinishing(t *testing.T) {
	w := atTheGate(t)
	w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone}
	w.records = slices.DeleteFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == "shop-dev" })
	w.signers = []string{"alice"}
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", got)
	}
}

func TestTheNamespaceVanishesWhileItIsAtWork(t *testing.T) {
	w := inProduction(t)
	w.sites["shop-prod"].Environment = nil
	w.run().wantReasons("checkout-v2", "prod", "EnvironmentNotFound")
	w.wait(24 * time.Hour).run()
	if got := w.get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeFailed {
		t.Errorf("outcome %q: %s", got, w.get("checkout-v2").Status.Message)
	}
}

func TestOutcomesHaveAnOrder(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("test", "eu", "us").After("eu", "test").After("us", "test").Obj()
	for _, namespace := range []string{"shop-eu", "shop-us"} {
		w.site(MakeEnvironment(namespace, v1alpha1.TierTest).Gate(functional()), Release("v1")...)
	}
	w.hanging["us/functional"], w.verdicts["eu/functional"] = true, []promotion.RunState{promotion.RunFailed}
	w.promote("v2")
	w.run().get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	p := w.run().get("checkout-v2")
	if p.Status.Outcome != v1alpha1.OutcomeFailed {
		t.Errorf("one failed, one was cancelled: %s", p.Status.Outcome)
	}
	if reason := conditionOf(p.Status, v1alpha1.ConditionSucceeded).Reason; reason != "GateFailed" {
		t.Errorf("reason %s", reason)
	}
}

func TestScenario5AFailureInOneBranch(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("test", "eu", "us", "last", "side").
		After("eu", "test").After("us", "test").After("last", "eu").After("side", "us").Obj()
	for _, name := range []string{"eu", "us", "last", "side"} {
		w.site(MakeEnvironment("shop-"+name, v1alpha1.TierTest).Gate(functional()), Release("v1")...)
	}
	w.verdicts["eu/functional"], w.hanging["us/functional"] = []promotion.RunState{promotion.RunFailed}, true
	w.promote("v2")
	w.run().hanging = map[string]bool{}
	w.run()
	want := map[string]string{"eu": "RolledBack GateFailed", "us": "Passed ", "last": "NotEntered PredecessorFailed", "side": "NotEntered PromotionFailed"}
	for name, state := range want {
		if e := w.at("checkout-v2", name); string(e.State)+" "+string(e.Cause) != state {
			t.Errorf("%s is %s %s, want %s", name, e.State, e.Cause, state)
		}
	}
}

func TestConditions(t *testing.T) {
	w := atTheGate(t)
	p := w.get("checkout-v2")
	if c := conditionOf(p.Status, v1alpha1.ConditionSucceeded); c.Status != metav1.ConditionUnknown || c.Reason != "ApprovalsMissing" {
		t.Errorf("Succeeded is %s/%s", c.Status, c.Reason)
	}
	since := conditionOf(p.Status, v1alpha1.ConditionSucceeded).LastTransitionTime
	w.signers = []string{"alice"}
	w.hanging["prod/smoke"] = true
	w.wait(time.Minute).run()
	if c := conditionOf(p.Status, v1alpha1.ConditionSucceeded); c.Reason != "GateRunning" || !c.LastTransitionTime.Equal(&since) {
		t.Errorf("reason %s; its transition time changes with its status only", c.Reason)
	}
	p.Generation = 2
	w.run()
	for _, c := range p.Status.Conditions {
		if c.ObservedGeneration != 2 {
			t.Errorf("%s was observed at %d", c.Type, c.ObservedGeneration)
		}
	}
	p.Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.run()
	if c := conditionOf(p.Status, v1alpha1.ConditionSucceeded); c.Status != metav1.ConditionFalse || c.Reason != "Cancelled" || conditionOf(p.Status, v1alpha1.ConditionStalled) != nil {
		t.Errorf("Succeeded is %s/%s; a cancelled Promotion counts as current", c.Status, c.Reason)
	}
}

func TestNothingIsWrittenWhileNothingHappens(t *testing.T) {
	for _, w := range []*world{atTheGate(t), inProduction(t)} {
		p := w.get("checkout-v2")
		before := p.Status.DeepCopy()
		for range 5 {
			if w.wait(17 * time.Second).decide(p) {
				t.Errorf("I4: something is written: %s", text(t, p.Status))
			}
		}
		if !sameStatus(*before, p.Status) {
			t.Error("the status flaps")
		}
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.verdicts["test/stress"] = []promotion.RunState{promotion.RunFailed}
	w.promote("v2")
	w.run()
	var got []string
	for _, e := range w.events {
		got = append(got, fmt.Sprintf("%s %t", e.Reason, e.Warning))
	}
	want := "Waiting false,Waiting false,Deploying false,Verifying false,Passed false,Deploying false,Verifying false,RollingBack true,RolledBack true,Failed true"
	sortable := strings.Split(want, ",")
	slices.Sort(sortable)
	slices.Sort(got)
	if !slices.Equal(got, sortable) {
		t.Errorf("events %v, want %v", got, sortable)
	}
}
