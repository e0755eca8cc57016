package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	// maxAttempts is how many attempts of a gate the schema lets a status count.
	maxAttempts int32 = 11
	// maxAttemptMessage is how long the message of an earlier attempt may be.
	maxAttemptMessage = 256
	// holdLimit is how long a gate waits for people, all its waits together: three days, so over a weekend.
	holdLimit = 72 * time.Hour
)

// attempts is how many there may be of a gate.
func (g declaredGate) attempts() int32 {
	if g.OnInconclusive == v1alpha1.HoldInconclusive {
		return maxAttempts
	}
	return 1 + g.retries()
}

// repeats says whether an attempt that ended is repeated without anybody's help. What onInconclusive: Hold has people
// repeat is not taken from the retries.
func (v *visit) repeats(gate declaredGate, ended Run, before v1alpha1.GateStatus) bool {
	failed := ended.State == RunFailed
	switch {
	case ended.State == RunPassed:
		return false
	case !failed && gate.OnInconclusive == v1alpha1.FailInconclusive, !failed && gate.OnInconclusive == v1alpha1.HoldInconclusive:
		return false
	case gate.OnInconclusive == v1alpha1.HoldInconclusive:
		return ended.Attempt < maxAttempts && failures(before.EarlierAttempts) < gate.retries()
	}
	return ended.Attempt <= gate.retries()
}

func failures(attempts []v1alpha1.GateAttempt) int32 {
	count := int32(0)
	for _, attempt := range attempts {
		if attempt.State == v1alpha1.GateFailed {
			count++
		}
	}
	return count
}

// repeat starts the attempt after one that ended, and says why.
func (v *visit) repeat(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus, last int32, why string) {
	v.startAttempt(gate, status, before, last+1)
	if status.State != v1alpha1.GateRunning {
		return
	}
	v.progress.Reasons = []v1alpha1.Reason{v1alpha1.NewReason(v1alpha1.ReasonGateRetrying,
		"gate %s runs again, attempt %d of %d, after: %s", gate.Name, last+1, gate.attempts(), why)}
}

// held says whether a gate waits for a person. Once it does, only a person, or time, makes it go on, whatever becomes of
// its Job.
func held(status v1alpha1.GateStatus) bool {
	return status.State == v1alpha1.GateInconclusive && status.HoldTime != nil
}

// goOnHeld repeats an attempt that waits for a person if somebody says so.
func (v *visit) goOnHeld(gate declaredGate, status *v1alpha1.GateStatus, before v1alpha1.GateStatus) {
	if !v.repeatAsked(gate.Name, value(before.Attempts)) || value(before.Attempts) >= gate.attempts() {
		*status = before
		return
	}
	v.repeat(gate, status, before, value(before.Attempts), before.Message)
}

// repeatAsked says whether the Promotion asks for another attempt after this one. The number is part of it, so that one
// wish is one attempt.
func (v *visit) repeatAsked(gate string, attempt int32) bool {
	asked := strings.Fields(v.promotion().Annotations[v1alpha1.RepeatAnnotation])
	return slices.Contains(asked, v.attemptKey(gate, attempt))
}

func (v *visit) attemptKey(gate string, attempt int32) string {
	return fmt.Sprintf("%s/%s/%d", v.step.Name, gate, attempt)
}

// endInconclusive ends the stay here because of a gate that measured too little, or waits for a person where the gate
// says so and there is still time.
func (v *visit) endInconclusive(gate declaredGate, status *v1alpha1.GateStatus) {
	if gate.OnInconclusive != v1alpha1.HoldInconclusive || status.State != v1alpha1.GateInconclusive {
		v.fail(v1alpha1.CauseGateInconclusive, gateMessage(*status))
		return
	}
	if status.HoldTime == nil {
		status.HoldTime = v.now()
	}
	over := ""
	switch {
	case value(status.Attempts) >= maxAttempts:
		over = fmt.Sprintf("%d attempts are the most", maxAttempts)
	case v.expired():
		over = "the Promotion's activeDeadlineSeconds are over"
	case v.overdue(status.HoldTime, holdLimit):
		over = "nobody had it repeated within " + holdLimit.String()
	}
	if over != "" {
		v.fail(v1alpha1.CauseGateInconclusive, v1alpha1.Clip(gateMessage(*status), 960)+"; "+over)
		return
	}
	p := v.promotion()
	v.wait(v1alpha1.NewReason(v1alpha1.ReasonGateHeld,
		"gate %s was inconclusive, and waits for somebody to mend that and have it repeated before %s: %s; "+
			"kubectl annotate promotion %s -n %s --overwrite %s=%s, or cancel the Promotion",
		gate.Name, status.HoldTime.Add(holdLimit).UTC().Format("2006-01-02 15:04 MST"), v1alpha1.Clip(status.Message, 512),
		p.Name, p.Namespace, v1alpha1.RepeatAnnotation, v.attemptKey(gate.Name, value(status.Attempts))))
}

// earlierAttempts are those before the last one: as they were written down, else as their Jobs tell.
func (v *visit) earlierAttempts(gate declaredGate, status, before v1alpha1.GateStatus) []v1alpha1.GateAttempt {
	if before.SpecHash != status.SpecHash {
		before = v1alpha1.GateStatus{}
	}
	var attempts []v1alpha1.GateAttempt
	for n := int32(1); n < value(status.Attempts); n++ {
		if i := slices.IndexFunc(before.EarlierAttempts, func(a v1alpha1.GateAttempt) bool { return a.Attempt == n }); i >= 0 {
			attempts = append(attempts, before.EarlierAttempts[i])
		} else if run := v.findRun(gate.Name, status.SpecHash, n); run != nil {
			ended := v1alpha1.GateStatus{}
			v.judged(gate, *run).report(&ended)
			attempts = append(attempts, attemptOf(ended))
		} else if value(before.Attempts) == n && before.State != v1alpha1.GateRunning {
			attempts = append(attempts, attemptOf(before))
		}
	}
	return attempts
}

func attemptOf(ended v1alpha1.GateStatus) v1alpha1.GateAttempt {
	return v1alpha1.GateAttempt{
		Attempt: value(ended.Attempts), State: ended.State, Message: v1alpha1.Clip(ended.Message, maxAttemptMessage),
		StartTime: ended.StartTime, CompletionTime: ended.CompletionTime, JobRef: ended.JobRef,
	}
}

// findRun is one attempt of a gate as it is written now; nil where it is not there.
func (v *visit) findRun(gate, specHash string, attempt int32) *Run {
	for i, run := range v.site.Runs {
		if run.Attempt == attempt && v.isAttempt(run, gate, specHash) {
			return &v.site.Runs[i]
		}
	}
	return nil
}
