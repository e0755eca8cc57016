package promotion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// announceSeconds is how long a gate may take and still go without a status write of its own between two others.
const announceSeconds = 120

// keepJobSeconds is how long a finished Job stays beyond the time that all gates together may take: its result is read
// from it, perhaps by an operator that was away for a day.
const keepJobSeconds = 2 * 24 * 3600

// verify runs the gates in order. They count only if the release did not change under them.
func (v *visit) verify() {
	v.progress.Reasons = nil
	if v.yields() || v.handsOff() {
		return
	}
	gates := v.gates()
	if !v.measurable(len(gates)) {
		return
	}
	before := v.progress.Gates
	v.progress.Gates = v.gateStatuses(gates)
	for i, gate := range gates {
		status := &v.progress.Gates[i]
		v.run(gate, status, previousStatus(before, gate.Name))
		switch status.State {
		case v1alpha1.GatePassed:
			continue
		case v1alpha1.GateFailed:
			v.fail(v1alpha1.CauseGateFailed, gateMessage(*status))
		case v1alpha1.GateInconclusive, v1alpha1.GateErrored:
			v.endInconclusive(gate, status)
		}
		v.keepQuiet(gate, before, i)
		return
	}
	v.recordPassed(before)
}

// measurable says whether what gates measure now is the release; if not, it waits or ends the stay.
func (v *visit) measurable(gates int) bool {
	if reasons := v.inTheWay(); len(reasons) > 0 {
		v.wait(reasons...)
		if v.overdue(v.progress.DeployTime, v.rolloutTimeout()+v.gatesTimeout()) {
			v.fail(v1alpha1.CauseGateInconclusive, "gates could not be finished: "+reasons[0].Message)
		}
		return false
	}
	if drift := v.drift(); drift != "" {
		v.fail(v1alpha1.CauseDrifted, drift+"; gates count only if the release does not change under them")
		return false
	}
	if zero := v.scaledToZero(); zero != "" && gates > 0 {
		v.waitScaledUp(zero)
		return false
	}
	return v.gatesPinned()
}

// gatesPinned sees that the lock lets the gates run that the Environment lists now: somebody may have edited them since
// the release came in.
func (v *visit) gatesPinned() bool {
	if reasons := slices.Concat(v.templateProblems(), v.expressionProblems(), v.resolveGateImages()); len(reasons) > 0 {
		v.wait(reasons...)
		if v.overdue(v.progress.DeployTime, v.rolloutTimeout()+v.gatesTimeout()) {
			v.fail(v1alpha1.CauseGateInconclusive, "gates could not be finished: "+reasons[0].Message)
		}
		return false
	}
	enforced := ParseEnforced(v.site.Namespace)
	missing := slices.DeleteFunc(v.gateImages(EnforcedCopy{}), func(image string) bool { return slices.Contains(enforced.GateImages, image) })
	if len(missing) == 0 {
		return true
	}
	enforced.GateImages = append(enforced.GateImages, missing...)
	v.do(Pin{Namespace: v.namespace(), ResourceVersion: v.site.Namespace.ResourceVersion, Copy: enforced})
	v.wait(v.lastReasons()...)
	return false
}

// recordPassed writes the record of a pass. Until it is there the status stays as it was: the record's arrival brings
// the pass that writes it all at once.
func (v *visit) recordPassed(before []v1alpha1.GateStatus) {
	v.recordEnd(v1alpha1.ResultPassed)
	if len(before) > 0 {
		v.progress.Gates = before
	}
	v.wait(v.lastReasons()...)
}

// keepQuiet leaves the status as it is while a short gate follows a gate that passed, where the first was announced.
func (v *visit) keepQuiet(gate declaredGate, before []v1alpha1.GateStatus, index int) {
	// The beginning of a soak is written nowhere else.
	if GateTimeout(gate.Gate) > announceSeconds || gate.Soak.DurationSeconds > 0 {
		return
	}
	if index > 0 && len(before) == len(v.progress.Gates) && v.progress.Gates[index].State == v1alpha1.GateRunning &&
		onlyGateRunning(v.progress.Reasons) && onlyGateRunning(v.lastReasons()) {
		v.progress.Gates = before
		v.progress.Reasons = v.lastReasons()
	}
}

func onlyGateRunning(reasons []v1alpha1.Reason) bool {
	return len(reasons) == 1 && reasons[0].Type == v1alpha1.ReasonGateRunning
}

// lastReasons are those that the status held before this pass.
func (v *visit) lastReasons() []v1alpha1.Reason {
	if v.index < len(v.promotion().Status.Environments) {
		return v.promotion().Status.Environments[v.index].Reasons
	}
	return nil
}

func (v *visit) gateStatuses(gates []declaredGate) []v1alpha1.GateStatus {
	statuses := make([]v1alpha1.GateStatus, 0, len(gates))
	for _, g := range gates {
		statuses = append(statuses, v1alpha1.GateStatus{
			Name: g.Name, Purpose: g.Purpose, DeclaredBy: g.by, State: v1alpha1.GatePending, SpecHash: v.specHash(g.Gate),
			GateTemplate: g.template,
		})
	}
	return statuses
}

// run takes one gate a step further and says in its status how it stands.
func (v *visit) run(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus) {
	switch {
	case runsOwnImage(gate.Gate) && v.snapshot.Generator.Image == "":
		status.State = v1alpha1.GateErrored
		status.Message = "the operator does not know its own image by digest, and gates with load, metric, webhook or junit run that; start the operator from an image by digest, or with --image"
	case gate.Job.Image != "", measures(gate.Gate):
		v.runJob(gate, status, before)
		status.EarlierAttempts = v.earlierAttempts(gate, *status, before)
	case gate.Soak.DurationSeconds > 0:
		v.runSoak(gate, status, before)
	default:
		status.State = v1alpha1.GateErrored
		status.Message = "this operator knows no kind of gate that this one names; upgrade the operator, or write job, load, metric, webhook or soak"
	}
}

func (v *visit) runJob(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus) {
	if before.SpecHash != status.SpecHash {
		before = v1alpha1.GateStatus{}
	}
	status.HoldTime = before.HoldTime
	run := v.lastRun(gate.Name, status.SpecHash)
	switch {
	case held(before):
		v.goOnHeld(gate, status, before)
		return
	case run == nil, run.Attempt < value(before.Attempts):
		v.startAttempt(gate, status, before, max(1, value(before.Attempts)))
		return
	case run.open():
		v.keepRunning(gate, status, before, *run)
		return
	}
	ended := v.judged(gate, *run)
	if v.repeats(gate, ended, before) {
		v.repeat(gate, status, before, ended.Attempt, ended.Message)
		return
	}
	ended.report(status)
	status.Image = cmp.Or(status.Image, v.exactImage(gate.Job.Image))
}

// report writes how an attempt ended into the status of its gate.
func (r Run) report(status *v1alpha1.GateStatus) {
	status.Attempts, status.JobRef = ptr(r.Attempt), v1alpha1.JobReference{Name: r.Job, UID: r.UID}
	if r.Load != nil {
		status.Load = *r.Load
	}
	if r.Metric != nil {
		status.Metric = *r.Metric
	}
	if r.Webhook != nil {
		status.Webhook = *r.Webhook
	}
	if r.Tests != nil {
		status.Tests = r.Tests.Figures
	}
	status.Message, status.Image = v1alpha1.Clip(r.Message, 1024), r.Image
	status.StartTime, status.CompletionTime = r.Started, r.Completed
	switch r.State {
	case RunPassed:
		status.State = v1alpha1.GatePassed
	case RunFailed:
		status.State = v1alpha1.GateFailed
	default:
		status.State = v1alpha1.GateInconclusive
	}
}

// keepRunning says that an attempt runs. What was written when it started stays as it is.
func (v *visit) keepRunning(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus, run Run) {
	if before.State == v1alpha1.GateRunning && value(before.Attempts) == run.Attempt && before.SpecHash == status.SpecHash {
		*status = before
	} else {
		status.State, status.Attempts, status.StartTime = v1alpha1.GateRunning, ptr(run.Attempt), v.now()
		status.JobRef = v1alpha1.JobReference{Name: run.Job}
	}
	if retry := v.lastReasons(); run.Attempt > 1 && run.Problem == "" && len(retry) == 1 && retry[0].Type == v1alpha1.ReasonGateRetrying {
		v.wait(retry...)
		return
	}
	v.waitRun(gate, run)
}

func (v *visit) waitRun(gate declaredGate, run Run) {
	if run.State == RunWaiting && run.Problem != "" {
		v.wait(v1alpha1.NewReason(v1alpha1.ReasonGateCannotStart,
			"gate %s cannot start: %s; mend that, and it goes on by itself (kubectl describe job %s -n %s)", gate.Name, run.Problem, run.Job, v.namespace()))
		return
	}
	v.wait(v.running(gate, run.Job))
}

func (v *visit) running(gate declaredGate, job string) v1alpha1.Reason {
	return v1alpha1.NewReason(v1alpha1.ReasonGateRunning,
		"gate %s runs, gates run in the order listed; kubectl logs -f job/%s -n %s", gate.Name, job, v.namespace())
}

// startAttempt creates the Job of an attempt. Its name is the same whenever this is decided, so that there is one. An
// attempt that was started before and is not there was refused, or deleted by somebody, or its creation was lost: it is
// the same attempt, its status stays, and it does not get more time.
func (v *visit) startAttempt(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus, attempt int32) {
	job := JobName(v.uid(), v.step.Name, status.SpecHash, gate.Name, attempt)
	if before.State == v1alpha1.GateRunning && before.JobRef.Name == job {
		*status = before
		if v.overdue(before.StartTime, seconds(GateTimeout(gate.Gate))) {
			status.State, status.Message = v1alpha1.GateInconclusive, "its Job could not be started in time"
			return
		}
	} else {
		status.State, status.Attempts, status.StartTime = v1alpha1.GateRunning, ptr(attempt), v.now()
		status.JobRef = v1alpha1.JobReference{Name: job}
	}
	if measures(gate.Gate) {
		v.stopOthers(gate.Name, status.SpecHash)
	}
	exact := gate.Gate
	exact.Job.Image = v.exactImage(gate.Job.Image)
	v.do(StartGate{
		Namespace: v.namespace(), Job: job, Gate: exact, Generator: v.snapshot.Generator.Image, Attempt: attempt, SpecHash: status.SpecHash,
		KeepSeconds: int32(v.gatesTimeout().Seconds()) + keepJobSeconds,
		Promotion:   v.reference(), Pipeline: v.pipelineKey(), Environment: v.step.Name,
		ReleaseHash: v.status.ReleaseHash, Images: v.pulled(v.status.Images), WebhookNetworks: v.webhookNetworks(),
	})
	v.wait(v.running(gate, job))
}

// lastRun is the newest attempt of a gate as it is written now; nil before the first.
func (v *visit) lastRun(gate, specHash string) *Run {
	var last *Run
	for i, run := range v.site.Runs {
		if v.isAttempt(run, gate, specHash) && (last == nil || run.Attempt > last.Attempt) {
			last = &v.site.Runs[i]
		}
	}
	return last
}

// stopGates ends attempts that still run: nobody waits for their verdict any more.
func (v *visit) stopGates() {
	for _, run := range v.site.Runs {
		if run.Environment == v.step.Name && run.open() {
			v.do(StopGate{Namespace: v.namespace(), Job: run.Job})
		}
	}
	for i := range v.progress.Gates {
		if gate := &v.progress.Gates[i]; gate.State == v1alpha1.GateRunning {
			gate.State, gate.CompletionTime = v1alpha1.GateCancelled, v.now()
		}
	}
}

// runSoak watches the release for a time: ready, without a restart.
func (v *visit) runSoak(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus) {
	restarts, unready := int32(0), ""
	for _, w := range v.site.Workloads {
		if w.Ignored {
			continue
		}
		if !w.Settled {
			unready = w.Kind + " " + w.Name + " is not ready"
		}
		for _, pod := range w.Pods {
			restarts += pod.Restarts
		}
	}
	status.State, status.StartTime, status.Attempts = v1alpha1.GateRunning, before.StartTime, ptr(int32(1))
	status.RestartsAtStart = before.RestartsAtStart
	if status.StartTime == nil {
		status.StartTime, status.RestartsAtStart = v.now(), ptr(restarts)
	}
	switch {
	case unready != "":
		status.State, status.Message = v1alpha1.GateFailed, unready
	case restarts > value(status.RestartsAtStart):
		status.State, status.Message = v1alpha1.GateFailed, fmt.Sprintf("%d container restarts", restarts-value(status.RestartsAtStart))
	case v.overdue(status.StartTime, seconds(gate.Soak.DurationSeconds)):
		status.State, status.Message = v1alpha1.GatePassed, fmt.Sprintf("ready for %s, no restart, no drift", seconds(gate.Soak.DurationSeconds))
	default:
		v.wait(v1alpha1.NewReason(v1alpha1.ReasonGateRunning, "gate %s watches the release until %s", gate.Name,
			status.StartTime.Add(seconds(gate.Soak.DurationSeconds)).UTC().Format("2006-01-02 15:04:05 MST")))
		return
	}
	status.CompletionTime = v.now()
}

// drift says what runs that is not the release; empty where all is as it was deployed. That a pod is not ready is no
// drift, and neither is a pod more or less, or that the Environment names another mirror by now.
func (v *visit) drift() string {
	references := Mirrors{}.references(v.status.Images)
	for _, w := range v.site.Workloads {
		if w.Ignored {
			continue
		}
		if image := foreign(v.mirrors.canonicalImages(w.Images), references); image != "" {
			return fmt.Sprintf("%s %s was changed while gates ran: it names %s", w.Kind, w.Name, image)
		}
		for _, pod := range w.Pods {
			if image := foreign(v.mirrors.canonicalImages(pod.Images), references); image != "" {
				return fmt.Sprintf("pod %s of %s %s runs %s", pod.Name, w.Kind, w.Name, image)
			}
		}
	}
	return ""
}

// foreign returns the first image that is not what its repository's reference says; empty where there is none.
func foreign(have []ContainerImage, references map[string]string) string {
	for _, container := range have {
		if !agree([]ContainerImage{container}, references) {
			return container.Image
		}
	}
	return ""
}

// scaledToZero names an image of the release of which no pod is wanted anywhere; empty where there is none.
func (v *visit) scaledToZero() string {
	for _, image := range v.status.Pipeline.Images {
		wanted, found := false, false
		for _, w := range v.site.Workloads {
			if !w.Ignored && w.runs(image.Repository, v.mirrors) {
				found = true
				wanted = wanted || w.Desired > 0 || w.Kind == "CronJob"
			}
		}
		if found && !wanted && v.inRelease(image.Repository) {
			return image.Repository
		}
	}
	return ""
}

func (v *visit) waitScaledUp(repository string) {
	if v.overdue(v.progress.DeployTime, v.rolloutTimeout()) {
		v.fail(v1alpha1.CauseGateInconclusive, "no pod of "+repository+" was wanted for "+v.rolloutTimeout().String()+": a gate would have measured nothing")
		return
	}
	v.wait(v1alpha1.NewReason(v1alpha1.ReasonWorkloadScaledToZero,
		"every workload in %s that runs %s is scaled to zero, so that a gate would measure nothing; kubectl scale --replicas=1 -n %s ...", v.namespace(), repository, v.namespace()))
}

func previousStatus(before []v1alpha1.GateStatus, name string) v1alpha1.GateStatus {
	i := slices.IndexFunc(before, func(s v1alpha1.GateStatus) bool { return s.Name == name })
	if i < 0 {
		return v1alpha1.GateStatus{}
	}
	return before[i]
}

func gateMessage(status v1alpha1.GateStatus) string {
	message := "gate " + status.Name + " (" + string(status.Purpose) + ") " + strings.ToLower(string(status.State))
	if status.Message != "" {
		message += ": " + status.Message
	}
	return message
}

// value returns what a pointer points to, or zero.
func value(pointer *int32) int32 {
	return *cmp.Or(pointer, new(int32))
}
