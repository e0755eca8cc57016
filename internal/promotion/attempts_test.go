package promotion_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

func onInconclusive(gate v1alpha1.Gate, mode v1alpha1.OnInconclusive) v1alpha1.Gate {
	gate.OnInconclusive = mode
	return gate
}

func holding() v1alpha1.Gate { return onInconclusive(functional(), v1alpha1.HoldInconclusive) }

// askRepeat is what somebody does who lets an attempt be repeated.
func (w *world) askRepeat(attempts ...string) *world {
	w.get("checkout-v2").Annotations = map[string]string{v1alpha1.RepeatAnnotation: strings.Join(attempts, " ")}
	return w
}

func (w *world) attempts() string {
	gate := w.at("checkout-v2", "test").Gates[0]
	var said []string
	for _, a := range gate.EarlierAttempts {
		said = append(said, fmt.Sprint(a.Attempt, " ", a.State, " ", a.JobRef.UID != ""))
	}
	return strings.Join(append(said, fmt.Sprint(*gate.Attempts, " ", gate.State)), ", ")
}

func TestOnInconclusive(t *testing.T) {
	failed, passed, inconclusive := promotion.RunFailed, promotion.RunPassed, promotion.RunInconclusive
	cases := []struct {
		name     string
		mode     v1alpha1.OnInconclusive
		retries  int32
		verdicts []promotion.RunState
		state    v1alpha1.EnvironmentState
		attempts string
	}{
		{"what passed is not repeated", "", 2, []promotion.RunState{passed, failed, failed}, v1alpha1.StatePassed, "1 Passed"},
		{"left out, it is repeated like a failure", "", 1, []promotion.RunState{inconclusive, passed}, v1alpha1.StatePassed, "1 Inconclusive true, 2 Passed"},
		{"Retry", v1alpha1.RetryInconclusive, 2, []promotion.RunState{inconclusive, failed, passed}, v1alpha1.StatePassed, "1 Inconclusive true, 2 Failed true, 3 Passed"},
		{"Retry, as often as may be", v1alpha1.RetryInconclusive, 1, []promotion.RunState{inconclusive, inconclusive, passed}, v1alpha1.StateRolledBack, "1 Inconclusive true, 2 Inconclusive"},
		{"Fail", v1alpha1.FailInconclusive, 2, []promotion.RunState{inconclusive, passed}, v1alpha1.StateRolledBack, "1 Inconclusive"},
		{"Fail, but a failure is repeated", v1alpha1.FailInconclusive, 1, []promotion.RunState{failed, passed}, v1alpha1.StatePassed, "1 Failed true, 2 Passed"},
		{"Hold", v1alpha1.HoldInconclusive, 2, []promotion.RunState{inconclusive, passed}, v1alpha1.StateVerifying, "1 Inconclusive"},
		{"Hold, but a failure is a failure", v1alpha1.HoldInconclusive, 0, []promotion.RunState{failed, passed}, v1alpha1.StateRolledBack, "1 Failed"},
		{"Hold, and a failure is repeated", v1alpha1.HoldInconclusive, 1, []promotion.RunState{failed, passed}, v1alpha1.StatePassed, "1 Failed true, 2 Passed"},
		{"Hold, and two failures", v1alpha1.HoldInconclusive, 1, []promotion.RunState{failed, failed, passed}, v1alpha1.StateRolledBack, "1 Failed true, 2 Failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, retried(onInconclusive(functional(), c.mode), c.retries))
			w.verdicts["test/functional"] = c.verdicts
			if got := w.run().at("checkout-v2", "test"); got.State != c.state {
				t.Errorf("test is %s (%s), want %s", got.State, got.Message, c.state)
			}
			if got := w.attempts(); got != c.attempts {
				t.Errorf("attempts %q, want %q", got, c.attempts)
			}
		})
	}
}

func TestAHeldGateIsRepeatedByAPerson(t *testing.T) {
	w := gated(t, retried(holding(), 1))
	w.verdicts["test/functional"] = []promotion.RunState{promotion.RunInconclusive, promotion.RunInconclusive, promotion.RunFailed, promotion.RunPassed}
	w.run().wantReasons("checkout-v2", "test", "GateHeld")
	want := "kubectl annotate promotion checkout-v2 -n shop --overwrite sluice.dev/repeat=test/functional/1"
	if got := w.at("checkout-v2", "test").Reasons[0].Message; !strings.Contains(got, want) {
		t.Errorf("message %q does not say %q", got, want)
	}
	for _, wish := range []string{"test/functional/2", "test/functional", "prod/functional/1", "test/other/1"} {
		w.askRepeat(wish).run()
		if w.attempts() != "1 Inconclusive" {
			t.Errorf("%q is another attempt's", wish)
		}
	}
	w.askRepeat("test/functional/1").run().wantReasons("checkout-v2", "test", "GateHeld")
	if got := w.attempts(); got != "1 Inconclusive true, 2 Inconclusive" {
		t.Errorf("attempts %q: one wish is one attempt", got)
	}
	w.askRepeat("test/functional/1", "test/functional/2").run()
	if got, want := w.attempts(), "1 Inconclusive true, 2 Inconclusive true, 3 Failed true, 4 Passed"; got != want {
		t.Errorf("attempts %q, want %q: what people have repeated is not taken from the retries", got, want)
	}
	record := w.records[len(w.records)-1]
	if record.Spec.Result != v1alpha1.ResultPassed || len(record.Spec.Gates[0].EarlierAttempts) != 3 {
		t.Errorf("the record says %s after %d earlier attempts", record.Spec.Result, len(record.Spec.Gates[0].EarlierAttempts))
	}
}

func TestAHoldEnds(t *testing.T) {
	cases := []struct {
		name string
		act  func(*world)
		want string
	}{
		{"after three days", func(w *world) { w.wait(73 * time.Hour) }, "nobody had it repeated within 72h0m0s"},
		{"with the Promotion's time", func(w *world) {
			w.get("checkout-v2").Spec.ActiveDeadlineSeconds = 3600
			w.wait(2 * time.Hour)
		}, "activeDeadlineSeconds are over"},
		{"when it is cancelled", func(w *world) { w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled }, "cancelled"},
		{"when it drifts", func(w *world) {
			w.sites["shop-test"].Workloads[0].Pods[0].Images[0].Image = Image("api", "v9").Reference()
		}, "runs"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, holding())
			w.verdicts["test/functional"] = []promotion.RunState{promotion.RunInconclusive, promotion.RunPassed}
			if plan := w.run().plan(); plan.Wake.IsZero() {
				t.Error("nobody looks when the time is over")
			}
			c.act(w)
			if got := w.run().at("checkout-v2", "test"); got.State == v1alpha1.StateVerifying || !strings.Contains(got.Message, c.want) {
				t.Errorf("test is %s: %q, want %q", got.State, got.Message, c.want)
			}
		})
	}
	t.Run("after the last attempt that a status can count", func(t *testing.T) {
		w := gated(t, holding())
		w.verdicts["test/functional"] = slices.Repeat([]promotion.RunState{promotion.RunInconclusive}, 12)
		var wishes []string
		for n := range 12 {
			wishes = append(wishes, fmt.Sprintf("test/functional/%d", n+1))
		}
		w.askRepeat(wishes...).run()
		if got := w.at("checkout-v2", "test"); !strings.Contains(got.Message, "11 attempts are the most") {
			t.Errorf("test is %s: %q", got.State, got.Message)
		}
	})
}

// A person with power over Jobs deletes that of a gate that is held: nothing runs again, and nothing passes.
func TestAHoldOutlivesItsJob(t *testing.T) {
	w := gated(t, holding())
	w.verdicts["test/functional"] = []promotion.RunState{promotion.RunInconclusive, promotion.RunPassed}
	w.run()
	w.sites["shop-test"].Runs = nil
	if got := w.run().attempts(); got != "1 Inconclusive" {
		t.Errorf("attempts %q", got)
	}
	w.askRepeat("test/functional/1").run()
	if got := w.attempts(); got != "1 Inconclusive true, 2 Passed" {
		t.Errorf("attempts %q", got)
	}
}
