package integration_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/load/result"
	"github.com/sluice-dev/sluice/internal/termination"
)

// operatorImage is what the operator of these tests says it is.
var operatorImage = "registry.example.com/sluice@" + digest(77)

// loadGate sends 200 requests a second for a minute from two workers, and wants p99 within 150 ms.
func loadGate() v1alpha1.Gate {
	return v1alpha1.Gate{Name: "peak", Purpose: v1alpha1.PurposeStress, Load: v1alpha1.LoadGate{
		Targets:           []v1alpha1.LoadTarget{{URL: "http://api.$(SLUICE_NAMESPACE).svc/quote"}},
		RequestsPerSecond: 200, DurationSeconds: 60, Workers: 2,
		Thresholds: v1alpha1.LoadThresholds{P99Microseconds: 150_000},
	}}
}

// measured is what a worker leaves whose answers all took so many microseconds.
func measured(t *testing.T, index int32, microseconds int64) string {
	t.Helper()
	w := result.Worker{
		Index: index, Workers: 2, StartMilliseconds: 1_800_000_000_000, MeasuredMilliseconds: 60_000, Intended: 6000, Sent: 6000,
		MaxMicroseconds: microseconds, ThrottledMicroseconds: -1, Latencies: result.NewHistogram(), Statuses: map[int32]int64{200: 6000},
	}
	for range w.Intended {
		result.Record(w.Latencies, microseconds)
	}
	message, err := result.Encode(&w, termination.MaxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

// endLoad ends the workers of a load gate, which leave what they measured.
func (s *shop) endLoad(environment, gate string, microseconds int64) {
	s.t.Helper()
	for _, pod := range s.awaitWorkers(environment, gate) {
		index := int32(0)
		if pod.Labels["batch.kubernetes.io/job-completion-index"] == "1" {
			index = 1
		}
		s.leave(&pod, measured(s.t, index, microseconds))
	}
}

// leave ends the pod of a gate well, with a termination message.
func (s *shop) leave(pod *corev1.Pod, message string) {
	s.t.Helper()
	before := pod.DeepCopy()
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test.sluice.dev/termination-message", message)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test.sluice.dev/exit-code", "0")
	if err := s.admin.Patch(s.t.Context(), pod, client.MergeFrom(before)); err != nil {
		s.t.Fatal(err)
	}
}

// awaitWorkers waits until both workers of a load gate run.
func (s *shop) awaitWorkers(environment, gate string) []corev1.Pod {
	s.t.Helper()
	var pods []corev1.Pod
	eventually(s.t, "the workers of "+gate+" run in "+environment, func() error {
		pods = s.pods(environment, v1alpha1.GateLabel, gate)
		running := 0
		for _, pod := range pods {
			if pod.Status.Phase == corev1.PodRunning {
				running++
			}
		}
		if running != 2 {
			return fmt.Errorf("%d of %d pods run", running, len(pods))
		}
		return nil
	})
	return pods
}

func TestALoadGateIsJudgedByWhatItsWorkersMeasured(t *testing.T) {
	t.Parallel()
	s := openShop(t, "load", recipe{environments: []string{"test"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = []v1alpha1.Gate{loadGate()}
	}})
	s.promote("fast", digest(1))
	for _, pod := range s.awaitWorkers("test", "peak") {
		if got := pod.Spec.Containers[0].Image; got != operatorImage {
			t.Errorf("the lock of a Test environment let %s run, want the operator's image", got)
		}
	}
	s.endLoad("test", "peak", 80_000)
	fast := s.awaitOutcome("fast", v1alpha1.OutcomeSucceeded).Status.Environments[0].Gates[0]
	if *fast.Load.Requests != 12_000 || *fast.Load.P99Microseconds != 80_000 || fast.Load.Workers != 2 || fast.Load.Histogram != "" || !strings.HasSuffix(fast.Image, digest(77)) {
		t.Errorf("the status shows %+v of %s", fast.Load, fast.Image)
	}
	if record := s.awaitRecord("test", v1alpha1.ResultPassed); record.Spec.Gates[0].Load.Histogram == "" || *record.Spec.Gates[0].Load.P99Microseconds != 80_000 {
		t.Errorf("the record holds %+v", record.Spec.Gates[0].Load)
	}
	s.promote("slow", digest(2))
	s.endLoad("test", "peak", 212_000)
	slow := s.awaitOutcome("slow", v1alpha1.OutcomeFailed)
	if want := "gate peak (Stress) failed: p99 212 ms, limit 150 ms (12,000 requests at 200/s)"; !strings.Contains(slow.Status.Message, want) {
		t.Errorf("the Promotion says %q, want %q", slow.Status.Message, want)
	}
	s.assertProgress("slow", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed)
}

// A load gate of a minute may cost four writes more than a Job gate.
func TestWritesOfALoadGate(t *testing.T) {
	t.Parallel()
	const more = 4
	writes := func(team string, gate v1alpha1.Gate, end func(*shop)) int {
		s := openShop(t, team, recipe{environments: []string{"test"}, environment: func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = []v1alpha1.Gate{gate} }})
		total := 0
		for n, name := range []string{"first", "second"} {
			awaitQuiet(t, s.name)
			before := operatorWrites(t, s.name)
			s.promote(name, digest(n+1))
			end(s)
			s.awaitOutcome(name, v1alpha1.OutcomeSucceeded)
			awaitQuiet(t, s.name)
			total = difference(before, operatorWrites(t, s.name))
		}
		return total
	}
	job := writes("load-writes-job", testGate("peak", v1alpha1.PurposeStress), func(*shop) {})
	load := writes("load-writes", loadGate(), func(s *shop) { s.endLoad("test", "peak", 80_000) })
	t.Logf("%d writes with a Job gate, %d with a load gate", job, load)
	if load > job+more {
		t.Errorf("%d writes with a load gate and %d with a Job gate, want at most %d more", load, job, more)
	}
}

// difference of two counts of writes, events left out.
func difference(before, after map[string]int) int {
	total := 0
	for what, n := range after {
		if !strings.HasSuffix(what, " events") {
			total += n - before[what]
		}
	}
	return total
}
