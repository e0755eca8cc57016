package promotion_test

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// JudgeLoad is shown one thing wrong at a time, in figures that are right otherwise: 12,000 requests at 200/s, p99 88 ms.
func TestJudgeLoad(t *testing.T) {
	passed, failed, inconclusive := promotion.RunPassed, promotion.RunFailed, promotion.RunInconclusive
	for name, c := range map[string]struct {
		gate     func(*v1alpha1.LoadGate)
		figures  func(*v1alpha1.LoadFigures)
		baseline *promotion.Baseline
		want     promotion.RunState
		message  string
	}{
		"all limits kept": {want: passed, message: "p50 12 ms, p99 88 ms, 99.95 % succeeded (12,000 requests at 200/s)"},
		"p99 too long": {
			figures: func(f *v1alpha1.LoadFigures) { f.P99Microseconds = new(int64(212_340)) },
			want:    failed, message: "p99 212 ms, limit 150 ms (12,000 requests at 200/s)",
		},
		"p99 exactly at its limit": {figures: func(f *v1alpha1.LoadFigures) { f.P99Microseconds = new(int64(150_000)) }, want: passed},
		"p99 one microsecond too long": {
			figures: func(f *v1alpha1.LoadFigures) { f.P99Microseconds = new(int64(150_001)) }, want: failed, message: "p99 150 ms, limit 150 ms",
		},
		"p50 too long": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.P50Microseconds = 11_999 }, want: failed, message: "p50 12 ms, limit 12 ms",
		},
		"p90 too long": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.P90Microseconds = 30_000 }, want: failed, message: "p90 31 ms, limit 30 ms",
		},
		"p95 too long": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.P95Microseconds = 40_000 }, want: failed, message: "p95 41 ms, limit 40 ms",
		},
		"max too long": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.MaxMicroseconds = 1_200_000 }, want: failed, message: "max 1.25 s, limit 1.2 s",
		},
		"two limits missed": {
			gate:    func(g *v1alpha1.LoadGate) { g.Thresholds.P50Microseconds = 10_000 },
			figures: func(f *v1alpha1.LoadFigures) { f.P99Microseconds = new(int64(212_340)) },
			want:    failed, message: "p50 12 ms, limit 10 ms; p99 212 ms, limit 150 ms (12,000",
		},
		"so many failed that p99 is one of them": {
			figures: func(f *v1alpha1.LoadFigures) { f.P99Microseconds = nil },
			want:    failed, message: "p99 cannot be told, as too many requests failed, limit 150 ms",
		},
		"too many failed": {
			figures: func(f *v1alpha1.LoadFigures) {
				f.SuccessBasisPoints = new(int32(9849))
				f.Failures = []v1alpha1.LoadFailure{{Kind: v1alpha1.FailureTimeout, Count: new(int64(181)), Example: "no answer within 10 s"}}
			},
			want: failed, message: "98.49 % succeeded, at least 99 % must (181 times Timeout: no answer within 10 s)",
		},
		"as many succeeded as must": {figures: func(f *v1alpha1.LoadFigures) { f.SuccessBasisPoints = new(int32(9900)) }, want: passed},
		"success that is asked for": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.SuccessBasisPoints = 9999 }, want: failed, message: "99.95 % succeeded, at least 99.99 % must",
		},
		"too few answers": {
			gate: func(g *v1alpha1.LoadGate) { g.Thresholds.AnsweredPerSecond = 200 }, want: failed, message: "199 good answers per second, at least 200 must be",
		},
		"as many answers as asked for": {gate: func(g *v1alpha1.LoadGate) { g.Thresholds.AnsweredPerSecond = 199 }, want: passed},

		"slower than before": {
			gate:     func(g *v1alpha1.LoadGate) { g.Baseline = v1alpha1.LoadBaseline{Environment: "prod", P99: "+10%"} },
			baseline: before(79_999), want: failed, message: "p99 88 ms, limit 88 ms (80 ms of release 7f3a in prod, +10%)",
		},
		"as slow as it may be": {
			gate:     func(g *v1alpha1.LoadGate) { g.Baseline = v1alpha1.LoadBaseline{Environment: "prod", P99: "+10%"} },
			baseline: before(80_000), want: passed,
		},
		"a baseline that is not compared with": {baseline: before(1), want: passed},
		"nothing to compare with": {
			gate: func(g *v1alpha1.LoadGate) { g.Baseline = v1alpha1.LoadBaseline{Environment: "prod", P99: "+10%"} }, want: passed,
		},

		"too few requests": {
			figures: func(f *v1alpha1.LoadFigures) { f.Requests, f.Intended = new(int64(999)), new(int64(999)) },
			want:    inconclusive, message: "only 999 requests were measured, and 1,000 are needed to tell",
		},
		"enough requests": {
			figures: func(f *v1alpha1.LoadFigures) { f.Requests, f.Intended = new(int64(1000)), new(int64(1000)) }, want: passed,
		},
		"fewer than the gate asks for": {
			gate: func(g *v1alpha1.LoadGate) { g.MinimumRequests = 12_001 }, want: inconclusive, message: "only 12,000 requests were measured, and 12,001",
		},
		"a generator that did not keep its rate": {
			figures: func(f *v1alpha1.LoadFigures) { f.Requests = new(int64(11_399)) },
			want:    inconclusive, message: "the generator sent only 11,399 of 12,000 requests in time; give it more CPU",
		},
		"a generator that just kept its rate": {figures: func(f *v1alpha1.LoadFigures) { f.Requests = new(int64(11_400)) }, want: passed},
		"a release that held the generator back": {
			figures: func(f *v1alpha1.LoadFigures) {
				f.Requests, f.HeldBack, f.SuccessBasisPoints, f.P99Microseconds = new(int64(8000)), new(int64(5000)), new(int32(6600)), nil
			},
			want: failed, message: "66 % succeeded",
		},
		"workers that ran one after another": {
			figures: func(f *v1alpha1.LoadFigures) { f.TogetherBasisPoints = new(int32(8999)) },
			want:    inconclusive, message: "the workers measured at the same time for only 89.99 % of the time",
		},
		"a worker is missing": {
			gate: func(g *v1alpha1.LoadGate) { g.Workers = 2 }, want: inconclusive, message: "1 workers measured, and the gate asks for 2",
		},
		"a generator that was throttled": {
			figures: func(f *v1alpha1.LoadFigures) { f.ThrottledBasisPoints = new(int32(501)) },
			want:    inconclusive, message: "kept from its CPU for 5.01 % of the time",
		},
		"a generator that was late": {
			figures: func(f *v1alpha1.LoadFigures) { f.LateMicroseconds = new(int64(30_001)) },
			want:    inconclusive, message: "short of CPU: it sent one in 100 requests 30 ms late or more, and 30 ms is the most",
		},
		"a generator that was a little late": {figures: func(f *v1alpha1.LoadFigures) { f.LateMicroseconds = new(int64(30_000)) }, want: passed},
		"a tight limit leaves 5 ms": {
			gate:    func(g *v1alpha1.LoadGate) { g.Thresholds = v1alpha1.LoadThresholds{P50Microseconds: 15_000} },
			figures: func(f *v1alpha1.LoadFigures) { f.LateMicroseconds = new(int64(5_000)) }, want: passed,
		},
		"without a limit on latency": {
			gate:    func(g *v1alpha1.LoadGate) { g.Thresholds = v1alpha1.LoadThresholds{SuccessBasisPoints: 9000} },
			figures: func(f *v1alpha1.LoadFigures) { f.LateMicroseconds = new(int64(50_001)) },
			want:    inconclusive, message: "50 ms is the most",
		},
		"a doubt, and a limit that was missed": {
			figures: func(f *v1alpha1.LoadFigures) {
				f.ThrottledBasisPoints, f.P99Microseconds = new(int32(2000)), new(int64(212_340))
			},
			want: inconclusive, message: "kept from its CPU for 20 % of the time; raise or drop its CPU limit (load.resources); as measured: p99 212 ms, limit 150 ms (12,000",
		},
		"wrong answers are not the generator's doing": {
			figures: func(f *v1alpha1.LoadFigures) {
				f.ThrottledBasisPoints, f.SuccessBasisPoints = new(int32(2000)), new(int32(9000))
				f.Failures = []v1alpha1.LoadFailure{{Kind: v1alpha1.FailureStatus, Count: new(int64(1200)), Example: "status 500"}}
			},
			want: failed, message: "90 % succeeded, at least 99 % must (1,200 times Status: status 500)",
		},
		"timeouts may be the generator's doing": {
			figures: func(f *v1alpha1.LoadFigures) {
				f.ThrottledBasisPoints, f.SuccessBasisPoints = new(int32(2000)), new(int32(9000))
				f.Failures = []v1alpha1.LoadFailure{{Kind: v1alpha1.FailureTimeout, Count: new(int64(1200))}}
			},
			want: inconclusive,
		},
		"no figures at all": {figures: func(f *v1alpha1.LoadFigures) { *f = v1alpha1.LoadFigures{} }, want: inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			gate, figures := LoadGate("peak").Load, LoadFigures()
			if c.gate != nil {
				c.gate(&gate)
			}
			if c.figures != nil {
				c.figures(&figures)
			}
			state, message := promotion.JudgeLoad(gate, figures, c.baseline)
			if state != c.want || !strings.Contains(message, c.message) {
				t.Errorf("%s: %s\nwant %s: %s", state, message, c.want, c.message)
			}
		})
	}
}

func before(p99 int64) *promotion.Baseline {
	return &promotion.Baseline{Of: "release 7f3a in prod", Figures: v1alpha1.LoadFigures{P99Microseconds: &p99}}
}

func TestTimeOfALoadGate(t *testing.T) {
	gate := LoadGate("peak")
	if got := promotion.GateTimeout(gate); got != 5+60+20+120 {
		t.Errorf("%d s, want the warm-up, the load, twice the timeout of a request, and two minutes", got)
	}
	gate.Load.RequestsPerSecond, gate.Load.DurationSeconds = 0, 0
	gate.Load.Stages = []v1alpha1.LoadStage{{DurationSeconds: 30}, {DurationSeconds: 40}}
	gate.Load.WarmUpSeconds, gate.Load.RequestTimeoutSeconds = new(int32(0)), 1
	if got := promotion.GateTimeout(gate); got != 70+2+120 {
		t.Errorf("%d s for stages, want 192", got)
	}
	gate.TimeoutSeconds = 99
	if got := promotion.GateTimeout(gate); got != 99 {
		t.Errorf("%d s, want what the gate says", got)
	}
	if got := promotion.GateTimeout(functional()); got != 600 {
		t.Errorf("%d s for a Job, want 600", got)
	}
}
