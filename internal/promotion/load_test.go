package promotion_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// loaded is a world whose one environment has a load gate, which measures LoadFigures unless told otherwise.
func loaded(t *testing.T, gate v1alpha1.Gate, measures func(*promotion.Run)) *world {
	w := gated(t, gate)
	w.loads["test/"+gate.Name] = measures
	return w
}

// wantGate asserts how the first gate of an environment stands, and returns it.
func wantGate(t *testing.T, at v1alpha1.EnvironmentProgress, state v1alpha1.GateState, cause v1alpha1.EnvironmentCause, says string) v1alpha1.GateStatus {
	t.Helper()
	gate := at.Gates[0]
	if gate.State != state || at.Cause != cause || !strings.Contains(gate.Message, says) {
		t.Errorf("the gate %s (%s): %s\nwant %s (%s): %s", gate.State, at.Cause, gate.Message, state, cause, says)
	}
	return gate
}

func asMeasured(*promotion.Run) {}

func slow(run *promotion.Run) { run.Load.P99Microseconds = new(int64(212_340)) }

func TestLoadGates(t *testing.T) {
	peak := LoadGate("peak")
	for name, c := range map[string]struct {
		gate    v1alpha1.Gate
		measure func(*promotion.Run)
		state   v1alpha1.GateState
		cause   v1alpha1.EnvironmentCause
		message string
	}{
		"kept its limits": {peak, asMeasured, v1alpha1.GatePassed, "", "p99 88 ms"},
		"too slow":        {peak, slow, v1alpha1.GateFailed, v1alpha1.CauseGateFailed, "p99 212 ms, limit 150 ms (12,000 requests at 200/s)"},
		"starved": {peak, func(r *promotion.Run) { r.Load.LateMicroseconds = new(int64(1_000_000)) },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "short of CPU"},
		"no result": {peak, func(r *promotion.Run) { r.Load = nil },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "without a result"},
		"another image": {peak, func(r *promotion.Run) { r.Image = "registry.example.com/sluice@" + Digest("forged") },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "only results of the operator's own image count"},
		"the same digest under another name": {peak, func(r *promotion.Run) { r.Image = "mirror.example.com/s@" + Digest("operator") },
			v1alpha1.GatePassed, "", ""},
		"an image without a digest": {peak, func(r *promotion.Run) { r.Image = "" },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "does not name by digest"},
		"a Job that failed": {peak, func(r *promotion.Run) {
			r.State, r.Load, r.Message = promotion.RunInconclusive, nil, "the load could not be sent"
		},
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "the load could not be sent"},
		"slow at first, and it may be repeated": {retried(peak, 1), func(r *promotion.Run) {
			if r.Attempt == 1 {
				slow(r)
			}
		}, v1alpha1.GatePassed, "", "p99 88 ms"},
	} {
		t.Run(name, func(t *testing.T) {
			got := loaded(t, c.gate, c.measure).run().at("checkout-v2", "test")
			wantGate(t, got, c.state, c.cause, c.message)
			if c.cause == v1alpha1.CauseGateFailed && !strings.Contains(got.Message, "gate peak (Stress) failed: "+c.message) {
				t.Errorf("the environment says %q", got.Message)
			}
		})
	}
}

func TestRecordsKeepHistogramsAndStatusesDoNot(t *testing.T) {
	for _, measure := range []func(*promotion.Run){asMeasured, slow} {
		w := loaded(t, LoadGate("peak"), measure)
		w.run()
		shown := w.at("checkout-v2", "test").Gates[0].Load
		recorded := w.records[len(w.records)-1].Spec.Gates[0].Load
		if shown.Requests == nil || *shown.P99Microseconds != *recorded.P99Microseconds {
			t.Errorf("the status shows %+v, the record %+v", shown, recorded)
		}
		if shown.Histogram != "" || recorded.Histogram == "" {
			t.Errorf("histogram in the status %q, in the record %q", shown.Histogram, recorded.Histogram)
		}
	}
}

// What a test left in reports is judged, shown and recorded; a report alone makes nothing pass.
func TestGatesWithReports(t *testing.T) {
	gate := v1alpha1.Gate{Name: "contract", Purpose: v1alpha1.PurposeFunctional, Job: v1alpha1.JobGate{
		Image: "registry.example.com/tests/contract@" + Digest("contract"), Command: []string{"/tests"}, Scratch: "/reports", JUnit: "*.xml",
		Tolerance: v1alpha1.Tolerance{MaxFailed: 2},
	}}
	ended := func(exitCode int32, report *promotion.TestReport) func(*promotion.Run) {
		return func(run *promotion.Run) {
			run.Load, run.ExitCode, run.Tests = nil, &exitCode, report
			run.State = promotion.RunFailed
			if exitCode == 0 {
				run.State = promotion.RunPassed
			}
		}
	}
	for name, c := range map[string]struct {
		ended   func(*promotion.Run)
		state   v1alpha1.GateState
		message string
	}{
		"within the tolerance": {ended(1, ran(180, 2, 3)), v1alpha1.GatePassed, "180 passed, 2 failed, 3 skipped; at most 2 may fail"},
		"beyond it":            {ended(1, ran(180, 3, 3)), v1alpha1.GateFailed, "3 of 183 tests failed, at most 2 may (cart.f0: want 667)"},
		"no report":            {ended(0, nil), v1alpha1.GateFailed, "it left no summary of reports"},
		"its pod is gone": {func(run *promotion.Run) {
			run.Load, run.ExitCode, run.Tests, run.State, run.Message = nil, nil, nil, promotion.RunPassed, "exit code 0"
		}, v1alpha1.GateInconclusive, "no pod is left that tells of its reports"},
		"it was ended by the kubelet": {func(run *promotion.Run) {
			run.Load, run.State, run.Message, run.Tests = nil, promotion.RunFailed, "did not end within 600 s", ran(180, 0, 0)
		}, v1alpha1.GateFailed, "did not end within 600 s"},
	} {
		t.Run(name, func(t *testing.T) {
			w := loaded(t, gate, c.ended)
			got := w.run().at("checkout-v2", "test").Gates[0]
			if got.State != c.state || !strings.Contains(got.Message, c.message) {
				t.Errorf("the gate is %s: %s\nwant %s: %s", got.State, got.Message, c.state, c.message)
			}
			recorded := w.records[len(w.records)-1].Spec.Gates[0].Tests
			if !reflect.DeepEqual(got.Tests, recorded) || name == "beyond it" && *recorded.Failed != 3 {
				t.Errorf("the status has %+v, the record %+v", got.Tests, recorded)
			}
			if images := promotion.ParseEnforced(w.sites["shop-test"].Namespace).GateImages; len(images) > 0 && !strings.Contains(strings.Join(images, " "), OperatorImage+"=sl-") {
				t.Errorf("the runner may not run: %v", images)
			}
		})
	}
	w := loaded(t, gate, ended(0, ran(1, 0, 0)))
	w.operator = ""
	if got := w.run().at("checkout-v2", "test"); got.Gates[0].State != v1alpha1.GateErrored || !strings.Contains(got.Message, "--image") {
		t.Errorf("without its own image the gate is %s: %s", got.Gates[0].State, got.Message)
	}
}

// After an upgrade of the operator a load begins anew, and never beside the old one.
func TestAnUpgradeBeginsALoadAnew(t *testing.T) {
	w := loaded(t, LoadGate("peak"), asMeasured)
	w.hanging["test/peak"] = true
	w.run()
	w.operator = "registry.example.com/sluice@" + Digest("upgraded")
	w.loads["test/peak"] = func(run *promotion.Run) { run.Image = w.operator }
	w.run()
	w.hanging = nil
	if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("test is %s: %s", got.State, got.Message)
	}
	log := strings.Join(w.log, "\n")
	if strings.Count(log, "starts peak, attempt 1") != 2 || !strings.Contains(log, "stops a gate") {
		t.Errorf("want the first attempt to be stopped, and begun again:\n%s", log)
	}
}

func TestWithoutItsOwnImageTheOperatorRunsNoLoad(t *testing.T) {
	w := loaded(t, LoadGate("peak"), asMeasured)
	w.operator = ""
	got := w.run().at("checkout-v2", "test")
	if got.Gates[0].State != v1alpha1.GateErrored || got.Cause != v1alpha1.CauseGateInconclusive || !strings.Contains(got.Message, "--image") {
		t.Errorf("the gate is %s: %s", got.Gates[0].State, got.Message)
	}
}

func TestBaseline(t *testing.T) {
	gate := LoadGate("peak")
	gate.Load.Thresholds.P99Microseconds = 1_000_000
	gate.Load.Baseline = v1alpha1.LoadBaseline{Environment: "prod", P99: "+10%"}
	measuredBefore := func(p99 int64) v1alpha1.GateStatus {
		figures := LoadFigures()
		figures.P99Microseconds = &p99
		return v1alpha1.GateStatus{Name: "peak", Purpose: v1alpha1.PurposeStress, State: v1alpha1.GatePassed, Load: figures}
	}
	for name, c := range map[string]struct {
		records func(*world)
		state   v1alpha1.GateState
		message string
	}{
		"nothing runs there": {func(*world) {}, v1alpha1.GatePassed, "not compared: this gate never measured release"},
		"as before": {func(w *world) {
			w.keep(MakeRecord("shop-test", "v1", Release("v1")...).Gates(measuredBefore(85_000)).Obj())
		}, v1alpha1.GatePassed, "p99 88 ms"},
		"slower than before": {func(w *world) {
			w.keep(MakeRecord("shop-test", "v1", Release("v1")...).Gates(measuredBefore(60_000)).Obj())
		}, v1alpha1.GateFailed, "p99 88 ms, limit 66 ms (60 ms of release"},
		"the newest record of that release says that it failed": {func(w *world) {
			w.keep(MakeRecord("shop-test", "v1", Release("v1")...).Gates(measuredBefore(60_000)).Obj())
			w.keep(MakeRecord("shop-test", "v1-again", Release("v1")...).Created(time.Second).Result(v1alpha1.ResultFailed).Gates(measuredBefore(10)).Obj())
		}, v1alpha1.GatePassed, "not compared"},
		"another release was faster": {func(w *world) {
			w.keep(MakeRecord("shop-test", "v0", Release("v0")...).Gates(measuredBefore(10)).Obj())
		}, v1alpha1.GatePassed, "not compared"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pipeline = MakePipeline().Environments("test", "prod").Obj()
			w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).Gate(gate), Release("v1")...)
			w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Evidence().NoApprovals(), Release("v1")...)
			w.loads["test/peak"] = asMeasured
			c.records(w)
			w.promote("v2")
			got := w.run().at("checkout-v2", "test").Gates[0]
			if got.State != c.state || !strings.Contains(got.Message, c.message) {
				t.Errorf("the gate %s: %s\nwant %s: %s", got.State, got.Message, c.state, c.message)
			}
		})
	}
}
