package gate

import (
	"encoding/json"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// The programs of the operator's own image that gates run. Each is a command of it (`sluice metric`), the name of the one
// container of its pod, which tells its Job from others, and the end of the variable that holds the gate (SLUICE_METRIC).
const (
	loadProgram    = "load"
	metricProgram  = "metric"
	webhookProgram = "webhook"
)

// ownVariable holds the gate of a program as JSON.
func ownVariable(program string) string { return "SLUICE_" + strings.ToUpper(program) }

// ownSecret is a variable that the kubelet fills from the Secret of the gate: what, for people, and the field that names it.
type ownSecret struct {
	variable, what, field string
	ref                   v1alpha1.SecretKeyReference
}

func (s ownSecret) missing() bool { return s.ref.Name == "" }

// ownContainer runs a program of the operator's own image. The program reads the gate from a variable, takes what is secret
// from others, and leaves what it found in the message of its container, which nobody but the kubelet reports.
func ownContainer(start promotion.StartGate, program string, gate any, secrets []ownSecret) corev1.Container {
	// The kubelet replaces $(VARIABLE) in values, and $$ by $. The program replaces variables itself, where they are meant
	// to be replaced; so each dollar is doubled.
	spec := strings.ReplaceAll(string(encode(gate)), "$", "$$")
	variables := ownVariables(start)
	for _, s := range secrets {
		variables = append(variables, corev1.EnvVar{Name: s.variable, ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: s.ref.Name}, Key: s.ref.Key},
		}})
	}
	return corev1.Container{
		Name:      program,
		Image:     start.Generator,
		Args:      []string{program},
		Env:       append(variables, corev1.EnvVar{Name: ownVariable(program), Value: spec}),
		Resources: resourcesOf(nil, shares),
	}
}

// encode writes a gate as JSON.
func encode(gate any) []byte {
	encoded, err := json.Marshal(gate)
	if err != nil {
		// API types always encode: they came from JSON.
		panic(err)
	}
	return encoded
}

// runs says whether a Job was made for a program.
func runs(job *batchv1.Job, program string) bool {
	return slices.ContainsFunc(job.Spec.Template.Spec.Containers, func(c corev1.Container) bool { return c.Name == program })
}

// leftResult says whether a run of a program is over and left a result to be read, and else how it stands. A program that
// fails says nothing about the release: unable says what it could not do.
func leftResult(run promotion.Run, job *batchv1.Job, pods []corev1.Pod, unable string) (promotion.Run, bool) {
	switch {
	case run.State == promotion.RunFailed:
		run.State, run.Message = promotion.RunInconclusive, unable+": "+run.Message
		return run, false
	case run.State != promotion.RunPassed:
		return run, false
	case slices.ContainsFunc(podsOf(job, pods), alive):
		// The Job is seen ahead of its pods, which are watched apart.
		run.State, run.Message = promotion.RunRunning, ""
		return run, false
	}
	return run, true
}

// observeSingle completes what was observed of a program that runs in one pod: read takes the message that it left.
func observeSingle(run promotion.Run, job *batchv1.Job, pods []corev1.Pod, unable string, read func(run *promotion.Run, left string) error) promotion.Run {
	run, over := leftResult(run, job, pods, unable)
	if !over {
		return run
	}
	pod := newestPod(job, pods)
	if pod == nil || terminated(pod) == nil || terminated(pod).ExitCode != 0 {
		run.State, run.Message = promotion.RunInconclusive, "its pod was deleted before the result was read"
		return run
	}
	if err := read(&run, terminated(pod).Message); err != nil {
		run.State, run.Message = promotion.RunInconclusive, podproblem.OneLine("what pod "+pod.Name+" left cannot be read: "+err.Error())
		return run
	}
	run.Message = "measured"
	return run
}
