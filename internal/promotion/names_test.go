package promotion_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// again removes a Promotion, and makes another of the same name.
func (w *world) again(name string) *v1alpha1.Promotion {
	before := w.get(name)
	w.promotions = slices.DeleteFunc(w.promotions, func(p *v1alpha1.Promotion) bool { return p == before })
	p := MakePromotion(name).UID("uid-again").Created(w.wait(time.Hour).now.Sub(Epoch)).Obj()
	p.Spec = *before.Spec.DeepCopy()
	return w.add(p)
}

func TestANameIsUsedOnce(t *testing.T) {
	cases := []struct {
		name    string
		play    func(*world)
		outcome v1alpha1.PromotionOutcome
		says    string
	}{
		{"it had succeeded", func(w *world) {
			w.signers = []string{"alice"}
			w.run()
		}, v1alpha1.OutcomeSucceeded, "shop-prod/"},
		{"it had failed", func(w *world) {
			w.verdicts["test/stress"] = []promotion.RunState{promotion.RunFailed}
			w.run()
		}, v1alpha1.OutcomeFailed, "says RolledBack"},
		{"it had been cancelled while at work", func(w *world) {
			w.hanging["test/stress"] = true
			w.run().get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
			w.run()
		}, v1alpha1.OutcomeCancelled, "says RolledBack"},
		{"it had ended before the last environment", func(w *world) {
			w.run().get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
			w.run()
		}, v1alpha1.OutcomeSuperseded, "shop-test/"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.promote("v2")
			c.play(w)
			if w.get("checkout-v2").Status.Outcome == "" {
				t.Fatalf("it has not ended: %s", w.get("checkout-v2").Status.Message)
			}
			log := len(w.log)
			p := w.again("checkout-v2")
			w.run()
			if p.Status.Outcome != c.outcome || p.Labels[v1alpha1.OutcomeLabel] != string(c.outcome) || !strings.Contains(p.Status.Message, c.says) {
				t.Errorf("outcome %q, label %q, message %q; want %s and %q", p.Status.Outcome, p.Labels[v1alpha1.OutcomeLabel], p.Status.Message, c.outcome, c.says)
			}
			if did := w.log[log:]; len(did) != 1 {
				t.Errorf("it did something: %v", did)
			}
		})
	}
}

func TestANameIsFreeAgainWhereItsPromotionWasDeletedAtWork(t *testing.T) {
	w := newWorld(t)
	w.promote("v2")
	w.keep(MakeRecord("shop-dev", "passed", Release("v2")...).Of(w.get("checkout-v2")).Obj())
	back := MakeRecord("shop-test", "back", Release("v2")...).Of(w.get("checkout-v2")).Result(v1alpha1.ResultRolledBack).Obj()
	back.Spec.Cause = v1alpha1.CausePromotionDeleted
	w.keep(back)
	p := w.again("checkout-v2")
	w.signers = []string{"alice"}
	w.run()
	if p.Status.Outcome != v1alpha1.OutcomeSucceeded || w.at("checkout-v2", "dev").State != v1alpha1.StatePassed || len(p.Status.Environments) != 3 {
		t.Errorf("outcome %q, message %q", p.Status.Outcome, p.Status.Message)
	}
}

func TestOneOfTheSameNameWaitsUntilTheDeletedOneIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.promote("v2")
	w.hanging["test/stress"] = true
	w.run()
	p := w.again("checkout-v2")
	w.run()
	if c := conditionOf(p.Status, v1alpha1.ConditionResolved); c == nil || c.Reason != v1alpha1.ReasonEnvironmentBusy || p.Status.Outcome != "" {
		t.Errorf("condition %+v, outcome %q", c, p.Status.Outcome)
	}
}

func TestNamesOfOtherPromotionsDoNotMatter(t *testing.T) {
	w := newWorld(t)
	w.promote("v2")
	other := MakePromotion("checkout-v2").UID("uid-elsewhere").Obj()
	other.Namespace = "elsewhere"
	w.keep(MakeRecord("shop-dev", "elsewhere", Release("v3")...).Of(other).Obj())
	if got := w.run().get("checkout-v2").Status; got.Outcome != "" || got.ReleaseHash == "" {
		t.Errorf("outcome %q: %s", got.Outcome, got.Message)
	}
}

func TestLastPassed(t *testing.T) {
	passed := func(name string, created, completed time.Duration, state v1alpha1.EnvironmentState) *v1alpha1.Promotion {
		at := At(completed)
		e := v1alpha1.EnvironmentProgress{Name: "prod", State: state, CompletionTime: &at}
		e.EnvironmentRef.Namespace = "shop-prod"
		return MakePromotion(name).Created(created).Status(v1alpha1.PromotionStatus{Environments: []v1alpha1.EnvironmentProgress{e}}).Obj()
	}
	list := []*v1alpha1.Promotion{
		passed("young", 3*time.Hour, 4*time.Hour, v1alpha1.StatePassed),
		passed("late", time.Hour, 5*time.Hour, v1alpha1.StatePassed),
		passed("failed", 2*time.Hour, 6*time.Hour, v1alpha1.StateRolledBack),
		passed("tie", 0, 5*time.Hour, v1alpha1.StatePassed),
	}
	if got := promotion.LastPassed(list, "shop-prod"); got == nil || got.Name != "late" {
		t.Errorf("got %v", got)
	}
	if got := promotion.LastPassed(list, "shop-test"); got != nil {
		t.Errorf("got %s in an environment where none passed", got.Name)
	}
}
