package integration_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/metric/result"
)

// metricGate takes ten samples of a rate of errors, of which one may be too high.
func metricGate(passIf string) v1alpha1.Gate {
	return v1alpha1.Gate{Name: "errors", Purpose: v1alpha1.PurposeOther, Metric: v1alpha1.MetricGate{
		Prometheus: v1alpha1.PrometheusServer{URL: "http://prometheus.$(SLUICE_NAMESPACE).svc:9090"},
		Query:      `sum(rate(errors{namespace="$(SLUICE_NAMESPACE)"}[1m]))`,
		Samples:    10, MaxFailed: 1, PassIf: passIf,
	}}
}

// endMetric ends the pod of a metric gate, which leaves how many of its samples failed, and how many are missing.
func (s *shop) endMetric(environment string, failed, missing int32) {
	s.t.Helper()
	figures := &v1alpha1.MetricFigures{Samples: new(int32(10)), Failed: &failed, ConsecutiveFailed: &failed, Missing: &missing, Last: "0.002", Minimum: "0.001", Maximum: "0.003"}
	if failed > 0 {
		figures.LastFailed = "0.031"
	}
	if missing > 0 {
		figures.MissingReason = "the query returned no data"
	}
	message, err := result.Encode(figures)
	if err != nil {
		s.t.Fatal(err)
	}
	pod := s.awaitGatePod(environment, "errors", corev1.PodRunning)
	if got := pod.Spec.Containers[0].Image; got != operatorImage {
		s.t.Errorf("the lock let %s run, want the operator's image", got)
	}
	s.leave(pod, string(message))
}

func TestAMetricGateIsJudgedByWhatItsPodSaw(t *testing.T) {
	t.Parallel()
	s := openShop(t, "metric", recipe{environments: []string{"test"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = []v1alpha1.Gate{metricGate("result < 0.01")}
	}})
	s.promote("right", digest(1))
	s.endMetric("test", 1, 0)
	right := s.awaitOutcome("right", v1alpha1.OutcomeSucceeded).Status.Environments[0].Gates[0]
	if right.Message != "9 of 10 samples passed: result < 0.01, from 0.001 to 0.003" || *right.Metric.Failed != 1 || !strings.HasSuffix(right.Image, digest(77)) {
		t.Errorf("the status shows %q, %+v of %s", right.Message, right.Metric, right.Image)
	}
	if record := s.awaitRecord("test", v1alpha1.ResultPassed); record.Spec.Gates[0].Metric.Last != "0.002" {
		t.Errorf("the record holds %+v", record.Spec.Gates[0].Metric)
	}
	s.promote("wrong", digest(2))
	s.endMetric("test", 2, 0)
	wrong := s.awaitOutcome("wrong", v1alpha1.OutcomeFailed)
	if want := "gate errors (Other) failed: 2 of 10 samples failed, at most 1 may: result 0.031, passes while result < 0.01"; !strings.Contains(wrong.Status.Message, want) {
		t.Errorf("the Promotion says %q, want %q", wrong.Status.Message, want)
	}
	s.assertProgress("wrong", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed)
	s.promote("unseen", digest(3))
	s.endMetric("test", 0, 10)
	s.awaitOutcome("unseen", v1alpha1.OutcomeFailed)
	s.assertProgress("unseen", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive)
}

// The schema cannot tell that this is no condition: the operator does, before anything is deployed.
func TestAConditionThatIsNoneKeepsAReleaseOut(t *testing.T) {
	t.Parallel()
	s := openShop(t, "metric-bad", recipe{environments: []string{"test"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = []v1alpha1.Gate{metricGate("result <")}
	}})
	s.promote("next", digest(1))
	s.awaitMessage("next", "test", v1alpha1.ReasonGateNotUnderstood, "gate errors passes if result <, and that is no condition")
}
