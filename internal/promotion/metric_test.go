package promotion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// saw are figures of a gate that took so many samples.
func saw(samples, failed, inRow, missing int32) func(*v1alpha1.MetricFigures) {
	return func(f *v1alpha1.MetricFigures) {
		f.Samples, f.Failed, f.ConsecutiveFailed, f.Missing = &samples, &failed, &inRow, &missing
		if failed > 0 {
			f.LastFailed, f.Maximum = "0.031", "0.031"
		}
		if missing > 0 {
			f.MissingReason = "the query returned no data"
		}
	}
}

func TestJudgeMetric(t *testing.T) {
	passed, failed, inconclusive := promotion.RunPassed, promotion.RunFailed, promotion.RunInconclusive
	for name, c := range map[string]struct {
		gate    func(*v1alpha1.MetricGate)
		figures func(*v1alpha1.MetricFigures)
		want    promotion.RunState
		message string
	}{
		"all samples passed": {want: passed, message: "10 of 10 samples passed: result < 0.01, from 0.001 to 0.003"},
		"always the same":    {figures: func(f *v1alpha1.MetricFigures) { f.Maximum = "0.001" }, want: passed, message: "10 of 10 samples passed: result < 0.01, always 0.001"},
		"as many failed as may": {
			figures: saw(10, 1, 1, 0), want: passed, message: "9 of 10 samples passed: result < 0.01, from 0.001 to 0.031",
		},
		"one more failed": {
			figures: saw(10, 2, 1, 0), want: failed, message: "2 of 10 samples failed, at most 1 may: result 0.031, passes while result < 0.01",
		},
		"none may fail, and one did": {
			gate: func(g *v1alpha1.MetricGate) { g.MaxFailed = 0 }, figures: saw(10, 1, 1, 0), want: failed, message: "1 of 10 samples failed, at most 0 may",
		},
		"as many in a row as may": {
			gate: func(g *v1alpha1.MetricGate) { g.MaxFailed, g.MaxConsecutiveFailed = 5, 2 }, figures: saw(10, 4, 2, 0), want: passed, message: "6 of 10 samples passed",
		},
		"one more in a row": {
			gate: func(g *v1alpha1.MetricGate) { g.MaxFailed, g.MaxConsecutiveFailed = 5, 2 }, figures: saw(6, 3, 3, 0),
			want: failed, message: "3 of 6 samples failed, at most 5 may, and 2 one after another: result 0.031",
		},
		"as few samples as count": {figures: saw(10, 0, 0, 2), want: passed, message: "8 of 10 samples passed, 2 missing: result < 0.01"},
		"one sample too few": {
			figures: saw(10, 0, 0, 3), want: inconclusive, message: "only 7 of 10 samples brought a number, and 8 have to: the query returned no data",
		},
		"all samples have to bring a number where nothing else is said": {
			gate: func(g *v1alpha1.MetricGate) { g.MinimumSamples = 0 }, figures: saw(10, 0, 0, 1), want: inconclusive, message: "only 9 of 10 samples",
		},
		"no sample at all": {figures: saw(10, 0, 0, 10), want: inconclusive, message: "only 0 of 10 samples"},
		"it ended before its time": {
			figures: saw(7, 0, 0, 0), want: inconclusive, message: "only 7 of 10 samples",
		},
		"what failed counts though samples are missing": {figures: saw(10, 2, 2, 8), want: failed, message: "2 of 10 samples failed"},
	} {
		t.Run(name, func(t *testing.T) {
			gate, figures := MetricGate("errors").Metric, MetricFigures()
			if c.gate != nil {
				c.gate(&gate)
			}
			if c.figures != nil {
				c.figures(&figures)
			}
			if state, message := promotion.JudgeMetric(gate, figures); state != c.want || !strings.HasPrefix(message, c.message) {
				t.Errorf("%s: %s\nwant %s: %s", state, message, c.want, c.message)
			}
		})
	}
}

func TestMetricSeconds(t *testing.T) {
	gate := v1alpha1.MetricGate{Samples: 4}
	if got := promotion.MetricSeconds(gate); got != 4*15+10 {
		t.Errorf("by default 4 samples take %d s", got)
	}
	gate.IntervalSeconds, gate.Prometheus.RequestTimeoutSeconds = 60, 30
	if got := promotion.MetricSeconds(gate); got != 4*60+30 {
		t.Errorf("4 samples a minute apart take %d s", got)
	}
	if got := promotion.GateTimeout(v1alpha1.Gate{Metric: gate}); got != 4*60+30+120 {
		t.Errorf("the gate may take %d s", got)
	}
}

// measuring is a world whose one environment has a metric gate, which sees MetricFigures unless told otherwise.
func measuring(t *testing.T, gate v1alpha1.Gate, change func(*promotion.Run)) *world {
	return loaded(t, gate, func(run *promotion.Run) {
		*run = MetricRun(*run, MetricFigures())
		change(run)
	})
}

func tooMany(run *promotion.Run) { saw(3, 2, 2, 0)(run.Metric) }

func TestMetricGates(t *testing.T) {
	gate := MetricGate("errors")
	for name, c := range map[string]struct {
		gate    v1alpha1.Gate
		saw     func(*promotion.Run)
		state   v1alpha1.GateState
		cause   v1alpha1.EnvironmentCause
		message string
	}{
		"kept":      {gate, asMeasured, v1alpha1.GatePassed, "", "10 of 10 samples passed"},
		"not kept":  {gate, tooMany, v1alpha1.GateFailed, v1alpha1.CauseGateFailed, "2 of 3 samples failed, at most 1 may"},
		"no data":   {gate, func(r *promotion.Run) { saw(10, 0, 0, 10)(r.Metric) }, v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "the query returned no data"},
		"no result": {gate, func(r *promotion.Run) { r.Metric = nil }, v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "without a result"},
		"figures of a load": {gate, func(r *promotion.Run) { r.Metric, r.Load = nil, new(LoadFigures()) },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "without a result"},
		"another image ran": {gate, func(r *promotion.Run) { r.Image = "registry.example.com/sluice@" + Digest("forged") },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "only results of the operator's own image count"},
		"another image was asked for": {gate, func(r *promotion.Run) { r.Asked = "registry.example.com/sluice@" + Digest("forged") },
			v1alpha1.GateInconclusive, v1alpha1.CauseGateInconclusive, "its pod was made to run registry.example.com/sluice@" + Digest("forged")},
		"not kept at first, and it may be repeated": {retried(gate, 1), func(r *promotion.Run) {
			if r.Attempt == 1 {
				tooMany(r)
			}
		}, v1alpha1.GatePassed, "", "10 of 10"},
	} {
		t.Run(name, func(t *testing.T) {
			w := measuring(t, c.gate, c.saw)
			status := wantGate(t, w.run().at("checkout-v2", "test"), c.state, c.cause, c.message)
			recorded := w.records[len(w.records)-1].Spec.Gates[0]
			if c.state == v1alpha1.GatePassed && (recorded.Metric.Last != "0.002" || status.Metric.Last != "0.002") {
				t.Errorf("the status has %+v, the record %+v", status.Metric, recorded.Metric)
			}
			if name == "another image was asked for" && recorded.Metric.Samples != nil {
				t.Errorf("what does not count was recorded: %+v", recorded.Metric)
			}
		})
	}
}

// A condition that is none keeps the release out before anything is deployed for it.
func TestAConditionThatIsNone(t *testing.T) {
	w := measuring(t, MetricGate("errors"), asMeasured)
	w.notUnderstood["result < 0.01"] = "Syntax error: mismatched input"
	got := w.run().at("checkout-v2", "test")
	if got.State != v1alpha1.StateWaiting && got.State != v1alpha1.StatePending || len(w.started) > 0 {
		t.Fatalf("test is %s, started %v", got.State, w.started)
	}
	if got.Reasons[0].Type != v1alpha1.ReasonGateNotUnderstood || !strings.Contains(got.Reasons[0].Message, "gate errors passes if result < 0.01, and that is no condition: Syntax error") ||
		!strings.Contains(got.Reasons[0].Message, "kubectl edit environment environment -n shop-test") {
		t.Errorf("it waits for %+v", got.Reasons)
	}
	w.notUnderstood = map[string]string{}
	if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("after it was mended test is %s: %+v", got.State, got.Reasons)
	}
}

// A rollback comes in all the same; its gates wait.
func TestARollbackDoesNotWaitForACondition(t *testing.T) {
	w := measuring(t, MetricGate("errors"), asMeasured)
	w.notUnderstood["result < 0.01"] = "Syntax error"
	w.promotions = nil
	w.add(MakePromotion("back").Rollback("test", promotion.ReleaseHash(Release("v1"))).Obj())
	if got := w.run().at("back", "test"); got.State != v1alpha1.StateVerifying || !slices.Equal(reasonTypes(got), []string{"GateNotUnderstood"}) {
		t.Errorf("test is %s: %v", got.State, got.Reasons)
	}
}

// What nobody answered yet is asked, once for each text.
func TestConditionsAreAsked(t *testing.T) {
	w := measuring(t, MetricGate("errors"), asMeasured)
	snapshot := w.snapshot(w.get("checkout-v2"))
	snapshot.Expressions = nil
	for {
		plan := promotion.Decide(snapshot)
		if asked := plan.Questions.Expressions; len(asked) > 0 {
			if len(asked) != 1 || asked[0] != "result < 0.01" || plan.Questions.None() {
				t.Errorf("asks %+v", plan.Questions)
			}
			return
		}
		if len(plan.Effects) > 0 {
			t.Fatalf("did not ask, and does %+v", plan.Effects)
		}
		snapshot.Promotion.Status = plan.Status
	}
}

// After an upgrade of the operator the samples begin anew, and the old ones do not go on.
func TestAnUpgradeBeginsSamplesAnew(t *testing.T) {
	w := measuring(t, MetricGate("errors"), func(run *promotion.Run) { run.Image = "registry.example.com/sluice@" + Digest("upgraded") })
	w.hanging["test/errors"] = true
	w.run()
	w.operator = "registry.example.com/sluice@" + Digest("upgraded")
	w.run()
	w.hanging = nil
	if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
		t.Errorf("test is %s: %s", got.State, got.Message)
	}
	log := strings.Join(w.log, "\n")
	if strings.Count(log, "starts errors, attempt 1") != 2 || !strings.Contains(log, "stops a gate") {
		t.Errorf("want the first attempt to be stopped, and begun again:\n%s", log)
	}
}

func TestWithoutItsOwnImageTheOperatorTakesNoSamples(t *testing.T) {
	w := measuring(t, MetricGate("errors"), asMeasured)
	w.operator = ""
	got := w.run().at("checkout-v2", "test")
	if got.Gates[0].State != v1alpha1.GateErrored || !strings.Contains(got.Message, "--image") {
		t.Errorf("the gate is %s: %s", got.Gates[0].State, got.Message)
	}
}

// The schema saw other numbers than those that parameters set.
func TestMetricTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		gate func(*v1alpha1.Gate)
		sets v1alpha1.TemplateField
		give string
		want string
	}{
		"more samples":                   {sets: "metric.samples", give: "20"},
		"fewer than have to bring one":   {sets: "metric.samples", give: "7", want: "minimumSamples is 8 with these parameters, and only 7 samples are taken"},
		"so few that all may fail":       {sets: "metric.minimumSamples", give: "1", want: "1 samples may fail with these parameters, and 1 are the least that count"},
		"as many may fail as count":      {sets: "metric.maxFailed", give: "8", want: "so that it could never fail"},
		"fewer may fail than in a row":   {func(g *v1alpha1.Gate) { g.Metric.MaxFailed, g.Metric.MaxConsecutiveFailed = 3, 2 }, "metric.maxFailed", "1", "maxConsecutiveFailed is 2 with these parameters, and maxFailed 1"},
		"longer than timeoutSeconds":     {func(g *v1alpha1.Gate) { g.TimeoutSeconds = 310 }, "metric.intervalSeconds", "31", "the samples take 320 s with these parameters, and timeoutSeconds is 310"},
		"as long as timeoutSeconds":      {func(g *v1alpha1.Gate) { g.TimeoutSeconds = 310 }, "metric.intervalSeconds", "30", ""},
		"what the gate does not hold":    {sets: "metric.maxConsecutiveFailed", give: "1", want: "the template's gate does not hold that"},
		"more samples than a gate takes": {sets: "metric.samples", give: "1001", want: "metric.samples would be 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			gate := MetricGate("errors")
			if c.gate != nil {
				c.gate(&gate)
			}
			template := MakeTemplate("errors", gate).Parameter(v1alpha1.TemplateParameter{
				Name: "n", Type: v1alpha1.IntegerParameter, Sets: []v1alpha1.TemplateField{c.sets},
			}).Obj()
			use := TemplateGate("errors", gate.Purpose, "errors", "n", c.give)
			made, err := promotion.FromTemplate(template, use, v1alpha1.DeclaredByPlatform, v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"})
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			case c.want == "" && made.Metric.Query != gate.Metric.Query:
				t.Errorf("made %+v", made.Metric)
			}
		})
	}
}
