package environment

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/promotion/calendar"
)

// readFreezes says whether deployments may begin, and until when. One freeze that makes no sense leaves nothing to say;
// what the Namespace enforces stays in force.
func (d *decision) readFreezes() {
	d.status.Deployments = v1alpha1.DeploymentsStatus{}
	times, problem := calendar.New(d.snapshot.Environment.Spec.Freezes, d.snapshot.Zones)
	if problem != nil {
		d.invalid = promotion.InvalidSchedule(d.namespace(), problem)
		return
	}
	if times.Empty() {
		return
	}
	answer := times.At(d.snapshot.Now)
	d.status.Deployments.State = answer.State
	switch {
	case answer.Freeze != nil:
		d.status.Deployments.Freeze = answer.Freeze.Freeze.Name
	case answer.Window != nil:
		d.status.Deployments.Freeze = answer.Window.Freeze.Name
	}
	if !answer.Until.IsZero() {
		until := metav1.NewTime(answer.Until)
		d.status.Deployments.UntilTime = &until
	}
	d.wakeAt(answer.Again)
	d.publishFreeze(answer)
}

// publishFreeze makes an event of a freeze that begins, of a window that closes, and of the end of both.
func (d *decision) publishFreeze(answer calendar.Answer) {
	before := d.snapshot.Environment.Status.Deployments.State
	if before == answer.State || before == "" && answer.Open() {
		return
	}
	note := "deployments may begin"
	if reasons := promotion.ClosedBecause(d.namespace(), answer); len(reasons) > 0 {
		note = reasons[0].Message
	}
	d.event(false, string(answer.State), "Freeze", note)
}
