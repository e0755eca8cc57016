package promotion_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

func TestWhatWasChangedByHandShows(t *testing.T) {
	w := newWorld(t)
	site := w.sites["shop-prod"]
	c := promotion.ParseEnforced(site.Namespace)
	if changed := c.ChangedByHand(); len(changed) > 0 || !c.Sealed() {
		t.Errorf("of a sealed copy it says %v", changed)
	}
	w.byHand(site, Image("api", "v9").Reference())
	if c = promotion.ParseEnforced(site.Namespace); !slices.Equal(c.ChangedByHand(), []string{"sluice.dev/images", "sluice.dev/pins"}) || c.Sealed() {
		t.Errorf("it says %v", c.ChangedByHand())
	}
	site.Namespace.Labels[v1alpha1.LockLabel] = "Off"
	delete(site.Namespace.Annotations, v1alpha1.OwnersAnnotation)
	if c = promotion.ParseEnforced(site.Namespace); !slices.Equal(c.ChangedByHand(), []string{"sluice.dev/images", "sluice.dev/lock", "sluice.dev/owners", "sluice.dev/pins"}) {
		t.Errorf("it says %v", c.ChangedByHand())
	}
	delete(site.Namespace.Annotations, v1alpha1.SealAnnotation)
	if c = promotion.ParseEnforced(site.Namespace); len(c.ChangedByHand()) > 0 || c.Sealed() {
		t.Errorf("of a copy that was never sealed it says %v", c.ChangedByHand())
	}
}

// atWork is a world in which v2 is at work in production.
func atWork(t *testing.T, state v1alpha1.EnvironmentState) *world {
	t.Helper()
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.hanging["prod/smoke"] = true
	w.promote("v2")
	return w.in("checkout-v2", "prod", state)
}

// What somebody did by hand is not undone: who is at work waits until it is recorded, and ends then without going back.
func TestAPromotionAtWorkKeepsItsHandsOffAnOverride(t *testing.T) {
	for _, state := range []v1alpha1.EnvironmentState{v1alpha1.StateDeploying, v1alpha1.StateVerifying} {
		t.Run(string(state), func(t *testing.T) { testHandsOff(t, atWork(t, state)) })
	}
}

// Times have a resolution of a second, and people who break the glass are fast.
func TestAnOverrideInTheSecondInWhichAPromotionEntered(t *testing.T) {
	w := atWork(t, v1alpha1.StateVerifying)
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	w.now = w.at("checkout-v2", "prod").StartTime.Add(-time.Second)
	w.sealed(site, Release("v9")...)
	if entered := w.at("checkout-v2", "prod").StartTime; !entered.Time.Equal(w.now) {
		t.Fatalf("it entered at %s, and it is %s", entered, w.now)
	}
	site.Workloads[0].Images[0].Image = Image("api", "v9").Reference()
	w.run()
	if got := w.at("checkout-v2", "prod"); got.State != v1alpha1.StateFailed || got.Cause != v1alpha1.CauseOverridden {
		t.Errorf("it is %s (%s): %s", got.State, got.Cause, got.Message)
	}
}

// The other way round it is none: who enters in the second of a change by hand enters after it.
func TestAPromotionInTheSecondOfAnOverride(t *testing.T) {
	w := atTheGate(t)
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	w.sealed(site, Release("v9")...)
	w.signers = []string{"alice"}
	record := w.records[len(w.records)-1]
	record.Spec.CompletionTime = &metav1.Time{Time: w.now.Add(20 * time.Second)}
	w.in("checkout-v2", "prod", v1alpha1.StateDeploying)
	if entered := w.at("checkout-v2", "prod").StartTime; !record.Spec.CompletionTime.Before(entered) {
		t.Errorf("it enters at %s, and the change is of %s", entered, record.Spec.CompletionTime)
	}
	w.in("checkout-v2", "prod", v1alpha1.StatePassed)
}

func testHandsOff(t *testing.T, w *world) {
	t.Helper()
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	w.run().wantReasons("checkout-v2", "prod", "Overridden")
	pins := site.Namespace.Annotations[v1alpha1.PinsAnnotation]
	if want := Image("api", "v9").Reference(); pins != want {
		t.Errorf("pins were %s by hand, and are %s", want, pins)
	}
	w.sealed(site, Release("v9")...)
	w.run()
	got := w.at("checkout-v2", "prod")
	if got.State != v1alpha1.StateFailed || got.Cause != v1alpha1.CauseOverridden || w.get("checkout-v2").Status.Outcome != v1alpha1.OutcomeFailed {
		t.Errorf("it is %s (%s): %s", got.State, got.Cause, got.Message)
	}
	if now := site.Namespace.Annotations[v1alpha1.PinsAnnotation]; now != pins {
		t.Errorf("pins went from %s to %s", pins, now)
	}
	entry := site.Environment.Status.Pipelines[0]
	if len(site.Environment.Status.Holders) > 0 || entry.State != v1alpha1.DeliveryCurrent || entry.ReleaseHash != promotion.ReleaseHash(Release("v9")) {
		t.Errorf("the Environment says %+v", site.Environment.Status)
	}
}

// A deadline that passed while the operator was away does not bring the release before back.
func TestAnOverrideWhileTheOperatorWasAway(t *testing.T) {
	w := atWork(t, v1alpha1.StateVerifying)
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	w.wait(seconds(100000)).run().wantReasons("checkout-v2", "prod", "Overridden")
	if strings.Contains(strings.Join(w.log, "\n"), "RollingBack") {
		t.Errorf("it goes back:\n%s", strings.Join(w.log, "\n"))
	}
}

func TestAWayBackKeepsItsHandsOffAnOverride(t *testing.T) {
	w := atWork(t, v1alpha1.StateVerifying)
	site := w.sites["shop-prod"]
	w.broken[Digest("v1")] = true
	w.get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.in("checkout-v2", "prod", v1alpha1.StateRollingBack).run()
	w.byHand(site, Image("api", "v9").Reference())
	w.run().wantReasons("checkout-v2", "prod", "Overridden")
	w.sealed(site, Release("v9")...)
	w.run()
	if got := w.at("checkout-v2", "prod"); got.State != v1alpha1.StateRollbackFailed || len(site.Environment.Status.Holders) > 0 {
		t.Errorf("it is %s, holders %v", got.State, site.Environment.Status.Holders)
	}
}

func TestNobodyEntersBeforeAnOverrideIsRecorded(t *testing.T) {
	w := atTheGate(t)
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	w.signers = []string{"alice"}
	w.run().wantReasons("checkout-v2", "prod", "Overridden", "ApprovalsMissing")
	w.sealed(site, Release("v9")...)
	w.in("checkout-v2", "prod", v1alpha1.StatePassed)
}

// The way back from a release that fails leads to what ran before, though it was brought in by hand. It is no evidence, and
// no release to go back to on purpose.
func TestWhatAnOverrideIsGoodFor(t *testing.T) {
	w := newWorld(t)
	site := w.sites["shop-prod"]
	w.byHand(site, Image("api", "v9").Reference())
	site.Workloads[0].Images[0].Image = Image("api", "v9").Reference()
	site.Workloads[0].Settled = false
	w.tick()
	w.sealed(site, Release("v9")...)
	w.add(MakePromotion("back").Rollback("prod", promotion.ReleaseHash(Release("v9"))).Obj())
	w.run()
	if got := conditionOf(w.get("back").Status, v1alpha1.ConditionResolved); got.Reason != v1alpha1.ReasonReleaseNotFound {
		t.Errorf("a rollback to it is %s", got.Reason)
	}
	w.get("back").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.signers = []string{"alice"}
	w.verdicts["prod/smoke"] = []promotion.RunState{promotion.RunFailed}
	w.promote("v2")
	w.in("checkout-v2", "prod", v1alpha1.StateRolledBack)
	if got := promotion.ParseEnforced(site.Namespace).Pins[Repository("api")]; got != Image("api", "v9").Reference() {
		t.Errorf("it goes back to %s", w.named([]string{got}))
	}
	test := w.sites["shop-test"]
	w.keep(MakeRecord(test.Namespace.Name, "by-hand", Release("v4")...).Result(v1alpha1.ResultOverridden).Created(w.now.Sub(Epoch)).Proven().Obj())
	w.add(MakePromotion("us").Digest("api", Digest("v4")).Environments("prod").Created(w.now.Sub(Epoch)).Obj())
	w.run().wantReasons("us", "prod", "PredecessorPending", "EvidenceFailed", "EvidenceFailed", "ApprovalsMissing")
}
