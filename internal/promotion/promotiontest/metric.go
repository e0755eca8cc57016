package promotiontest

import (
	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// MetricGate makes a gate that takes ten samples of a rate of errors, of which one may be too high.
func MetricGate(name string) v1alpha1.Gate {
	return v1alpha1.Gate{Name: name, Purpose: v1alpha1.PurposeOther, Metric: v1alpha1.MetricGate{
		Prometheus: v1alpha1.PrometheusServer{URL: "http://prometheus.monitoring.svc:9090"},
		Query:      `sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)",code=~"5.."}[1m]))`,
		Samples:    10, MinimumSamples: 8, IntervalSeconds: 30, MaxFailed: 1, PassIf: "result < 0.01",
	}}
}

// MetricFigures are those of such a gate that passed.
func MetricFigures() v1alpha1.MetricFigures {
	return v1alpha1.MetricFigures{
		Samples: new(int32(10)), Failed: new(int32(0)), ConsecutiveFailed: new(int32(0)), Missing: new(int32(0)),
		Last: "0.002", Minimum: "0.001", Maximum: "0.003", Query: `sum(rate(http_requests_total{namespace="shop-test",code=~"5.."}[1m]))`,
	}
}

// MetricRun makes an attempt of a metric gate that ended, as the operator observes it.
func MetricRun(run promotion.Run, figures v1alpha1.MetricFigures) promotion.Run {
	run.State, run.Image, run.Load, run.Metric = promotion.RunPassed, OperatorImage, nil, &figures
	return run
}
