package gate

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/internal/podproblem"
)

// problem says why an attempt cannot start; empty where nothing is known.
func problem(job *batchv1.Job, pod *corev1.Pod, events []corev1.Event) string {
	switch {
	case job.Spec.Suspend != nil && *job.Spec.Suspend:
		return "Suspended: somebody set spec.suspend of Job " + job.Name
	case pod != nil:
		return podProblem(pod)
	}
	return createProblem(job, events)
}

// podProblem is what the pod's status says: no node takes it, or the kubelet cannot start the container.
func podProblem(pod *corev1.Pod) string {
	if problem := podproblem.Unschedulable(pod); problem != "" {
		return problem
	}
	for _, s := range pod.Status.InitContainerStatuses {
		if s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
			return podproblem.OneLine("container " + s.Name + ": " + podproblem.Exit(s.State.Terminated))
		}
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.State.Waiting != nil {
			return podproblem.Waiting(s.State.Waiting)
		}
	}
	return ""
}

// createProblem is the newest refusal of a pod of this Job.
func createProblem(job *batchv1.Job, events []corev1.Event) string {
	var newest *corev1.Event
	for i := range events {
		e := &events[i]
		about := e.InvolvedObject.UID == job.UID && e.Reason == podproblem.FailedCreate
		if about && (newest == nil || podproblem.Newer(e, newest)) {
			newest = e
		}
	}
	if newest == nil {
		return ""
	}
	return podproblem.Refused(newest.Reason, newest.Message)
}
