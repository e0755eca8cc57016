package gate

import (
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func TestObserveIdentity(t *testing.T) {
	got := Observe(makeJob().Condition(batchv1.JobComplete, "", "").Obj(), []corev1.Pod{makePod("a").Terminated(0, "Completed", "").Obj()}, nil)
	want := promotion.Run{
		Environment: "test", Gate: "contract", Attempt: 2, SpecHash: "beef", Job: "sl-0123456789abcdef0123", UID: "job-1",
		State: promotion.RunPassed, Message: "exit code 0", Image: testImage,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	odd := makeJob().Obj()
	odd.Labels[v1alpha1.AttemptLabel] = "many"
	if run := Observe(odd, nil, nil); run.Attempt != 0 {
		t.Errorf("want attempt 0, which no gate waits for, got %+v", run)
	}
}

func TestObserveTimes(t *testing.T) {
	started, ended := after(1), after(9)
	passed := makeJob().Condition(batchv1.JobComplete, "", "").Obj()
	passed.Status.StartTime, passed.Status.CompletionTime = &started, &ended
	failed := makeJob().Failed().Obj()
	failed.Status.StartTime, failed.Status.Conditions[0].LastTransitionTime = &started, ended
	running := makeJob().Obj()
	running.Status.StartTime = &started
	for _, c := range []struct {
		reason             string
		job                *batchv1.Job
		started, completed *metav1.Time
	}{
		{"not begun", makeJob().Obj(), nil, nil},
		{"at work", running, &started, nil},
		{"passed", passed, &started, &ended},
		{"failed, of which the Job notes no end but in its condition", failed, &started, &ended},
	} {
		t.Run(c.reason, func(t *testing.T) {
			run := Observe(c.job, nil, nil)
			if !run.Started.Equal(c.started) || !run.Completed.Equal(c.completed) {
				t.Errorf("got %v to %v, want %v to %v", run.Started, run.Completed, c.started, c.completed)
			}
		})
	}
}

func TestObserveImageScenario14(t *testing.T) {
	for _, c := range []struct{ reason, imageID, want string }{
		{"as it is", testImage, testImage},
		{"with how it was pulled", "docker-pullable://" + testImage, testImage},
		{"the id of a configuration", digestA, ""},
		{"the id of a configuration with a scheme", "docker://" + digestA, ""},
		{"not pulled yet", "", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			pod := makePod("a").State(c.imageID, corev1.ContainerState{}).Obj()
			if got := Observe(makeJob().Obj(), []corev1.Pod{pod}, nil).Image; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

type observation struct {
	reason string
	job    *jobBuilder
	pods   []corev1.Pod
	events []corev1.Event
	state  promotion.RunState
	text   string
}

// check compares state and text, whatever the order of what was listed.
func (o observation) check(t *testing.T, text func(promotion.Run) string) {
	t.Helper()
	for range 2 {
		run := Observe(o.job.Obj(), o.pods, o.events)
		if run.State != o.state || text(run) != o.text {
			t.Errorf("got %s %q, want %s %q", run.State, text(run), o.state, o.text)
		}
		slices.Reverse(o.pods)
		slices.Reverse(o.events)
	}
}

func pods(builders ...*podBuilder) []corev1.Pod {
	var list []corev1.Pod
	for _, b := range builders {
		list = append(list, b.Obj())
	}
	return list
}

func TestObserveEnd(t *testing.T) {
	disrupted := makePod("z").Terminated(137, "Error", "")
	epoch := metav1.Unix(0, 0)
	for _, o := range []observation{
		{"it passed", makeJob().Condition(batchv1.JobComplete, "", ""), pods(makePod("a").Terminated(0, "Completed", "")), nil,
			promotion.RunPassed, "exit code 0"},
		{"it passed, and its pod is gone", makeJob().Condition(batchv1.JobComplete, "", ""), nil, nil, promotion.RunPassed, "exit code 0"},
		{"it failed", makeJob().Failed(), pods(makePod("a").Terminated(1, "Error", "")), nil, promotion.RunFailed, "exit code 1"},
		{"it took too much memory", makeJob().Failed(), pods(makePod("a").Terminated(137, "OOMKilled", "")), nil,
			promotion.RunFailed, "exit code 137 (OOMKilled)"},
		{"it wrote why", makeJob().Failed(), pods(makePod("a").Terminated(1, "Error", "3 of 182 failed\n\x1b[2J")), nil,
			promotion.RunFailed, "exit code 1: 3 of 182 failed [2J"},
		{"it wrote more than it may", makeJob().Failed(), pods(makePod("a").Terminated(137, "Error", "").Ended("Evicted", "ephemeral storage")), nil,
			promotion.RunFailed, "exit code 137, Evicted: ephemeral storage"},
		{"the pod that replaced a disrupted one counts", makeJob().Failed(), pods(disrupted, makePod("a").Created(after(9)).Terminated(3, "Error", "")), nil,
			promotion.RunFailed, "exit code 3"},
		{"a pod of another Job does not count", makeJob().Failed(), pods(makePod("a").Terminated(1, "Error", "").Of("job-2")), nil,
			promotion.RunInconclusive, "its pod was deleted before the result was read"},
		{"its pod is gone", makeJob().Failed(), nil, nil, promotion.RunInconclusive, "its pod was deleted before the result was read"},
		{"its pod is going", makeJob().Failed(), pods(makePod("a").Terminated(143, "Error", "").Deleting()), nil,
			promotion.RunInconclusive, "its pod was deleted before the result was read"},
		{"the command is not in the image", makeJob().Failed(), pods(makePod("a").NeverBegan(epoch, "StartError", "exec: not found")), nil,
			promotion.RunInconclusive, "the test did not start: StartError: exec: not found"},
		{"the node lost it", makeJob().Failed(), pods(makePod("a").NeverBegan(metav1.Time{}, "ContainerStatusUnknown", "")), nil,
			promotion.RunInconclusive, "the test did not start: ContainerStatusUnknown"},
		{"nothing is known of its container", makeJob().Failed(), pods(makePod("a")), nil, promotion.RunInconclusive, "the test did not start"},
		{"a good exit of a failed Job is no pass", makeJob().Failed(), pods(makePod("a").Terminated(0, "Completed", "")), nil,
			promotion.RunInconclusive, "the test ended with exit code 0, but its Job failed: Job has reached the specified backoff limit"},
		{"the kubelet ended it", makeJob().Failed(), pods(makePod("a").Terminated(137, "Error", "").Ended("DeadlineExceeded", "")), nil,
			promotion.RunFailed, "did not end within 600 s"},
		{"the kubelet ended it before it began", makeJob().Failed(), pods(makePod("a").NeverBegan(metav1.Time{}, "ContainerStatusUnknown", "").Ended("DeadlineExceeded", "")), nil,
			promotion.RunInconclusive, "did not start within 600 s"},
		{"the Job ended it while it ran", makeJob().Overdue(), pods(makePod("a").Running().Deleting()), nil, promotion.RunFailed, "did not end within 600 s"},
		{"no node took it", makeJob().Overdue(), pods(makePod("a").Unschedulable("0/3 nodes")), nil,
			promotion.RunInconclusive, "did not start within 600 s: Unschedulable: 0/3 nodes"},
		{"it was too late and nothing is left of it", makeJob().Overdue(), nil, nil, promotion.RunInconclusive,
			"did not end within 600 s, and no pod is left to tell whether it began"},
		{"quota let no pod be made", makeJob().Overdue(), nil, []corev1.Event{makeFailure("a", "job-1", "exceeded quota", after(1))}, promotion.RunInconclusive,
			"did not start within 600 s: FailedCreate: exceeded quota"},
	} {
		t.Run(o.reason, func(t *testing.T) { o.check(t, func(r promotion.Run) string { return r.Message }) })
	}
}

func TestObserveProgress(t *testing.T) {
	const denied = `FailedCreate: Error creating: pods "sl-1-*" is forbidden: exceeded quota`
	refusal := func(name string, at metav1.Time) corev1.Event {
		return makeFailure(name, "job-1", `Error creating: pods "sl-1-x7k2p" is forbidden: exceeded quota`, at)
	}
	otherReason := makeFailure("d", "job-1", "x", after(99))
	otherReason.Reason = "SuccessfulCreate"
	for _, o := range []observation{
		{"it runs", makeJob(), pods(makePod("a").Running()), nil, promotion.RunRunning, ""},
		{"it ended, and the Job's controller has not said how", makeJob(), pods(makePod("a").Terminated(0, "Completed", "")), nil, promotion.RunRunning, ""},
		{"its end is announced, not decided", makeJob().Condition(batchv1.JobSuccessCriteriaMet, "", ""), pods(makePod("a").Terminated(0, "", "")), nil, promotion.RunRunning, ""},
		{"its failure is announced, not decided", makeJob().Condition(batchv1.JobFailureTarget, "", ""), pods(makePod("a").Terminated(1, "", "")), nil, promotion.RunRunning, ""},
		{"just made", makeJob(), nil, nil, promotion.RunWaiting, ""},
		{"on its way", makeJob(), pods(makePod("a").Waiting("ContainerCreating", "")), nil, promotion.RunWaiting, ""},
		{"the image is not there", makeJob(), pods(makePod("a").Waiting("ErrImagePull", "not found")), nil, promotion.RunWaiting, "ImagePullBackOff: not found"},
		{"the same, a moment later", makeJob(), pods(makePod("a").Waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: not found`)), nil,
			promotion.RunWaiting, "ImagePullBackOff: not found"},
		{"the image has no name", makeJob(), pods(makePod("a").Waiting("InvalidImageName", "x")), nil, promotion.RunWaiting, "InvalidImageName: x"},
		{"the image runs as root, or its Secret is missing", makeJob(), pods(makePod("a").Waiting("CreateContainerConfigError", "c")), nil,
			promotion.RunWaiting, "CreateContainerConfigError: c"},
		{"no node takes it", makeJob(), pods(makePod("a").Unschedulable("0/3 nodes")), nil, promotion.RunWaiting, "Unschedulable: 0/3 nodes"},
		{"quota or admission refuses its pod", makeJob(), nil, []corev1.Event{refusal("a", after(1))}, promotion.RunWaiting, denied},
		{"the newest refusal counts", makeJob(), nil, []corev1.Event{makeFailure("b", "job-1", "old", after(1)), refusal("a", after(2)), otherReason}, promotion.RunWaiting, denied},
		{"of two at the same time the order decides nothing", makeJob(), nil, []corev1.Event{makeFailure("a", "job-1", "x", after(1)), refusal("b", after(1))}, promotion.RunWaiting, denied},
		{"refused so often that events are combined", makeJob(), nil, []corev1.Event{
			makeFailure("a", "job-1", `(combined from similar events): Error creating: pods "sl-1-abcde" is forbidden: exceeded quota`, after(1)),
		}, promotion.RunWaiting, denied},
		{"the refusal of another Job", makeJob(), nil, []corev1.Event{makeFailure("a", "job-2", "x", after(1))}, promotion.RunWaiting, ""},
		{"a refusal that is over", makeJob(), pods(makePod("a").Waiting("ContainerCreating", "")), []corev1.Event{refusal("a", after(1))}, promotion.RunWaiting, ""},
		{"a pod was disrupted, and its replacement waits", makeJob(), pods(makePod("a").Terminated(137, "Error", ""), makePod("b").Waiting("ContainerCreating", "")), nil,
			promotion.RunWaiting, ""},
		{"somebody suspended it", makeJob().Suspended(), nil, nil, promotion.RunWaiting, "Suspended: somebody set spec.suspend of Job sl-0123456789abcdef0123"},
	} {
		t.Run(o.reason, func(t *testing.T) { o.check(t, func(r promotion.Run) string { return r.Problem }) })
	}
}
