package gate

import (
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/junit"
	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const (
	// runnerContainer copies the runner into the pod of a test, and tells its Job from others.
	runnerContainer = "runner"
	// runnerDirectory is where the test finds it; the schema keeps scratch away from there.
	runnerDirectory = "/.sluice"
	runnerVolume    = "sluice-runner"
	// runnerSize is room for the program, which has some 40 MiB.
	runnerSize = "128Mi"
)

// runnerShares are what copying takes.
var runnerShares = []share{
	{corev1.ResourceCPU, "50m", "1"},
	{corev1.ResourceMemory, "64Mi", "256Mi"},
	{corev1.ResourceEphemeralStorage, "0", "1Gi"},
}

// addRunner has the test started by a small runner, which reads its reports when it has ended. The runner is the operator's
// own program; the image of the test needs nothing.
func addRunner(spec *corev1.PodSpec, start promotion.StartGate) {
	size := resource.MustParse(runnerSize)
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name:         runnerVolume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &size}},
	})
	spec.InitContainers = []corev1.Container{{
		Name:            runnerContainer,
		Image:           start.Generator,
		Args:            []string{"runner", "install", runnerDirectory},
		Resources:       resourcesOf(nil, runnerShares),
		SecurityContext: restricted(),
		VolumeMounts:    []corev1.VolumeMount{{Name: runnerVolume, MountPath: runnerDirectory}},
	}}
	test := &spec.Containers[0]
	test.VolumeMounts = append(test.VolumeMounts, corev1.VolumeMount{Name: runnerVolume, MountPath: runnerDirectory, ReadOnly: true})
	test.Command = append(runnerCommand(start.Gate.Job), test.Command...)
}

func runnerCommand(job v1alpha1.JobGate) []string {
	command := []string{runnerDirectory + "/sluice", "runner", "run", "--directory", job.Scratch, "--reports", job.JUnit}
	for _, expression := range job.Tolerance.MustPass {
		// The kubelet replaces $(VARIABLE) in a command, and $$ by $.
		command = append(command, "--must-pass", strings.ReplaceAll(expression, "$", "$$"))
	}
	return append(command, "--")
}

// leavesReports says whether a Job was made for a test with reports.
func leavesReports(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Spec.Template.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == runnerContainer })
}

// observeReports completes what was observed of a test with reports: with its exit code, and what the runner left.
func observeReports(run promotion.Run, pod *corev1.Pod) promotion.Run {
	if pod == nil || run.State != promotion.RunPassed && run.State != promotion.RunFailed {
		return run
	}
	ended := terminated(pod)
	if ended == nil || !began(ended) {
		return run
	}
	// What the kubelet ended, for its deadline or for what it wrote, did not end by itself.
	if pod.Status.Reason == "" {
		run.ExitCode = &ended.ExitCode
	}
	summary, err := junit.Decode(ended.Message)
	if err != nil {
		run.Tests = &promotion.TestReport{Problem: podproblem.OneLine("what the runner left of the reports cannot be read: " + err.Error())}
		return run
	}
	run.Tests = testReport(summary)
	if run.State == promotion.RunFailed && run.ExitCode != nil {
		run.Message = "exit code of the test, and its reports"
	}
	return run
}

func testReport(s junit.Summary) *promotion.TestReport {
	report := &promotion.TestReport{Problem: s.Problem, Figures: v1alpha1.TestFigures{
		Passed: &s.Passed, Failed: &s.Failed, Skipped: &s.Skipped, Reports: &s.Reports, TestMilliseconds: &s.Milliseconds,
	}}
	for _, f := range s.Failures {
		report.Figures.Failures = append(report.Figures.Failures, v1alpha1.TestFailure{Name: f.Name, Message: f.Message})
	}
	for _, f := range s.MustPass {
		report.MustPass = append(report.MustPass, promotion.MustPass{Passed: f.Passed, NotPassed: f.NotPassed, First: f.First})
	}
	return report
}
