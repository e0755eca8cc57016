package promotiontest

import (
	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// OperatorImage is the operator's own, which load gates run.
var OperatorImage = "registry.example.com/sluice@" + Digest("operator")

// LoadGate makes a gate that sends 200 requests a second for a minute, and wants p99 within 150 ms.
func LoadGate(name string) v1alpha1.Gate {
	return v1alpha1.Gate{Name: name, Purpose: v1alpha1.PurposeStress, Load: v1alpha1.LoadGate{
		Targets:           []v1alpha1.LoadTarget{{URL: "http://checkout-api/quote"}},
		RequestsPerSecond: 200, DurationSeconds: 60,
		Thresholds: v1alpha1.LoadThresholds{P99Microseconds: 150_000},
	}}
}

// LoadFigures are those of such a gate that passed.
func LoadFigures() v1alpha1.LoadFigures {
	return v1alpha1.LoadFigures{
		Intended: new(int64(12_000)), Requests: new(int64(12_000)), Failed: new(int64(6)), SuccessBasisPoints: new(int32(9995)),
		SentPerSecond: new(int32(200)), AnsweredPerSecond: new(int32(199)),
		P50Microseconds: new(int64(12_000)), P90Microseconds: new(int64(31_000)), P95Microseconds: new(int64(41_000)),
		P99Microseconds: new(int64(88_000)), MaxMicroseconds: new(int64(1_250_000)),
		Workers: 1, MeasuredMilliseconds: new(int64(60_000)), TogetherBasisPoints: new(int32(10_000)),
		LateMicroseconds: new(int64(800)), ThrottledBasisPoints: new(int32(0)), SignificantDigits: 3, Histogram: "aGlzdG9ncmFt",
	}
}

// LoadRun makes an attempt of a load gate that ended, as the operator observes it.
func LoadRun(run promotion.Run, figures v1alpha1.LoadFigures) promotion.Run {
	run.State, run.Image, run.Load = promotion.RunPassed, OperatorImage, &figures
	return run
}
