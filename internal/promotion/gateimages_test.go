package promotion_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

const taggedTest = "registry.example.com/tests/functional:3"

// tagged is a world whose test environment names its test by tag.
func tagged(t *testing.T, answers map[string]promotion.TagAnswer) *world {
	t.Helper()
	gate := functional()
	gate.Job.Image = taggedTest
	w := gated(t, gate)
	w.gateImages = answers
	return w
}

func knows(seed string) map[string]promotion.TagAnswer {
	return map[string]promotion.TagAnswer{taggedTest: {Digest: Digest(seed)}}
}

func TestAGateGivenByTagRunsByDigest(t *testing.T) {
	w := tagged(t, knows("test-3"))
	w.verdicts["test/functional"] = []promotion.RunState{promotion.RunFailed, promotion.RunPassed}
	w.sites["shop-test"].Environment.Spec.Gates[0].Retries = new(int32(1))
	w.in("checkout-v2", "test", v1alpha1.StateDeploying)
	// The tag moves while the release is being deployed: what was resolved stays.
	w.gateImages = knows("test-4")
	w.run()
	exact := "registry.example.com/tests/functional@" + Digest("test-3")
	if got := w.started; !slices.Equal(got, []string{exact, exact}) {
		t.Errorf("the attempts ran %v, want %s both times", got, exact)
	}
	for _, entry := range promotion.ParseEnforced(w.sites["shop-test"].Namespace).GateImages {
		if image, job, _ := strings.Cut(entry, "="); image != exact || job == "" {
			t.Errorf("the lock lets %s run, want the digest alone, in the Jobs of its attempts", entry)
		}
	}
	record := promotion.Newest(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == "shop-test" })
	if got := record.Spec.Gates[0].Image; got != exact {
		t.Errorf("the record says that %s ran, want %s", got, exact)
	}
}

func TestAGateWhoseImageIsNotKnownKeepsThePromotionOut(t *testing.T) {
	w := tagged(t, map[string]promotion.TagAnswer{taggedTest: {Reason: v1alpha1.ReasonRegistryUnavailable, Message: "connection refused"}})
	w.gateImagesNext = w.now.Add(time.Minute)
	w.run().wantReasons("checkout-v2", "test", "GateImageUnresolved")
	if message := w.at("checkout-v2", "test").Reasons[0].Message; !strings.Contains(message, "connection refused") {
		t.Errorf("message: %s", message)
	}
	plan := w.plan()
	if !plan.Wake.Equal(w.gateImagesNext) || len(w.sites["shop-test"].Environment.Status.Holders) > 0 {
		t.Errorf("wakes at %v, want %v; nobody waits in the slot: %v", plan.Wake, w.gateImagesNext, w.sites["shop-test"].Environment.Status.Holders)
	}
	w.gateImages = knows("test-3")
	w.run()
	if state := w.at("checkout-v2", "test").State; state != v1alpha1.StatePassed {
		t.Errorf("once the registry answers it is %s", state)
	}
}

// What is asked is asked last, and once.
func TestQuestionsAboutGateImages(t *testing.T) {
	w := tagged(t, nil)
	w.run()
	if got := w.plan().Questions.GateImages; !slices.Equal(got, []string{taggedTest}) {
		t.Errorf("asks about %v", got)
	}
	w.sites["shop-test"].Permitted = false
	if got := w.plan().Questions; !got.None() {
		t.Errorf("asks %v while something else stands in the way", got)
	}
}

// A rollback goes back though no registry answers. Its gates do not pass then.
func TestARollbackAsksNoRegistryToGoBack(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Gates[0].Job.Image = taggedTest
	w.gateImages = map[string]promotion.TagAnswer{taggedTest: {Reason: v1alpha1.ReasonRegistryUnavailable, Message: "down"}}
	w.add(MakePromotion("back").Rollback("prod", promotion.ReleaseHash(Release("v1"))).Obj())
	w.run()
	if at := w.at("back", "prod"); at.State != v1alpha1.StateVerifying || reasonTypes(at)[0] != "GateImageUnresolved" {
		t.Fatalf("it is %s: %v", at.State, at.Reasons)
	}
	w.now = w.now.Add(time.Hour)
	w.run()
	if at := w.at("back", "prod"); at.State != v1alpha1.StateFailed || at.Cause != v1alpha1.CauseGateInconclusive {
		t.Errorf("it is %s/%s: a gate that could not run has not passed", at.State, at.Cause)
	}
}
