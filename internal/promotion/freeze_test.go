package promotion_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// freeze lists freezes in production.
func (w *world) freeze(freezes ...v1alpha1.Freeze) *world {
	w.sites["shop-prod"].Environment.Spec.Freezes = freezes
	return w
}

func window(freeze v1alpha1.Freeze) v1alpha1.Freeze {
	freeze.Effect = v1alpha1.FreezeAllow
	return freeze
}

// The world begins an hour after Epoch, which is 2 March 2026, 09:00 UTC.
func TestFreezesKeepOut(t *testing.T) {
	list := func(freezes ...v1alpha1.Freeze) func(*world) { return func(w *world) { w.freeze(freezes...) } }
	playGate(t, []gateCase{
		{"a freeze that is over", "", list(Once("audit", 0, time.Hour)), []string{"ApprovalsMissing"}},
		{"a freeze that comes", "", list(Once("audit", 12*time.Hour, 24*time.Hour)), []string{"ApprovalsMissing"}},
		{"a freeze that lasts", "people may sign meanwhile", list(Once("audit", 0, 24*time.Hour)), []string{"ApprovalsMissing", "Frozen"}},
		{"a window that is open", "", list(window(Nightly("morning", 10, 7200, "UTC"))), []string{"ApprovalsMissing"}},
		{"no window is open", "", list(window(Nightly("evening", 20, 7200, "UTC"))), []string{"ApprovalsMissing", "OutsideWindow"}},
		{"a freeze outside of all windows", "all reasons at once", list(window(Nightly("evening", 20, 7200, "UTC")), Once("audit", 0, 24*time.Hour)),
			[]string{"ApprovalsMissing", "Frozen", "OutsideWindow"}},
		{"a freeze in a window", "Deny wins", list(window(Nightly("morning", 10, 7200, "UTC")), Once("audit", 0, 24*time.Hour)),
			[]string{"ApprovalsMissing", "Frozen"}},
		{"a freeze that makes no sense", "nothing can be said to be open", list(v1alpha1.Freeze{Name: "never", Schedule: "0 0 30 2 *", DurationSeconds: 60}),
			[]string{"ApprovalsMissing", "InvalidSchedule"}},
		{"a zone that is not known", "", list(Nightly("night", 1, 60, "Europe/Atlantis")), []string{"ApprovalsMissing", "InvalidSchedule"}},
	})
}

func TestAFreezeSaysUntilWhen(t *testing.T) {
	const then = "; it goes on by itself then, or when the platform team changes spec.freezes; kubectl edit environment environment -n shop-prod"
	cases := []struct {
		name    string
		freezes []v1alpha1.Freeze
		want    string
	}{
		{"in the freeze's zone and in UTC", []v1alpha1.Freeze{Nightly("morning", 11, 7200, "Europe/Berlin")},
			"shop-prod is frozen until 2026-03-02 13:00 CET (12:00 UTC) by morning" + then},
		{"with its reason", []v1alpha1.Freeze{Once("audit", 0, 24*time.Hour)},
			"shop-prod is frozen until 2026-03-03 09:00 UTC by audit (the books are closed)" + then},
		{"and when deployments may begin, where that is later", []v1alpha1.Freeze{Once("audit", 0, 24*time.Hour), window(Nightly("evening", 20, 7200, "UTC"))},
			"shop-prod is frozen until 2026-03-03 09:00 UTC by audit (the books are closed); deployments may begin at 2026-03-03 20:00 UTC" + then},
		{"when the next window opens", []v1alpha1.Freeze{window(Nightly("evening", 20, 7200, "America/New_York"))},
			"deployments to shop-prod begin in its windows only, and the next one, evening, opens at 2026-03-02 20:00 EST (2026-03-03 01:00 UTC)" + then},
		{"no window opens any more", []v1alpha1.Freeze{window(Once("launch", 0, time.Minute))},
			"deployments to shop-prod begin in its windows only, and none opens any more; the platform team adds one to spec.freezes; kubectl edit environment environment -n shop-prod"},
		{"no end in sight", []v1alpha1.Freeze{{Name: "always", Schedule: "0 * * * *", DurationSeconds: 3600}},
			"shop-prod is frozen with no end in sight, as it begins again before it is over, by always" + then},
		{"what makes no sense", []v1alpha1.Freeze{{Name: "leap", Schedule: "0 0 30 2 *", DurationSeconds: 60}},
			`freeze leap of the Environment of shop-prod: schedule "0 0 30 2 *" names a day that never comes; write a day of month that the month has; ` +
				"until the platform team mends it, nothing begins here; kubectl edit environment environment -n shop-prod"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t).freeze(c.freezes...)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone}}
			w.promote("v2")
			w.run()
			if got := w.at("checkout-v2", "prod").Reasons; len(got) == 0 || got[0].Message != c.want {
				t.Errorf("it says %v, want\n%s", got, c.want)
			}
		})
	}
}

// What was signed during a freeze goes on at the very moment at which it is over, with one look.
func TestWhatWaitsForTheEndOfAFreeze(t *testing.T) {
	w := newWorld(t).freeze(Once("audit", 0, 24*time.Hour))
	w.signers = []string{"alice"}
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "Frozen")
	plan := decideChecked(t, w.snapshot(w.get("checkout-v2")))
	if end := Epoch.Add(24 * time.Hour); !plan.Wake.Equal(end) || len(plan.Effects) > 0 {
		t.Fatalf("looks again at %s with effects %v, want %s and none", plan.Wake, plan.Effects, end)
	}
	w.now = plan.Wake.Add(-time.Second)
	if w.decide(w.get("checkout-v2")) {
		t.Error("a second before the end something was written")
	}
	w.now = plan.Wake
	w.in("checkout-v2", "prod", v1alpha1.StatePassed)
}

func TestAFreezeThatIsTakenOutLetsGo(t *testing.T) {
	w := newWorld(t).freeze(Once("audit", 0, 24*time.Hour))
	w.signers = []string{"alice"}
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "Frozen")
	w.freeze().in("checkout-v2", "prod", v1alpha1.StatePassed)
}

// A promotion that waits for people looks again when a freeze begins, so that it can say so.
func TestWhatWaitsSeesAFreezeBegin(t *testing.T) {
	w := newWorld(t).freeze(Once("audit", 12*time.Hour, 24*time.Hour))
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing")
	plan := decideChecked(t, w.snapshot(w.get("checkout-v2")))
	if begin := Epoch.Add(12 * time.Hour); !plan.Wake.Equal(begin) {
		t.Fatalf("looks again at %s, want %s", plan.Wake, begin)
	}
	w.now = plan.Wake
	w.run().wantReasons("checkout-v2", "prod", "ApprovalsMissing", "Frozen")
}

func TestAnApprovalAgesDuringAFreeze(t *testing.T) {
	w := newWorld(t).freeze(Once("audit", 0, 10*24*time.Hour))
	w.promote("v2")
	w.signers = []string{"alice"}
	w.run().wantReasons("checkout-v2", "prod", "Frozen")
	w.signers = nil
	w.wait(8*24*time.Hour).run().wantReasons("checkout-v2", "prod", "ApprovalsMissing", "Frozen")
}

// Gates that run go on, and so does a deployment that has begun.
func TestAFreezeStopsNothingThatHasBegun(t *testing.T) {
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.hanging["prod/smoke"] = true
	w.promote("v2")
	w.in("checkout-v2", "prod", v1alpha1.StateVerifying)
	w.freeze(Once("audit", 0, 24*time.Hour))
	w.hanging["prod/smoke"] = false
	w.in("checkout-v2", "prod", v1alpha1.StatePassed)
}

func TestRollbacksAndFreezes(t *testing.T) {
	back := promotion.ReleaseHash(Release("v1"))
	cases := []struct {
		name     string
		handling v1alpha1.FreezeHandling
		freeze   v1alpha1.Freeze
		want     []string
	}{
		{"by default they ignore freezes", "", Once("audit", 0, 24*time.Hour), nil},
		{"Ignore", v1alpha1.FreezesIgnore, Once("audit", 0, 24*time.Hour), nil},
		{"Respect", v1alpha1.FreezesRespect, Once("audit", 0, 24*time.Hour), []string{"Frozen"}},
		{"a freeze that makes no sense is no freeze to them", "", v1alpha1.Freeze{Name: "f", Schedule: "x"}, nil},
		{"it is, where they respect freezes", v1alpha1.FreezesRespect, v1alpha1.Freeze{Name: "f", Schedule: "x"}, []string{"EnvironmentNotReady", "InvalidSchedule"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			env := MakeEnvironment("shop-prod", v1alpha1.TierProduction).Freeze(c.freeze).RollbackFreezes(c.handling)
			if c.freeze.Schedule == "x" {
				env.Condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSchedule)
			}
			w.site(env, Release("v1")...)
			w.add(MakePromotion("back").Rollback("prod", back).Created(2 * time.Hour).Obj())
			w.run()
			if got := w.at("back", "prod"); strings.Join(reasonTypes(got), " ") != strings.Join(c.want, " ") || c.want == nil && got.State != v1alpha1.StatePassed {
				t.Errorf("it is %s and waits for %v, want %v", got.State, reasonTypes(got), c.want)
			}
		})
	}
}
