package promotion

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// DefaultInterval lies between two samples of a metric gate, in seconds.
const DefaultInterval int32 = 15

// IsMetric says whether a gate asks a Prometheus.
func IsMetric(gate v1alpha1.Gate) bool { return gate.Metric.Samples > 0 }

// MetricSeconds is how long the samples of a gate may take, the answer to the last one included.
func MetricSeconds(gate v1alpha1.MetricGate) int32 {
	return gate.Samples*cmp.Or(gate.IntervalSeconds, DefaultInterval) + cmp.Or(gate.Prometheus.RequestTimeoutSeconds, defaultRequestTimeout)
}

// MinimumSamples is how many samples have to bring a number.
func MinimumSamples(gate v1alpha1.MetricGate) int32 { return cmp.Or(gate.MinimumSamples, gate.Samples) }

// TooManyFailed says whether more samples failed than a gate allows: nothing that comes later makes that good.
func TooManyFailed(gate v1alpha1.MetricGate, failed, consecutive int32) bool {
	return failed > gate.MaxFailed || gate.MaxConsecutiveFailed > 0 && consecutive > gate.MaxConsecutiveFailed
}

// soundMetric says whether a metric gate still makes sense whose numbers were set: the schema has seen others.
func soundMetric(gate v1alpha1.Gate) error {
	m, least := gate.Metric, MinimumSamples(gate.Metric)
	switch takes := MetricSeconds(m); {
	case gate.TimeoutSeconds > 0 && gate.TimeoutSeconds < takes:
		return fmt.Errorf("the samples take %d s with these parameters, and timeoutSeconds is %d: give fewer samples or more time", takes, gate.TimeoutSeconds)
	case least > m.Samples:
		return fmt.Errorf("minimumSamples is %d with these parameters, and only %d samples are taken: give more samples", least, m.Samples)
	case m.MaxFailed >= least:
		return fmt.Errorf("%d samples may fail with these parameters, and %d are the least that count, so that it could never fail: give more samples, or let fewer fail", m.MaxFailed, least)
	case m.MaxConsecutiveFailed > m.MaxFailed:
		return fmt.Errorf("maxConsecutiveFailed is %d with these parameters, and maxFailed %d: give at most as many", m.MaxConsecutiveFailed, m.MaxFailed)
	}
	return nil
}

// JudgeMetric compares what a metric gate saw with what it allows. That too little was seen passes nothing.
func JudgeMetric(gate v1alpha1.MetricGate, f v1alpha1.MetricFigures) (RunState, string) {
	samples, failed, missing := value(f.Samples), value(f.Failed), value(f.Missing)
	seen := samples - missing
	switch {
	case TooManyFailed(gate, failed, value(f.ConsecutiveFailed)):
		allowed := fmt.Sprintf("at most %d may", gate.MaxFailed)
		if gate.MaxConsecutiveFailed > 0 {
			allowed += fmt.Sprintf(", and %d one after another", gate.MaxConsecutiveFailed)
		}
		return RunFailed, fmt.Sprintf("%d of %d samples failed, %s: result %s, passes while %s", failed, samples, allowed, f.LastFailed, gate.PassIf)
	case seen < MinimumSamples(gate):
		text := fmt.Sprintf("only %d of %d samples brought a number, and %d have to", seen, gate.Samples, MinimumSamples(gate))
		if f.MissingReason != "" {
			text += ": " + f.MissingReason
		}
		return RunInconclusive, text
	}
	text := fmt.Sprintf("%d of %d samples passed", seen-failed, samples)
	if missing > 0 {
		text += fmt.Sprintf(", %d missing", missing)
	}
	text += ": " + gate.PassIf
	if f.Minimum != "" && f.Minimum == f.Maximum {
		text += ", always " + f.Minimum
	} else if f.Minimum != "" {
		text += ", from " + f.Minimum + " to " + f.Maximum
	}
	return RunPassed, text
}

// expressionProblems asks whether the conditions of gates can be understood, and says of which that is not so.
func (v *visit) expressionProblems() []v1alpha1.Reason {
	var problems []v1alpha1.Reason
	for _, gate := range v.gates() {
		expression := gate.Metric.PassIf
		if expression == "" {
			continue
		}
		problem, answered := v.snapshot.Expressions[expression]
		switch {
		case !answered:
			if !slices.Contains(v.questions.Expressions, expression) {
				v.questions.Expressions = append(v.questions.Expressions, expression)
			}
			problems = append(problems, v1alpha1.NewReason(v1alpha1.ReasonGateNotUnderstood, "the condition of gate %s is being read", gate.Name))
		case problem != "":
			problems = append(problems, v1alpha1.NewReason(v1alpha1.ReasonGateNotUnderstood,
				"gate %s passes if %s, and that is no condition: %s; write one such as result < 0.01%s", gate.Name, expression, v1alpha1.Clip(problem, 480), v.whereToMend(gate.by)))
		}
	}
	return problems
}

// expressionsUnderstood checks that the conditions of gates can be read, before anything is deployed for them.
func (v *visit) expressionsUnderstood() Verdict {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return ready()
	}
	return pendingUnless(v.expressionProblems())
}
