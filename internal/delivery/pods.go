package delivery

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// live says whether a pod runs or will run.
func live(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func reducePods(pods []*corev1.Pod) []promotion.Pod {
	if len(pods) == 0 {
		return nil
	}
	reduced := make([]promotion.Pod, 0, len(pods))
	for _, pod := range pods {
		reduced = append(reduced, reducePod(pod))
	}
	slices.SortFunc(reduced, func(a, b promotion.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return reduced
}

func reducePod(pod *corev1.Pod) promotion.Pod {
	p := promotion.Pod{Name: pod.Name, Images: podImages(pod)}
	for _, s := range statuses(pod) {
		p.Restarts += s.RestartCount
	}
	for _, c := range pod.Status.Conditions {
		p.Ready = p.Ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	if !p.Ready {
		p.Problem = podProblem(pod)
	}
	return p
}

// podImages lists what the containers run, then the init containers.
func podImages(pod *corev1.Pod) []promotion.ContainerImage {
	ids := map[string]string{}
	for _, s := range statuses(pod) {
		ids[s.Name] = s.ImageID
	}
	images := containerImages(pod.Spec)
	for i := range images {
		images[i].Image = running(images[i].Image, ids[images[i].Container])
	}
	return images
}

// statuses begin with the init containers: these run first, so their problem is the one to name. A container's name is
// unique among both.
func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// podProblem says why a pod is not ready, as far as its status shows.
func podProblem(pod *corev1.Pod) string {
	if problem := podproblem.Unschedulable(pod); problem != "" {
		return problem
	}
	for _, s := range statuses(pod) {
		if problem := containerProblem(s); problem != "" {
			return problem
		}
	}
	return ""
}

func containerProblem(s corev1.ContainerStatus) string {
	if waiting := s.State.Waiting; waiting != nil && waiting.Reason != podproblem.CrashLoopBackOff {
		if problem := podproblem.Waiting(waiting); problem != "" {
			return problem
		}
	}
	return crashProblem(s)
}

// crashProblem tells of a container that keeps ending. It says the same while the container waits for its next start,
// runs for a moment and ends again, else the text would change with each of these.
func crashProblem(s corev1.ContainerStatus) string {
	ended := s.State.Terminated
	if ended == nil {
		ended = s.LastTerminationState.Terminated
	}
	waiting := s.State.Waiting
	backOff := waiting != nil && waiting.Reason == podproblem.CrashLoopBackOff
	switch {
	case ended != nil && (backOff || s.RestartCount > 0 && !s.Ready && ended.ExitCode != 0):
		return podproblem.Text(podproblem.CrashLoopBackOff, fmt.Sprintf("container %s ended with %s", s.Name, podproblem.Exit(ended)))
	case backOff:
		return podproblem.Text(podproblem.CrashLoopBackOff, waiting.Message)
	}
	return ""
}
