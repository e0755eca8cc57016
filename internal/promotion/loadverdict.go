package promotion

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	defaultSuccess int32 = 9900
	// keptRate is how much of its rate a generator has to have kept, in hundredths of a percent.
	keptRate = 9500
	// leastTogether is the part of the time in which all workers have to have measured at once.
	leastTogether = 9000
	// mostThrottled is the part of the time in which the kernel may have kept a worker from its CPU.
	mostThrottled = 500
	// A generator may send as late as a fifth of the shortest limit on latency, but not less than 5 ms, and 50 ms where
	// there is no such limit.
	lateShare, leastLate, defaultLate int64 = 5, 5_000, 50_000
)

// figure of a load gate with its limits; values are in microseconds.
type figure struct {
	name  string
	value *int64
	limit int32
	// before is the value of the baseline, and more what may be added to it, such as "+10%".
	before *int64
	more   string
}

// JudgeLoad compares what a load gate measured with its thresholds, and with a baseline where there is one. It passes
// only what was measured well enough: a generator that lacked CPU, did not keep its rate, or measured too little shows
// nothing about the release. In an open model a slow release cannot slow the generator down until as many requests wait
// as it may have open; what that holds back counts against the release.
func JudgeLoad(gate v1alpha1.LoadGate, f v1alpha1.LoadFigures, baseline *Baseline) (RunState, string) {
	missed := missedLimits(gate, f, baseline)
	doubt := doubts(gate, f)
	switch {
	case doubt != "" && answeredWrongly(gate, f) && count(f.Requests) >= int64(MinimumRequests(gate)):
		// That answers were wrong is not the generator's doing.
		return RunFailed, strings.Join(missed, "; ") + " " + volume(f)
	case doubt != "" && len(missed) > 0:
		return RunInconclusive, doubt + "; as measured: " + strings.Join(missed, "; ") + " " + volume(f)
	case doubt != "":
		return RunInconclusive, doubt
	case len(missed) > 0:
		return RunFailed, strings.Join(missed, "; ") + " " + volume(f)
	}
	return RunPassed, passedMessage(f)
}

// MinimumRequests that have to be measured: ten beyond the highest percentile that is limited.
func MinimumRequests(gate v1alpha1.LoadGate) int32 {
	switch {
	case gate.MinimumRequests > 0:
		return gate.MinimumRequests
	case gate.Thresholds.P99Microseconds > 0:
		return 1000
	case gate.Thresholds.P95Microseconds > 0:
		return 200
	}
	return 100
}

// doubts says why the figures show too little; empty where they can be trusted.
func doubts(gate v1alpha1.LoadGate, f v1alpha1.LoadFigures) string {
	intended, sent := count(f.Intended), count(f.Requests)
	switch {
	case f.Workers != max(1, gate.Workers):
		return fmt.Sprintf("%d workers measured, and the gate asks for %d", f.Workers, max(1, gate.Workers))
	case sent < int64(MinimumRequests(gate)):
		return fmt.Sprintf("only %s requests were measured, and %s are needed to tell; make the gate longer or its rate higher", Thousands(sent), Thousands(int64(MinimumRequests(gate))))
	case sent*10000 < intended*keptRate && count(f.HeldBack) < intended-sent:
		return fmt.Sprintf("the generator sent only %s of %s requests in time; give it more CPU (load.resources) or more workers", Thousands(sent), Thousands(intended))
	case value(f.TogetherBasisPoints) < leastTogether:
		return fmt.Sprintf("the workers measured at the same time for only %s of the time; make the gate longer, or see why their pods start one after another", Percent(value(f.TogetherBasisPoints)))
	case value(f.ThrottledBasisPoints) > mostThrottled:
		return fmt.Sprintf("the generator was kept from its CPU for %s of the time; raise or drop its CPU limit (load.resources)", Percent(value(f.ThrottledBasisPoints)))
	case count(f.LateMicroseconds) > mostLate(gate):
		return fmt.Sprintf("the generator was short of CPU: it sent one in 100 requests %s late or more, and %s is the most; give it more CPU (load.resources) or more workers", Microseconds(count(f.LateMicroseconds)), Microseconds(mostLate(gate)))
	}
	return ""
}

// mostLate is how late requests may be sent, in microseconds.
func mostLate(gate v1alpha1.LoadGate) int64 {
	shortest := int64(0)
	for _, limit := range []int32{
		gate.Thresholds.P50Microseconds, gate.Thresholds.P90Microseconds, gate.Thresholds.P95Microseconds,
		gate.Thresholds.P99Microseconds, gate.Thresholds.MaxMicroseconds,
	} {
		if limit > 0 && (shortest == 0 || int64(limit) < shortest) {
			shortest = int64(limit)
		}
	}
	if shortest == 0 {
		return defaultLate
	}
	return max(leastLate, shortest/lateShare)
}

// answeredWrongly says whether more requests than may fail got an answer, and a wrong one.
func answeredWrongly(gate v1alpha1.LoadGate, f v1alpha1.LoadFigures) bool {
	wrong := int64(0)
	for _, failure := range f.Failures {
		if failure.Kind == v1alpha1.FailureStatus || failure.Kind == v1alpha1.FailureBody {
			wrong += count(failure.Count)
		}
	}
	return wrong*10000 > count(f.Intended)*int64(10000-leastSuccess(gate))
}

func leastSuccess(gate v1alpha1.LoadGate) int32 {
	return cmp.Or(gate.Thresholds.SuccessBasisPoints, defaultSuccess)
}

// missedLimits names every limit that was missed, with the figure.
func missedLimits(gate v1alpha1.LoadGate, f v1alpha1.LoadFigures, baseline *Baseline) []string {
	var missed []string
	for _, latency := range latencies(gate, f, baseline) {
		missed = append(missed, latency.missed(baseline)...)
	}
	if got, least := value(f.SuccessBasisPoints), leastSuccess(gate); got < least {
		missed = append(missed, fmt.Sprintf("%s succeeded, at least %s must%s", Percent(got), Percent(least), commonest(f)))
	}
	if got, least := value(f.AnsweredPerSecond), gate.Thresholds.AnsweredPerSecond; got < least {
		missed = append(missed, fmt.Sprintf("%s good answers per second, at least %s must be", Thousands(int64(got)), Thousands(int64(least))))
	}
	return missed
}

func latencies(gate v1alpha1.LoadGate, f v1alpha1.LoadFigures, baseline *Baseline) []figure {
	limits, relative, before := gate.Thresholds, gate.Baseline, v1alpha1.LoadFigures{}
	if baseline != nil {
		before = baseline.Figures
	}
	return []figure{
		{"p50", f.P50Microseconds, limits.P50Microseconds, before.P50Microseconds, relative.P50},
		{"p90", f.P90Microseconds, limits.P90Microseconds, before.P90Microseconds, relative.P90},
		{"p95", f.P95Microseconds, limits.P95Microseconds, before.P95Microseconds, relative.P95},
		{"p99", f.P99Microseconds, limits.P99Microseconds, before.P99Microseconds, relative.P99},
		{"max", f.MaxMicroseconds, limits.MaxMicroseconds, before.MaxMicroseconds, relative.Max},
	}
}

func (l figure) missed(baseline *Baseline) []string {
	var missed []string
	if l.limit > 0 && (l.value == nil || *l.value > int64(l.limit)) {
		missed = append(missed, fmt.Sprintf("%s %s, limit %s", l.name, l.text(), Microseconds(int64(l.limit))))
	}
	if baseline == nil || l.more == "" || l.before == nil {
		return missed
	}
	most := *l.before * (100 + percentage(l.more)) / 100
	if l.value == nil || *l.value > most {
		missed = append(missed, fmt.Sprintf("%s %s, limit %s (%s of %s, %s)", l.name, l.text(), Microseconds(most), Microseconds(*l.before), baseline.Of, l.more))
	}
	return missed
}

// text of the value. There is none where so many requests failed that the percentile is among them.
func (l figure) text() string {
	if l.value == nil {
		return "cannot be told, as too many requests failed"
	}
	return Microseconds(*l.value)
}

// percentage reads "+10%". What is no number adds nothing: that is the stricter reading.
func percentage(text string) int64 {
	number, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(text, "+"), "%"), 10, 32)
	if err != nil || number < 0 {
		return 0
	}
	return number
}

// commonest names the failure that was seen most.
func commonest(f v1alpha1.LoadFigures) string {
	if len(f.Failures) == 0 {
		return ""
	}
	first := f.Failures[0]
	text := fmt.Sprintf(" (%s times %s", Thousands(count(first.Count)), first.Kind)
	if first.Example != "" {
		text += ": " + first.Example
	}
	return text + ")"
}

func passedMessage(f v1alpha1.LoadFigures) string {
	var said []string
	for _, l := range latencies(v1alpha1.LoadGate{}, f, nil) {
		if l.value != nil && (l.name == "p50" || l.name == "p99") {
			said = append(said, l.name+" "+l.text())
		}
	}
	return strings.Join(append(said, Percent(value(f.SuccessBasisPoints))+" succeeded"), ", ") + " " + volume(f)
}

// volume says how much was measured.
func volume(f v1alpha1.LoadFigures) string {
	return fmt.Sprintf("(%s requests at %s/s)", Thousands(count(f.Requests)), Thousands(int64(value(f.SentPerSecond))))
}

func count(pointer *int64) int64 { return *cmp.Or(pointer, new(int64)) }
