package promotion

import (
	"cmp"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	defaultWarmUp         int32 = 5
	defaultRequestTimeout int32 = 10
)

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
