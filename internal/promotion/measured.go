package promotion

import (
	"cmp"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Gates that send load, ask a Prometheus or call a webhook have this in common: the operator's own image runs them, what it
// leaves is a result, and the core judges that.

// measureStartSeconds is what such a gate has beyond its time to get onto a node and to leave its result.
const measureStartSeconds int32 = 120

// Generator is the operator's own image, which gates that measure run.
type Generator struct {
	// Image by digest; empty where the operator does not know it.
	Image string
	// Reported is the same image as the kubelet reports it for the operator's own pod, which may be by the digest of the
	// node's platform; empty where that is not known.
	Reported string
}

// is says whether an image that a kubelet reports is the operator's, by digest.
func (g Generator) is(reported string) bool {
	digest := digestOf(reported)
	return digest != "" && (digest == digestOf(g.Image) || digest == digestOf(g.Reported))
}

func digestOf(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}

// GateTimeout is how many seconds one attempt of a gate may take.
func GateTimeout(gate v1alpha1.Gate) int32 {
	switch {
	case IsWebhook(gate):
		return WebhookSeconds(gate) + measureStartSeconds
	case gate.TimeoutSeconds > 0:
		return gate.TimeoutSeconds
	case IsLoad(gate):
		return LoadSeconds(gate.Load) + measureStartSeconds
	case IsMetric(gate):
		return MetricSeconds(gate.Metric) + measureStartSeconds
	}
	return defaultGateTimeout
}

// measures says whether a gate is measured, or its answer fetched, by the operator's own program.
func measures(gate v1alpha1.Gate) bool { return IsLoad(gate) || IsMetric(gate) || IsWebhook(gate) }

// runsOwnImage says whether the pods of a gate run the operator's own image: to measure, or to read reports of a test.
func runsOwnImage(gate v1alpha1.Gate) bool { return measures(gate) || HasReports(gate) }

// specHash identifies a gate as it is run. That of a gate that measures covers the program that does: after an upgrade of
// the operator it begins anew, as nobody can tell any more what the old one would have measured. That of a webhook covers
// what it may call.
func (v *visit) specHash(gate v1alpha1.Gate) string {
	if !measures(gate) {
		return GateHash(gate)
	}
	parts := []string{GateHash(gate), digestOf(v.snapshot.Generator.Image)}
	if IsWebhook(gate) {
		parts = append(parts, v.webhookNetworks()...)
	}
	return jsonHash(parts)
}

// judged turns what was observed of an attempt into a verdict: it counts only if it is genuine, and what was measured is
// compared with the limits of the gate.
func (v *visit) judged(gate declaredGate, run Run) Run {
	run = v.genuine(gate, run)
	if HasReports(gate.Gate) {
		return judgedByReports(gate.Job, run)
	}
	if !measures(gate.Gate) || run.State != RunPassed {
		return run
	}
	switch {
	case !hasResult(gate.Gate, run):
		run.State, run.Message = RunInconclusive, "its Job ended without a result"
	case !v.snapshot.Generator.is(run.Image):
		run.State, run.Message = RunInconclusive, "its pods ran "+cmp.Or(run.Image, "an image that the kubelet does not name by digest")+
			", and only results of the operator's own image count, "+v.snapshot.Generator.Image
	case IsWebhook(gate.Gate):
		run.State, run.Message = JudgeWebhook(*run.Webhook)
	case IsMetric(gate.Gate):
		run.State, run.Message = JudgeMetric(gate.Metric, *run.Metric)
	default:
		before, note := v.baseline(gate)
		run.State, run.Message = JudgeLoad(gate.Load, *run.Load, before)
		if note != "" {
			run.Message += "; " + note
		}
	}
	return run
}

// hasResult says whether a run of a gate that measures left a result of its kind.
func hasResult(gate v1alpha1.Gate, run Run) bool {
	switch {
	case IsWebhook(gate):
		return run.Webhook != nil
	case IsMetric(gate):
		return run.Metric != nil
	}
	return run.Load != nil
}
