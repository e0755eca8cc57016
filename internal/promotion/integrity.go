package promotion

import (
	"cmp"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// isAttempt says whether a Job is an attempt of a gate. Labels and annotations can be copied; the name is made of the
// promotion, the gate and the attempt, and only the operator may make a Job of such a name (sluice-gate-names).
func (v *visit) isAttempt(run Run, gate, specHash string) bool {
	return run.Environment == v.step.Name && run.Gate == gate && run.SpecHash == specHash &&
		run.Job == JobName(v.uid(), v.step.Name, specHash, gate, run.Attempt)
}

// genuine sees that an attempt ran the image that the gate names; else it shows nothing, whether it passed or failed. What
// the pod was made with is compared, and by digest: what a kubelet reports may be the digest of one platform of it, and
// a mirror has it under another name.
func (v *visit) genuine(gate declaredGate, run Run) Run {
	rendered := v.snapshot.Generator.Image
	if gate.Job.Image != "" {
		rendered = v.exactImage(gate.Job.Image)
	}
	asked := digestOf(run.Asked)
	if asked != "" && asked == digestOf(rendered) || run.State != RunPassed && run.State != RunFailed {
		return run
	}
	run.State, run.Load, run.Metric, run.Webhook, run.Tests = RunInconclusive, nil, nil, nil, nil
	run.Message = "its pod was made to run " + cmp.Or(run.Asked, "no image that is known") + ", and only results of " + rendered + " count"
	return run
}

// ResultHash identifies the result of a gate: SHA-256 over its JSON form, without the hash itself.
func ResultHash(gate v1alpha1.GateStatus) string {
	gate.ResultHash = ""
	return jsonHash(gate)
}

// Altered says whether the result of a gate is not what was recorded. Those from before there were hashes are taken as
// they are; the hash of their record covers them all the same.
func Altered(gate v1alpha1.GateStatus) bool {
	return gate.ResultHash != "" && gate.ResultHash != ResultHash(gate)
}

// sealed are results of gates as a record holds them: with what they are of, and a hash over each.
func (v *visit) sealed(gates []v1alpha1.GateStatus) []v1alpha1.GateStatus {
	results := slices.Clone(gates)
	for i := range results {
		if results[i].State != v1alpha1.GatePending && results[i].State != v1alpha1.GateRunning {
			results[i].ReleaseHash = v.status.ReleaseHash
			results[i].ResultHash = ResultHash(results[i])
		}
	}
	return results
}
