package promotion

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	defaultWarmUp         int32 = 5
	defaultRequestTimeout int32 = 10
	// loadStartSeconds is what a gate that measures has beyond its time to get onto a node and to leave its result.
	loadStartSeconds int32 = 120
)

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

// IsLoad says whether a gate sends load.
func IsLoad(gate v1alpha1.Gate) bool { return len(gate.Load.Targets) > 0 }

// LoadSeconds is how long the generator of a gate may take: warm-up and stages, then the last answers.
func LoadSeconds(gate v1alpha1.LoadGate) int32 {
	total := defaultWarmUp
	if gate.WarmUpSeconds != nil {
		total = *gate.WarmUpSeconds
	}
	total += gate.DurationSeconds
	for _, stage := range gate.Stages {
		total += stage.DurationSeconds
	}
	return total + 2*cmp.Or(gate.RequestTimeoutSeconds, defaultRequestTimeout)
}

// GateTimeout is how many seconds one attempt of a gate may take.
func GateTimeout(gate v1alpha1.Gate) int32 {
	switch {
	case IsWebhook(gate):
		return WebhookSeconds(gate) + loadStartSeconds
	case gate.TimeoutSeconds > 0:
		return gate.TimeoutSeconds
	case IsLoad(gate):
		return LoadSeconds(gate.Load) + loadStartSeconds
	case IsMetric(gate):
		return MetricSeconds(gate.Metric) + loadStartSeconds
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

// judgedByReports judges what a test with reports left. One that completed passes by its reports alone: without a pod that
// tells of them nobody knows what they say.
func judgedByReports(job v1alpha1.JobGate, run Run) Run {
	switch {
	case run.State != RunPassed && run.State != RunFailed:
	case run.ExitCode != nil:
		run.State, run.Message = JudgeTests(job, *run.ExitCode, run.Tests)
	case run.State == RunPassed:
		run.State, run.Message = RunInconclusive, "its Job completed, and no pod is left that tells of its reports"
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

// Baseline is what a load gate found before.
type Baseline struct {
	// Of says which release it is of, for people.
	Of string
	// Figures that it found.
	Figures v1alpha1.LoadFigures
}

// baseline finds what the gate found here for the release that runs in the environment that it names: in the newest
// record Passed of that release. Where there is none, a note says so.
func (v *visit) baseline(gate declaredGate) (*Baseline, string) {
	name := gate.Load.Baseline.Environment
	if name == "" {
		return nil, ""
	}
	i := slices.IndexFunc(v.status.Pipeline.Environments, func(e v1alpha1.PipelineEnvironment) bool { return e.Name == name })
	if i < 0 {
		return nil, "not compared: the pipeline has no environment " + name
	}
	running := Stable(v.snapshot.Records, v.status.Pipeline.Environments[i].EnvironmentRef.Namespace)
	if running == nil {
		return nil, "not compared: no release runs in " + name
	}
	figures := v.figuresOf(running.Spec.ReleaseHash, gate.Name)
	if figures == nil {
		return nil, "not compared: this gate never measured release " + short(running.Spec.ReleaseHash) + ", which runs in " + name
	}
	return &Baseline{Of: "release " + short(running.Spec.ReleaseHash) + " in " + name, Figures: *figures}, ""
}

// figuresOf is what a gate measured for a release here, if the newest record of that release says that it passed.
func (v *visit) figuresOf(releaseHash, gate string) *v1alpha1.LoadFigures {
	record := newestOf(v.snapshot.Records, v.namespace(), releaseHash)
	if record == nil || record.Spec.Result != v1alpha1.ResultPassed {
		return nil
	}
	for i := range record.Spec.Gates {
		if g := &record.Spec.Gates[i]; g.Name == gate && g.State == v1alpha1.GatePassed && g.Load.Requests != nil {
			return &g.Load
		}
	}
	return nil
}

// stopOthers ends attempts of a gate that was another then: two loads at once would measure each other.
func (v *visit) stopOthers(gate, specHash string) {
	for _, run := range v.site.Runs {
		if run.Environment == v.step.Name && run.Gate == gate && run.SpecHash != specHash && run.open() {
			v.do(StopGate{Namespace: v.namespace(), Job: run.Job})
		}
	}
}

// withoutHistograms are gates as a status shows them. The histograms stay in the record.
func withoutHistograms(gates []v1alpha1.GateStatus) []v1alpha1.GateStatus {
	shown := slices.Clone(gates)
	for i := range shown {
		shown[i].Load.Histogram = ""
	}
	return shown
}
