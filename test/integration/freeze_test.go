package integration_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// frozenFor is a freeze that lasts from now on, once.
func frozenFor(d time.Duration) v1alpha1.Freeze {
	from, to := metav1.NewTime(time.Now().Add(-time.Minute)), metav1.NewTime(time.Now().Add(d).Truncate(time.Second))
	return v1alpha1.Freeze{Name: "audit", FromTime: &from, ToTime: &to, Reason: "the books are closed"}
}

func TestWhatWasSignedDuringAFreezeGoesOnWhenItIsOver(t *testing.T) {
	t.Parallel()
	s := openShop(t, "thaw", signing(v1alpha1.ApprovalRequirement{Count: 1}, "prod"))
	freeze := frozenFor(15 * time.Second)
	s.changeEnvironment("prod", func(e *v1alpha1.Environment) { e.Spec.Freezes = []v1alpha1.Freeze{freeze} })
	s.promote("first", digest(1))
	s.awaitMessage("first", "prod", v1alpha1.ReasonFrozen, "by audit (the books are closed)")
	s.mustSign("alice", "first", "prod")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	record := s.awaitRecord("prod", v1alpha1.ResultPassed)
	if record.Spec.StartTime.Before(freeze.ToTime) {
		t.Errorf("it entered at %s, the freeze lasted until %s", record.Spec.StartTime, freeze.ToTime)
	}
	if d := s.environment("prod").Status.Deployments; d.State != v1alpha1.DeploymentsOpen || d.UntilTime != nil {
		t.Errorf("the Environment says %+v", d)
	}
}

func TestAFreezeThatIsTakenOutLetsGo(t *testing.T) {
	t.Parallel()
	s := openShop(t, "early", bare(func(e *v1alpha1.Environment) {
		e.Spec.Freezes = []v1alpha1.Freeze{frozenFor(100 * time.Hour), {
			Name: "office", Effect: v1alpha1.FreezeAllow, Schedule: "0 * * * *", DurationSeconds: 3600, TimeZone: "Europe/Berlin",
		}}
	}))
	d := s.environment("dev").Status.Deployments
	if d.State != v1alpha1.DeploymentsFrozen || d.Freeze != "audit" || d.UntilTime == nil {
		t.Errorf("the Environment says %+v", d)
	}
	s.promote("first", digest(1))
	s.awaitReason("first", "dev", v1alpha1.ReasonFrozen)
	s.changeEnvironment("dev", func(e *v1alpha1.Environment) { e.Spec.Freezes = e.Spec.Freezes[1:] })
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

func TestAScheduleThatNeverComesIsNamed(t *testing.T) {
	t.Parallel()
	s := openShop(t, "leap", bare(nil))
	s.changeEnvironment("dev", func(e *v1alpha1.Environment) {
		e.Spec.Freezes = []v1alpha1.Freeze{{Name: "leap", Schedule: "0 0 30 2 *", DurationSeconds: 3600}}
	})
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalidSchedule)
	s.promote("first", digest(1))
	s.awaitReason("first", "dev", v1alpha1.ReasonEnvironmentNotReady)
	s.changeEnvironment("dev", func(e *v1alpha1.Environment) { e.Spec.Freezes = nil })
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}
