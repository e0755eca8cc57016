package integration_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestAFunctionalGateThatFailsKeepsTheReleaseOutOfProduction(t *testing.T) {
	t.Parallel()
	s := openShop(t, "failing", recipe{environment: func(name string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional()
		if name == "test" {
			e.Spec.Gates = functional("exit-code=3")
		}
	}})
	s.promote("first", digest(1))
	p := s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	for _, text := range []string{"test", "functional", "exit code 3"} {
		if !strings.Contains(p.Status.Message, text) {
			t.Errorf("message %q does not name %s", p.Status.Message, text)
		}
	}
	s.assertProgress("first", "dev", v1alpha1.StatePassed, "")
	s.assertProgress("first", "test", v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed)
	s.assertProgress("first", "prod", v1alpha1.StateNotEntered, v1alpha1.CausePredecessorFailed)
	s.awaitRecord("dev", v1alpha1.ResultPassed)
	record := s.awaitRecord("test", v1alpha1.ResultRolledBack)
	if record.Spec.Gates[0].Name != "functional" || record.Spec.Gates[0].State != v1alpha1.GateFailed {
		t.Errorf("the record says %+v", record.Spec.Gates)
	}
	for environment, want := range map[string]string{"dev": "@" + digest(1), "test": "@" + s.adopted, "prod": ":v1"} {
		if got := s.templateImage(environment); got != want {
			t.Errorf("%s runs %s, want %s", environment, got, want)
		}
	}
	s.awaitFree("test")
}

func TestAReleaseThatFailsIsHeldWhereThePipelineSaysSo(t *testing.T) {
	t.Parallel()
	s := openShop(t, "held", recipe{
		environments: []string{"dev"},
		environment:  func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = functional("exit-code=1") },
		pipeline:     func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments[0].OnFailure = v1alpha1.HoldOnFailure },
	})
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.assertProgress("first", "dev", v1alpha1.StateFailed, v1alpha1.CauseGateFailed)
	s.awaitRecord("dev", v1alpha1.ResultFailed)
	if got := s.templateImage("dev"); got != "@"+digest(1) {
		t.Errorf("dev runs %s, want what failed", got)
	}
	conditions := func() []metav1.Condition { return s.environment("dev").Status.Conditions }
	s.awaitCondition("dev", conditions, v1alpha1.ConditionConverged, metav1.ConditionFalse, v1alpha1.ReasonReleaseHeld)
	// The fix enters, and mends it.
	s.changeEnvironment("dev", func(e *v1alpha1.Environment) { e.Spec.Gates = functional() })
	s.promote("fix", digest(2))
	s.awaitOutcome("fix", v1alpha1.OutcomeSucceeded)
	s.awaitCondition("dev", conditions, v1alpha1.ConditionConverged, metav1.ConditionTrue, v1alpha1.ReasonConverged)
}

func TestAGateIsRetriedAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		passesAt string
		retries  int32
		attempts int32
		want     v1alpha1.PromotionOutcome
	}{
		"retried":         {passesAt: "passes-at=2", retries: 2, attempts: 2, want: v1alpha1.OutcomeSucceeded},
		"retried-in-vain": {passesAt: "passes-at=3", retries: 1, attempts: 2, want: v1alpha1.OutcomeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, name, recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) {
				e.Spec.Gates = functional("exit-code=1", c.passesAt)
				e.Spec.Gates[0].Retries = &c.retries
			}})
			s.promote("first", digest(1))
			p := s.awaitOutcome("first", c.want)
			if gate := p.Status.Environments[0].Gates[0]; *gate.Attempts != c.attempts {
				t.Errorf("%d attempts, want %d", *gate.Attempts, c.attempts)
			}
			if jobs := s.gateJobs("dev", "functional"); len(jobs) != int(c.attempts) {
				t.Errorf("%d Jobs, want one for each of %d attempts", len(jobs), c.attempts)
			}
		})
	}
}

// Workloads of an unlocked environment are pinned all the same; a pod that runs may be given another image.
func TestWhatChangesWhileAGateRunsIsDrift(t *testing.T) {
	t.Parallel()
	s := openShop(t, "drift", waiting())
	s.promote("first", digest(1))
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	pod := &s.pods("dev", "app", "api")[0]
	s.change(pod.Namespace, pod.Name, pod, func() { pod.Spec.Containers[0].Image = s.repository + "@" + digest(9) })
	p := s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.assertProgress("first", "dev", v1alpha1.StateRolledBack, v1alpha1.CauseDrifted)
	if !strings.Contains(p.Status.Message, pod.Name) || p.Status.Environments[0].Gates[0].State != v1alpha1.GateCancelled {
		t.Errorf("message %q, gates %+v", p.Status.Message, p.Status.Environments[0].Gates)
	}
}

func TestScenario5OneBranchFails(t *testing.T) {
	t.Parallel()
	s := openShop(t, "branches", recipe{
		environments: []string{"dev", "left", "right", "end"},
		environment: func(name string, e *v1alpha1.Environment) {
			e.Spec.Gates = map[string][]v1alpha1.Gate{
				"dev": nil, "left": functional("exit-code=1"), "right": functional("wait"), "end": nil,
			}[name]
		},
		pipeline: func(p *v1alpha1.DeliveryPipeline) {
			p.Spec.Environments[2].After = []string{"dev"}
			p.Spec.Environments[3].After = []string{"left", "right"}
		},
	})
	s.promote("first", digest(1))
	s.awaitGatePod("right", "functional", "Running")
	s.awaitRecord("left", v1alpha1.ResultRolledBack)
	s.endGate("right", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.assertProgress("first", "left", v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed)
	s.assertProgress("first", "right", v1alpha1.StatePassed, "")
	s.assertProgress("first", "end", v1alpha1.StateNotEntered, v1alpha1.CausePredecessorFailed)
}

// A gate's image that is given by tag is resolved before the environment is entered: the Job runs the digest, the lock
// lets that alone run, and the record says it. While the registry does not answer, nobody waits in the slot.
func TestAGateGivenByTagRunsByDigest(t *testing.T) {
	t.Parallel()
	const tests = "gate-tag-tests" // apart from the shop's own images, which adoption asks for
	s := openShop(t, "gate-tag", recipe{environments: []string{"test"}, bare: true, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional()
		e.Spec.Gates[0].Job.Image = registryHost() + "/" + tests + "/suite:1"
	}})
	pushed := s.pushTo(registryHost()+"/"+tests+"/suite", "1")
	closeRegistry(tests)
	s.promote("first", digest(1))
	s.awaitReason("first", "test", v1alpha1.ReasonGateImageUnresolved)
	if holders := s.environment("test").Status.Holders; len(holders) > 0 {
		t.Errorf("it waits in the slot: %+v", holders)
	}
	closedTo.Delete(tests)
	p := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	exact := registryHost() + "/" + tests + "/suite@" + pushed
	if got := s.gateJobs("test", "functional")[0].Spec.Template.Spec.Containers[0].Image; got != exact {
		t.Errorf("the Job runs %s, want %s", got, exact)
	}
	if got := s.awaitRecord("test", v1alpha1.ResultPassed).Spec.Gates[0].Image; got != exact {
		t.Errorf("the record says %s, want %s", got, exact)
	}
	if got := p.Status.Environments[0].GateImages; len(got) != 1 || got[0].Digest != pushed {
		t.Errorf("resolved %+v", got)
	}
	ns := &corev1.Namespace{}
	if err := s.admin.Get(t.Context(), client.ObjectKey{Name: s.namespace("test")}, ns); err != nil {
		t.Fatal(err)
	}
	if got := ns.Annotations[v1alpha1.GateImagesAnnotation]; !strings.HasPrefix(got, exact+"=sl-") || strings.Contains(got, " ") {
		t.Errorf("the lock lets %q run as gates, want the digest in its Job alone", got)
	}
}
