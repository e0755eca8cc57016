package promotion_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// decideOrphan performs what is decided about the slot of a promotion that is gone.
func (w *world) decideOrphan(namespace string) bool {
	holders := w.sites[namespace].Environment.Status.Holders
	if len(holders) == 0 {
		return false
	}
	s := w.snapshot(MakePromotion("nobody").Obj())
	s.Promotion = nil
	plan := promotion.DecideOrphan(s, namespace, holders[0])
	for _, effect := range plan.Effects {
		if done, _ := w.perform(nil, effect); !done {
			break
		}
	}
	return len(plan.Effects) > 0
}

func (w *world) runOrphan(namespace string) *world {
	for range 50 {
		moved := w.decideOrphan(namespace)
		if !w.tick() && !moved {
			return w
		}
	}
	w.t.Fatal("still busy after 50 rounds")
	return w
}

func TestScenario24APromotionIsDeletedWhileItIsAtWork(t *testing.T) {
	cases := []struct {
		name   string
		reason string
		change func(*world)
		want   string
	}{
		{"just now", "the stable release comes back", func(*world) {}, "Current v1, converged True/Converged, 0 holders"},
		{"after a day of soaking", "the time to come back begins now", func(w *world) { w.wait(24 * time.Hour) }, "Current v1, converged True/Converged, 0 holders"},
		{"it says Hold", "", func(w *world) {
			w.sites["shop-prod"].Environment.Status.Holders[0].OnFailure = v1alpha1.HoldOnFailure
		}, "Held v2, converged False/ReleaseHeld, 0 holders"},
		{"nothing ran before", "", func(w *world) {
			w.records = slices.DeleteFunc(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == "shop-prod" })
		}, "Held v2, converged False/ReleaseHeld, 0 holders"},
		{"the stable release does not come up", "the slot becomes free", func(w *world) {
			w.broken[Digest("v1")] = true
			w.runOrphan("shop-prod").wait(time.Hour)
		}, "RollbackFailed v2, converged False/RollbackFailed, 0 holders"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := inProduction(t)
			holder := w.sites["shop-prod"].Environment.Status.Holders[0]
			w.promotions = nil
			c.change(w)
			w.runOrphan("shop-prod")
			if got := w.delivered("shop-prod"); got != c.want {
				t.Errorf("%s: production says %q, want %q", c.reason, got, c.want)
			}
			last := w.records[len(w.records)-1]
			if last.Spec.Promotion.UID != holder.PromotionRef.UID || last.Spec.Cause != v1alpha1.CausePromotionDeleted || last.Spec.ReleaseHash != holder.ReleaseHash {
				t.Errorf("the record says %v", last.Spec)
			}
		})
	}
}

func TestOrphaned(t *testing.T) {
	w := inProduction(t)
	p := w.get("checkout-v2")
	holder := w.sites["shop-prod"].Environment.Status.Holders[0]
	elsewhere := p.DeepCopy()
	elsewhere.Status.Environments[2].Cause = v1alpha1.CauseNotSelected
	ended := p.DeepCopy()
	ended.Status.Outcome = v1alpha1.OutcomeSucceeded
	labelled := MakePromotion("checkout-v2").Obj()
	labelled.Labels = map[string]string{v1alpha1.OutcomeLabel: string(v1alpha1.OutcomeSucceeded)}
	cases := []struct {
		name  string
		found *v1alpha1.Promotion
		want  bool
	}{
		{"it ended, and a backup brought its slot back", ended, true},
		{"scenario 27: it ended, and was restored with its label alone", labelled, true},
		{"it is there", p, false},
		{"it is gone", nil, true},
		{"scenario 24: made again under its name", MakePromotion("checkout-v2").UID("another").Obj(), true},
		{"restored without its status", MakePromotion("checkout-v2").Obj(), false},
		{"it goes elsewhere now", elsewhere, true},
	}
	for _, c := range cases {
		if got := promotion.Orphaned(holder, c.found, "shop-prod"); got != c.want {
			t.Errorf("%s: orphaned: %t", c.name, got)
		}
	}
}
