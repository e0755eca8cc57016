package gate

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func withReports(j *v1alpha1.JobGate) {
	j.Command, j.Args, j.Scratch, j.JUnit = []string{"pytest"}, []string{"--junitxml=/out/r.xml"}, "/out", "*.xml"
	j.Tolerance.MustPass = []string{"payment.*", `.*total\$`}
}

// makeReportsJob is the Job of a test with reports.
func makeReportsJob() *jobBuilder {
	start := makeStart().With(withReports).Obj()
	start.Generator = operatorImage
	job := Render(start)
	job.UID = "job-1"
	return &jobBuilder{job}
}

func TestRenderReports(t *testing.T) {
	pod := makeReportsJob().Obj().Spec.Template.Spec
	test, runner := pod.Containers[0], pod.InitContainers[0]
	want := []string{"/.sluice/sluice", "runner", "run", "--directory", "/out", "--reports", "*.xml",
		"--must-pass", "payment.*", "--must-pass", `.*total\$$`, "--", "pytest"}
	if test.Image != testImage || !slices.Equal(test.Command, want) || !slices.Equal(test.Args, []string{"--junitxml=/out/r.xml"}) {
		t.Errorf("the test is %s %q %q", test.Image, test.Command, test.Args)
	}
	if runner.Image != operatorImage || !slices.Equal(runner.Args, []string{"runner", "install", "/.sluice"}) || len(runner.Env) > 0 {
		t.Errorf("the runner is %s %q %v", runner.Image, runner.Args, runner.Env)
	}
	for _, c := range []corev1.Container{test, runner} {
		s := c.SecurityContext
		if !*s.RunAsNonRoot || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Capabilities.Drop[0] != "ALL" {
			t.Errorf("%s may do too much: %+v", c.Name, s)
		}
		if _, limited := c.Resources.Limits[corev1.ResourceEphemeralStorage]; !limited {
			t.Errorf("%s may fill the node", c.Name)
		}
	}
	i := slices.IndexFunc(test.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/.sluice" })
	if i < 0 || !test.VolumeMounts[i].ReadOnly || runner.VolumeMounts[0].Name != test.VolumeMounts[i].Name || pod.Volumes[1].EmptyDir.SizeLimit.IsZero() {
		t.Errorf("the program is handed over by %+v and %+v in %+v", runner.VolumeMounts, test.VolumeMounts, pod.Volumes)
	}
	if without := makeJob().Obj().Spec.Template.Spec; len(without.InitContainers) > 0 || len(without.Volumes) > 0 {
		t.Errorf("a gate without reports has %+v", without)
	}
}

func TestObserveReports(t *testing.T) {
	const summary = `{"reports": 1, "passed": 180, "failed": 2, "skipped": 3, "failures": [{"name": "payment.refund", "message": "want 667"}], "mustPass": [{"passed": 7}, {}]}`
	for name, c := range map[string]struct {
		job     *jobBuilder
		pod     corev1.Pod
		state   promotion.RunState
		code    int32
		failed  int32
		problem string
	}{
		"passed":          {makeReportsJob().Complete(), makePod("p").Terminated(0, "Completed", summary).Obj(), promotion.RunPassed, 0, 2, ""},
		"failed":          {makeReportsJob().Failed(), makePod("p").Terminated(1, "Error", summary).Obj(), promotion.RunFailed, 1, 2, ""},
		"killed":          {makeReportsJob().Failed(), makePod("p").Terminated(137, "OOMKilled", "").Obj(), promotion.RunFailed, 137, -1, "cannot be read"},
		"a lie":           {makeReportsJob().Complete(), makePod("p").Terminated(0, "Completed", "PASSED").Obj(), promotion.RunPassed, 0, -1, "no summary of reports"},
		"could not start": {makeReportsJob().Failed(), makePod("p").Terminated(127, "Error", `{"problem": "the test could not be started: no such file"}`).Obj(), promotion.RunFailed, 127, 0, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			run := Observe(c.job.Obj(), []corev1.Pod{c.pod}, nil)
			if run.State != c.state || run.ExitCode == nil || *run.ExitCode != c.code || run.Tests == nil || !strings.Contains(run.Tests.Problem, c.problem) {
				t.Fatalf("it is %+v, tests %+v", run, run.Tests)
			}
			if c.failed >= 0 && *run.Tests.Figures.Failed != c.failed {
				t.Errorf("%+v", run.Tests.Figures)
			}
			if c.failed == 2 && (run.Tests.Figures.Failures[0].Name != "payment.refund" || run.Tests.MustPass[0].Passed != 7) {
				t.Errorf("%+v", run.Tests)
			}
		})
	}
	late := makePod("p").Terminated(143, "Error", summary).Ended(batchv1.JobReasonDeadlineExceeded, "").Obj()
	if run := Observe(makeReportsJob().Overdue().Obj(), []corev1.Pod{late}, nil); run.ExitCode != nil || run.State != promotion.RunFailed || !strings.Contains(run.Message, "did not end within") {
		t.Errorf("what was too slow is %+v", run)
	}
	if run := Observe(makeJob().Complete().Obj(), []corev1.Pod{makePod("p").Terminated(0, "Completed", summary).Obj()}, nil); run.Tests != nil || run.ExitCode != nil {
		t.Errorf("a test without reports has %+v", run.Tests)
	}
}

func TestARunnerThatCannotBeInstalled(t *testing.T) {
	pod := makePod("p").Waiting("PodInitializing", "").Obj()
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "runner", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such host"},
	}}}
	if run := Observe(makeReportsJob().Obj(), []corev1.Pod{pod}, nil); run.State != promotion.RunWaiting || run.Problem != "ImagePullBackOff: no such host" {
		t.Errorf("while its image is pulled it is %s: %s", run.State, run.Problem)
	}
	pod.Status.InitContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "no space left"}}
	if run := Observe(makeReportsJob().Failed().Obj(), []corev1.Pod{pod}, nil); run.State != promotion.RunInconclusive || !strings.Contains(run.Message, "container runner: exit code 1: no space left") {
		t.Errorf("after it failed it is %s: %s", run.State, run.Message)
	}
}
