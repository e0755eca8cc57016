package gate

import (
	"fmt"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// reasonDeadline is what both the Job's controller and the kubelet say where a deadline passed.
const reasonDeadline = batchv1.JobReasonDeadlineExceeded

// Observe reads one attempt of a gate from its Job, the pods of the namespace and the events with reason FailedCreate.
// Whether it passed is decided by the Job's condition, and how it failed by the kubelet's report.
func Observe(job *batchv1.Job, pods []corev1.Pod, events []corev1.Event) promotion.Run {
	pod := newestPod(job, pods)
	run := promotion.Run{
		Environment: job.Labels[StepLabel],
		Gate:        job.Labels[v1alpha1.GateLabel],
		Attempt:     attempt(job),
		SpecHash:    job.Annotations[v1alpha1.SpecHashAnnotation],
		Job:         job.Name,
		UID:         string(job.UID),
		Image:       runningImage(pod),
		Asked:       asked(job, pod),
		Started:     job.Status.StartTime.DeepCopy(),
		Completed:   completed(job),
	}
	failed := condition(job, batchv1.JobFailed)
	switch {
	case condition(job, batchv1.JobComplete) != nil:
		run.State, run.Message = promotion.RunPassed, "exit code 0"
	case failed != nil:
		run.State, run.Message = failure(job, failed, pod, events)
	case started(pod):
		run.State = promotion.RunRunning
	default:
		run.State, run.Problem = promotion.RunWaiting, problem(job, pod, events)
	}
	switch {
	case runs(job, loadProgram):
		return observeLoad(run, job, pods)
	case runs(job, metricProgram):
		return observeMetric(run, job, pods)
	case runs(job, webhookProgram):
		return observeWebhook(run, job, pods)
	case leavesReports(job):
		return observeReports(run, pod)
	}
	return run
}

// attempt is 0, which no gate waits for, where the label is no number.
func attempt(job *batchv1.Job) int32 {
	number, err := strconv.ParseInt(job.Labels[v1alpha1.AttemptLabel], 10, 32)
	if err != nil {
		return 0
	}
	return int32(number)
}

func condition(job *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		if c := &job.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// completed is when the Job ended; nil before. Of a Job that failed only the condition tells. A copy: the Job is a cache's.
func completed(job *batchv1.Job) *metav1.Time {
	if failed := condition(job, batchv1.JobFailed); failed != nil {
		return failed.LastTransitionTime.DeepCopy()
	}
	return job.Status.CompletionTime.DeepCopy()
}

// newestPod is the one that counts: older ones were disrupted and replaced. Nil where there is none.
func newestPod(job *batchv1.Job, pods []corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for _, pod := range podsOf(job, pods) {
		if newest == nil || younger(pod, newest) {
			newest = pod
		}
	}
	return newest
}

func younger(a, b *corev1.Pod) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	}
	return a.Name > b.Name
}

// failure says how an attempt failed, or that it showed nothing.
func failure(job *batchv1.Job, failed *batchv1.JobCondition, pod *corev1.Pod, events []corev1.Event) (promotion.RunState, string) {
	switch {
	case failed.Reason == reasonDeadline || pod != nil && pod.Status.Reason == reasonDeadline:
		return overdue(job, pod, events)
	case pod == nil || pod.DeletionTimestamp != nil:
		return promotion.RunInconclusive, "its pod was deleted before the result was read"
	}
	ended := terminated(pod)
	if ended == nil || !began(ended) {
		return promotion.RunInconclusive, podproblem.OneLine("the test did not start" + because(pod, ended))
	}
	if ended.ExitCode == 0 {
		return promotion.RunInconclusive, podproblem.OneLine("the test ended with exit code 0, but its Job failed: " + failed.Message)
	}
	return promotion.RunFailed, podproblem.OneLine(podproblem.Exit(ended) + evicted(pod))
}

// overdue tells a test that was too slow from one that nobody let start.
func overdue(job *batchv1.Job, pod *corev1.Pod, events []corev1.Event) (promotion.RunState, string) {
	limit := deadline(job)
	if started(pod) {
		return promotion.RunFailed, fmt.Sprintf("did not end within %d s", limit)
	}
	if pod != nil {
		return promotion.RunInconclusive, podproblem.OneLine(fmt.Sprintf("did not start within %d s", limit) + because(pod, nil))
	}
	if refused := createProblem(job, events); refused != "" {
		return promotion.RunInconclusive, podproblem.OneLine(fmt.Sprintf("did not start within %d s: %s", limit, refused))
	}
	return promotion.RunInconclusive, fmt.Sprintf("did not end within %d s, and no pod is left to tell whether it began", limit)
}

// deadline is the gate's timeout, which the pod has; the Job's is longer.
func deadline(job *batchv1.Job) int64 {
	switch {
	case job.Spec.Template.Spec.ActiveDeadlineSeconds != nil:
		return *job.Spec.Template.Spec.ActiveDeadlineSeconds
	case job.Spec.ActiveDeadlineSeconds != nil:
		return *job.Spec.ActiveDeadlineSeconds
	}
	return int64(promotion.GateTimeout(v1alpha1.Gate{}))
}

// started says whether the container of a pod ever ran.
func started(pod *corev1.Pod) bool {
	if pod == nil {
		return false
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil || s.State.Terminated != nil && began(s.State.Terminated) {
			return true
		}
	}
	return false
}

// began says whether a container that ended ever ran: for one that could not be started the kubelet reports no time, or
// the runtime the beginning of 1970.
func began(ended *corev1.ContainerStateTerminated) bool {
	return !ended.StartedAt.IsZero() && ended.StartedAt.Unix() > 0
}

func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Terminated != nil {
			return s.State.Terminated
		}
	}
	return nil
}

// because adds why nothing started, as far as anybody says.
func because(pod *corev1.Pod, ended *corev1.ContainerStateTerminated) string {
	text := podProblem(pod)
	if ended != nil && ended.Reason != "" {
		text = podproblem.Text(ended.Reason, ended.Message)
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

// evicted tells of a pod that the kubelet ended, such as one that wrote more than it may.
func evicted(pod *corev1.Pod) string {
	if pod.Status.Reason == "" {
		return ""
	}
	return ", " + podproblem.Text(pod.Status.Reason, pod.Status.Message)
}

// asked is the image that the pod of an attempt was made with, or the Job where no pod is left. The Job has one container;
// its pod may have more, which others put there.
func asked(job *batchv1.Job, pod *corev1.Pod) string {
	if len(job.Spec.Template.Spec.Containers) == 0 {
		return ""
	}
	test := job.Spec.Template.Spec.Containers[0]
	if pod == nil {
		return test.Image
	}
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == test.Name {
			return pod.Spec.Containers[i].Image
		}
	}
	return ""
}

// runningImage is what the kubelet says the test ran, as repository@digest. Empty where it does not say, or names the
// id of a configuration only.
func runningImage(pod *corev1.Pod) string {
	if pod == nil {
		return ""
	}
	for _, s := range pod.Status.ContainerStatuses {
		image := s.ImageID
		if _, rest, found := strings.Cut(image, "://"); found {
			image = rest
		}
		if strings.Contains(image, "@") {
			return image
		}
	}
	return ""
}
