package integration_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// backTo makes a Promotion a rollback.
func backTo(releaseHash string, environments ...string) func(*v1alpha1.Promotion) {
	return func(p *v1alpha1.Promotion) {
		p.Spec.Intent, p.Spec.Images = v1alpha1.IntentRollback, nil
		p.Spec.ReleaseHash, p.Spec.Environments = releaseHash, environments
	}
}

func TestARollbackPreemptsAndAsksNoRegistry(t *testing.T) {
	t.Parallel()
	s := openShop(t, "rollback", waiting())
	s.promote("first", digest(1))
	s.endGate("dev", "functional", "0")
	good := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded).Status.ReleaseHash
	s.promote("second", digest(2))
	s.awaitReason("second", "dev", v1alpha1.ReasonGateRunning)
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	attempts := closeRegistry(s.name)
	s.promoteAs("dave", "back", backTo(good, "dev"))
	s.awaitOutcome("second", v1alpha1.OutcomeSuperseded)
	s.assertProgress("second", "dev", v1alpha1.StateRolledBack, v1alpha1.CauseSuperseded)
	s.awaitReason("back", "dev", v1alpha1.ReasonGateRunning)
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("back", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("dev"); got != "@"+digest(1) {
		t.Errorf("dev runs %s", got)
	}
	if n := attempts.Load(); n > 0 {
		t.Errorf("the registry was asked %d times", n)
	}
}

func TestARollbackNeedsARecord(t *testing.T) {
	t.Parallel()
	s := openShop(t, "norecord", bare(nil))
	unknown := strings.TrimPrefix(digest(7), "sha256:")
	s.promoteAs("dave", "back", backTo(unknown, "dev"))
	conditions := func() []metav1.Condition { return s.promotion(t.Context(), "back").Status.Conditions }
	s.awaitCondition("back", conditions, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonReleaseNotFound)
	// What ran before Sluice came is a release too.
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.promoteAs("dave", "home", backTo(s.awaitRecord("dev", v1alpha1.ResultAdopted).Spec.ReleaseHash, "dev"))
	s.awaitOutcome("home", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("dev"); got != "@"+s.adopted {
		t.Errorf("dev runs %s", got)
	}
}

func TestScenario37AnEdgeToAnEnvironmentThatIsLeftOutNeedsItsRecord(t *testing.T) {
	t.Parallel()
	s := openShop(t, "subset", recipe{environments: []string{"eu", "us"}, environment: func(name string, e *v1alpha1.Environment) {
		if e.Spec.Gates = nil; name == "eu" {
			e.Spec.Gates = functional("exit-code=1")
		}
	}})
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.promote("second", digest(1), only("us"))
	s.awaitMessage("second", "us", v1alpha1.ReasonPredecessorPending, "its newest record there says RolledBack")
	s.changeEnvironment("eu", func(e *v1alpha1.Environment) { e.Spec.Gates = functional() })
	s.promote("third", digest(1), only("eu"))
	s.awaitOutcome("third", v1alpha1.OutcomeSucceeded)
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("us"); got != "@"+digest(1) {
		t.Errorf("us runs %s", got)
	}
}

func TestScenario42TheSameDigestsAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t, "twice", recipe{environments: []string{"dev"}, environment: func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = functional() }})
	s.promote("first", digest(1))
	first := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	pods := s.podUIDs("dev")
	s.promote("second", digest(1))
	second := s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	if now := s.podUIDs("dev"); !slices.Equal(pods, now) {
		t.Errorf("pods were restarted: %v, then %v", pods, now)
	}
	if jobs := s.gateJobs("dev", "functional"); len(jobs) != 2 {
		t.Errorf("%d Jobs of the gate, want 2", len(jobs))
	}
	if a, b := first.Status.Environments[0].RecordRef, second.Status.Environments[0].RecordRef; a == b || b.Name == "" {
		t.Errorf("records %v and %v", a, b)
	}
}

// podUIDs of the application, sorted.
func (s *shop) podUIDs(environment string) []types.UID {
	s.t.Helper()
	var uids []types.UID
	for _, pod := range s.pods(environment, "app", "api") {
		uids = append(uids, pod.UID)
	}
	slices.Sort(uids)
	return uids
}

func TestScenario13ATagThatIsPushedAgainChangesNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, "retagged", recipe{environments: []string{"dev", "test"}, environment: func(name string, e *v1alpha1.Environment) {
		if e.Spec.Gates = nil; name == "dev" {
			e.Spec.Gates = functional("wait")
		}
	}})
	pushed := s.push("v2")
	s.promoteTag("first", "v2")
	s.awaitGatePod("dev", "functional", corev1.PodRunning)
	if again := s.push("v2"); again == pushed {
		t.Fatal("the same image was pushed twice")
	}
	s.endGate("dev", "functional", "0")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	for _, environment := range []string{"dev", "test"} {
		if got := s.templateImage(environment); got != "@"+pushed {
			t.Errorf("%s runs %s, want %s", environment, got, pushed)
		}
	}
}
