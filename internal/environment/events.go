package environment

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// maxNote is how long the note of an event may be.
const maxNote = 1024

func (d *decision) event(warning bool, reason, action, note string) {
	d.events = append(d.events, promotion.Event{Warning: warning, Reason: reason, Action: action, Note: v1alpha1.Clip(note, maxNote)})
}

// publishTransitions makes an event of every condition that changed its reason. Of Converged only what a person should
// look at: promotions tell the rest themselves.
func (d *decision) publishTransitions() {
	for _, t := range []struct{ conditionType, action string }{
		{v1alpha1.ConditionAccepted, "Accept"}, {v1alpha1.ConditionAdopted, "Adopt"}, {v1alpha1.ConditionLocked, "Lock"}, {v1alpha1.ConditionConverged, "Observe"},
		{v1alpha1.ConditionReviewed, "Review"},
	} {
		before, now := d.before(t.conditionType), find(d.status.Conditions, t.conditionType)
		if now == nil || before != nil && before.Reason == now.Reason {
			continue
		}
		observed := now.Reason == v1alpha1.ReasonDrifted || now.Reason == v1alpha1.ReasonUnmanagedImagesRun
		if t.conditionType == v1alpha1.ConditionConverged && !observed {
			continue
		}
		d.event(now.Status == metav1.ConditionFalse && !wanted(now.Reason), now.Reason, t.action, now.Message)
	}
}

// wanted says whether a condition is False as somebody asked for it, or for a moment only.
func wanted(reason string) bool {
	return reason == v1alpha1.ReasonOff || reason == v1alpha1.ReasonAuditing || reason == v1alpha1.ReasonInProgress
}
