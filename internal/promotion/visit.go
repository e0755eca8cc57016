package promotion

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion/calendar"
)

const (
	defaultRolloutTimeout int32 = 600
	defaultGateTimeout    int32 = 600
	// maxReasons is how many reasons the schema lets a status list.
	maxReasons = 32
)

// visit is the work on one environment of the Promotion.
type visit struct {
	*decision
	// step of the pipeline, from the snapshot that the Promotion took.
	step v1alpha1.PipelineEnvironment
	// index of the step.
	index int
	site  Site
	// mirrors are the names of repositories here.
	mirrors Mirrors
	// progress in the plan's status.
	progress *v1alpha1.EnvironmentProgress
	// force is what the Environment demands now.
	force v1alpha1.RequirementsInForce
	// times at which deployments may begin here.
	times calendar.Calendar
	// skipped is what an emergency does without here, refusedSkips what it would like to and may not.
	skipped, refusedSkips []v1alpha1.EmergencySkip
	// verdict on entering.
	verdict Verdict
	// toSign is what people are asked for; nil where nobody is.
	toSign *signature
	// claimed says that this pass takes the slot.
	claimed bool
	// released says that this pass gives the slot back.
	released bool
}

func (d *decision) visits() []*visit {
	visits := make([]*visit, 0, len(d.status.Environments))
	for i := range d.status.Environments {
		v := &visit{decision: d, step: d.status.Pipeline.Environments[i], index: i, progress: &d.status.Environments[i]}
		v.site = d.snapshot.Sites[v.step.EnvironmentRef.Namespace]
		v.mirrors = MirrorsOf(v.site.Environment, v.site.Namespace)
		if v.site.Environment != nil {
			v.force = InForce(v.site.Environment.Spec)
			v.progress.EnvironmentRef.UID = string(v.site.Environment.UID)
		}
		visits = append(visits, v)
	}
	return visits
}

// goOn takes an environment that was entered one step further. Its record, once there, decides what became of it.
func (v *visit) goOn() {
	if v.progress.Cause == v1alpha1.CauseNotSelected {
		return
	}
	if record := v.ownRecord(); record != nil {
		v.conclude(record)
		return
	}
	switch v.progress.State {
	case v1alpha1.StatePending, v1alpha1.StateWaiting:
		if v.holding() {
			// Claimed in a pass that did not live to write its status.
			v.progress.Emergency = v.holder().Emergency
			v.beginDeploying()
			v.deploy()
		}
	case v1alpha1.StateDeploying:
		v.deploy()
	case v1alpha1.StateVerifying:
		v.verify()
	case v1alpha1.StateRollingBack:
		v.rollBack()
	case v1alpha1.StateFailed, v1alpha1.StateRollbackFailed:
		v.recordEnd(v1alpha1.ResultFailed)
	}
}

// settled says whether nothing is left to do in the environment.
func (v *visit) settled() bool {
	switch v.progress.State {
	case v1alpha1.StateNotEntered:
		return true
	case v1alpha1.StatePassed, v1alpha1.StateRolledBack:
		// A record brought the state, even should it be gone by now.
		return v.released || !v.holding()
	case v1alpha1.StateRollbackFailed, v1alpha1.StateFailed:
		return (v.ownRecord() != nil || v.gone()) && (v.released || !v.holding())
	}
	return false
}

// gone says that neither record nor slot can exist here any more.
func (v *visit) gone() bool {
	ns := v.site.Namespace
	return ns == nil || ns.DeletionTimestamp != nil || v.site.Environment == nil
}

// failed says whether the release failed here, or is being taken back.
func (v *visit) failed() bool {
	return slices.Contains([]v1alpha1.EnvironmentState{
		v1alpha1.StateRollingBack, v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed, v1alpha1.StateFailed,
	}, v.progress.State)
}

// fail ends the stay here. The cause is written down before it is acted on: a deadline, a drift or a cancellation may
// not be there to see a second time.
func (v *visit) fail(cause v1alpha1.EnvironmentCause, message string) {
	v.progress.Cause, v.progress.Message = cause, v1alpha1.Clip(message, 1024)
	v.progress.Reasons = nil
	v.stopGates()
	goBack := v.promotion().Spec.Intent != v1alpha1.IntentRollback && cause != v1alpha1.CauseOverridden
	if goBack && v.step.OnFailure != v1alpha1.HoldOnFailure && v.stable() != nil {
		v.progress.State = v1alpha1.StateRollingBack
		v.progress.RollbackTime = v.now()
		v.wait(v1alpha1.NewReason(v1alpha1.ReasonRollingBack, "%s; release %s is being brought back", message, short(v.stable().Spec.ReleaseHash)))
		return
	}
	v.progress.State = v1alpha1.StateFailed
	v.progress.CompletionTime = v.now()
}

func (v *visit) wait(reasons ...v1alpha1.Reason) {
	v.progress.Reasons = append(v.progress.Reasons, reasons...)
	v.progress.Reasons = v.progress.Reasons[:min(len(v.progress.Reasons), maxReasons)]
}

// rolloutTimeout is how long a rollout may take here.
func (v *visit) rolloutTimeout() time.Duration {
	return time.Duration(cmp.Or(v.step.RolloutTimeoutSeconds, defaultRolloutTimeout)) * time.Second
}

// overdue says whether a time has passed since the operator wrote it; if not, it asks for a look at that moment.
func (v *visit) overdue(since *metav1.Time, limit time.Duration) bool {
	if since == nil {
		return false
	}
	end := since.Add(limit)
	if !v.snapshot.Now.Before(end) {
		return true
	}
	v.wakeAt(end)
	return false
}

func (v *visit) namespace() string { return v.step.EnvironmentRef.Namespace }

// gates are those of the Environment, declared by the platform, then those of the pipeline, each as its template has it.
func (v *visit) gates() []declaredGate {
	var gates []declaredGate
	if v.site.Environment != nil {
		for _, g := range v.site.Environment.Spec.Gates {
			gates = append(gates, v.declared(g, v1alpha1.DeclaredByPlatform))
		}
	}
	for _, g := range v.step.Gates {
		declared := v.declared(g, v1alpha1.DeclaredByAnyone)
		taken := slices.ContainsFunc(gates, func(other declaredGate) bool { return other.Name == g.Name })
		if taken {
			// Records list gates by name; the platform's keeps it.
			declared.Name = v1alpha1.Clip("team-"+g.Name, 40)
		}
		gates = append(gates, declared)
	}
	return gates
}

// declaredGate is a gate and who declared it.
type declaredGate struct {
	v1alpha1.Gate
	by v1alpha1.GateDeclarer
	// template that it was made from; the zero value where it was written out.
	template v1alpha1.ObservedGateTemplate
	// problem why its template cannot be used; the zero value where it can.
	problem v1alpha1.Reason
}

// retries is how often a failed attempt is repeated.
func (g declaredGate) retries() int32 { return value(g.Retries) }

// gatesTimeout is how long all attempts of all gates may take together, and the waits for people between them.
func (v *visit) gatesTimeout() time.Duration {
	total := time.Duration(0)
	for _, g := range v.gates() {
		total += time.Duration(g.attempts()) * seconds(GateTimeout(g.Gate)+g.Soak.DurationSeconds)
		if g.OnInconclusive == v1alpha1.HoldInconclusive {
			total += holdLimit
		}
	}
	return total
}
