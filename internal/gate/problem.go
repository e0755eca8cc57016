package gate

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// reasonFailedCreate is what the Job's controller reports when the API server refuses a pod.
const reasonFailedCreate = "FailedCreate"

// maxText bounds a text that others wrote and that ends up in a status.
const maxText = 512

// oneLine makes a text of others fit to print: one line, without control characters, not too long.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-3]) + "..."
	}
	return text
}

func reasoned(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// problem says why an attempt cannot start; empty where nothing is known.
func problem(job *batchv1.Job, pod *corev1.Pod, events []corev1.Event) string {
	switch {
	case job.Spec.Suspend != nil && *job.Spec.Suspend:
		return "Suspended: somebody set spec.suspend of Job " + job.Name
	case pod != nil:
		return oneLine(podProblem(pod))
	}
	return createProblem(job, events)
}

// podProblem is what the pod's status says: no node takes it, or the kubelet cannot start the container.
func podProblem(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return reasoned(c.Reason, c.Message)
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil {
			return waitingProblem(s.State.Waiting)
		}
	}
	return ""
}

// waitingProblem says the same for ErrImagePull and ImagePullBackOff: the kubelet alternates between them, and a status
// must not.
func waitingProblem(waiting *corev1.ContainerStateWaiting) string {
	switch waiting.Reason {
	case "", "ContainerCreating", "PodInitializing":
		return ""
	case "ErrImagePull", "ImagePullBackOff":
		message := waiting.Message
		if _, cause, found := strings.Cut(message, ": ErrImagePull: "); found {
			message = cause
		}
		return reasoned("ImagePullBackOff", message)
	}
	return reasoned(waiting.Reason, waiting.Message)
}

// generatedPod matches the name of a pod in an error, with the random end that differs at every try.
var generatedPod = regexp.MustCompile(`(pods "[^"]*-)[a-z0-9]{5}"`)

// combined is what the recorder of events writes before the message once there were many alike.
const combined = "(combined from similar events): "

// createProblem is the newest refusal of a pod of this Job.
func createProblem(job *batchv1.Job, events []corev1.Event) string {
	var newest *corev1.Event
	for i := range events {
		e := &events[i]
		about := e.InvolvedObject.UID == job.UID && e.Reason == reasonFailedCreate
		if about && (newest == nil || newerEvent(e, newest)) {
			newest = e
		}
	}
	if newest == nil {
		return ""
	}
	message := generatedPod.ReplaceAllString(strings.TrimPrefix(newest.Message, combined), `$1*"`)
	return oneLine(reasoned(newest.Reason, message))
}

// newerEvent falls back on names, so that the order in which events are listed decides nothing.
func newerEvent(a, b *corev1.Event) bool {
	if !eventTime(a).Equal(eventTime(b)) {
		return eventTime(a).After(eventTime(b))
	}
	return a.Name > b.Name
}

// eventTime is when an event was last seen; which field says so depends on the client that reported it.
func eventTime(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.EventTime.After(last) {
		last = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}
