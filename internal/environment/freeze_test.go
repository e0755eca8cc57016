package environment

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// lists gives the Environment freezes, as an edit would.
func (w *world) lists(freezes ...v1alpha1.Freeze) {
	w.snapshot.Environment = w.snapshot.Environment.DeepCopy()
	w.snapshot.Environment.Spec.Freezes = freezes
	w.snapshot.Environment.Generation++
	w.snapshot.Zones = map[string]*time.Location{}
	for _, f := range freezes {
		if zone, err := time.LoadLocation(f.TimeZone); err == nil {
			w.snapshot.Zones[f.TimeZone] = zone
		}
	}
}

// The world is at noon of Monday, 3 August 2026, in UTC.
func lunch() v1alpha1.Freeze {
	return v1alpha1.Freeze{Name: "lunch", Schedule: "0 14 * * *", DurationSeconds: 3600, TimeZone: "Europe/Berlin", Reason: "nobody is there"}
}

func TestTheStatusSaysUntilWhenDeploymentsAreFrozen(t *testing.T) {
	w := newWorld(t)
	w.settle()
	if d := w.snapshot.Environment.Status.Deployments; d != (v1alpha1.DeploymentsStatus{}) {
		t.Errorf("without freezes it says %+v", d)
	}
	w.lists(lunch())
	w.settle()
	w.expect("Accepted=True/Accepted", "Ready=True/Ready", "Stalled=absent")
	end := w.snapshot.Now.Add(time.Hour)
	d := w.snapshot.Environment.Status.Deployments
	if d.State != v1alpha1.DeploymentsFrozen || d.Freeze != "lunch" || !d.UntilTime.Time.Equal(end) {
		t.Errorf("at noon it says %+v, want frozen by lunch until %s", d, end)
	}
	if plan := w.decide(); !plan.Wake.Equal(end) {
		t.Errorf("looks again at %s, want %s", plan.Wake, end)
	}
	w.snapshot.Now = end
	w.settle()
	if d := w.snapshot.Environment.Status.Deployments; d.State != v1alpha1.DeploymentsOpen || d.Freeze != "" || !d.UntilTime.Time.Equal(end.Add(23*time.Hour)) {
		t.Errorf("when it is over it says %+v", d)
	}
	if !slices.Contains(w.events, "Frozen") || !slices.Contains(w.events, "Open") {
		t.Errorf("events %v", w.events)
	}
	w.lists()
	w.settle()
	if d := w.snapshot.Environment.Status.Deployments; d.State != "" {
		t.Errorf("without freezes it says %+v", d)
	}
}

func TestAWindowInTheStatus(t *testing.T) {
	w := newWorld(t)
	office := v1alpha1.Freeze{Name: "office", Effect: v1alpha1.FreezeAllow, Schedule: "0 9 * * *", DurationSeconds: 3600}
	w.lists(office)
	w.settle()
	d := w.snapshot.Environment.Status.Deployments
	if d.State != v1alpha1.DeploymentsOutsideWindow || d.Freeze != "office" || d.UntilTime.UTC().Format("02 15:04") != "04 09:00" {
		t.Errorf("it says %+v", d)
	}
	past := metav1.NewTime(w.snapshot.Now.Add(-time.Hour))
	before := metav1.NewTime(w.snapshot.Now.Add(-2 * time.Hour))
	w.lists(v1alpha1.Freeze{Name: "launch", Effect: v1alpha1.FreezeAllow, FromTime: &before, ToTime: &past})
	w.settle()
	if d := w.snapshot.Environment.Status.Deployments; d.State != v1alpha1.DeploymentsOutsideWindow || d.Freeze != "" || d.UntilTime != nil {
		t.Errorf("where nothing opens any more it says %+v", d)
	}
}

// A freeze that makes no sense keeps promotions out. What the Namespace enforces is kept in step all the same.
func TestAFreezeThatMakesNoSense(t *testing.T) {
	w := newWorld(t)
	w.lists(v1alpha1.Freeze{Name: "leap", Schedule: "0 0 30 2 *", DurationSeconds: 3600})
	w.settle()
	w.expect("Accepted=False/InvalidSchedule", "Stalled=True/InvalidSchedule", "Ready=False/InvalidSchedule", "Adopted=True/NothingRan", "Locked=True/Enforced")
	if c := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionAccepted); !strings.Contains(c.Message, "freeze leap of the Environment of shop-prod: ") ||
		!strings.Contains(c.Message, "write a day of month that the month has") {
		t.Errorf("message %q", c.Message)
	}
	if lock := w.enforced().Lock; lock != v1alpha1.LockEnforce {
		t.Errorf("lock %q", lock)
	}
	w.lists(lunch())
	w.settle()
	w.expect("Accepted=True/Accepted", "Ready=True/Ready", "Stalled=absent", "Adopted=True/NothingRan")
}
