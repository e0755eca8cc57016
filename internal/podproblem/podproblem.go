// Package podproblem reads from what Kubernetes reports why a pod does not run, or is not there. Its texts end up in a
// status: they are one line, not too long, and do not change from try to try.
package podproblem

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
)

// FailedCreate is the reason of the events in which controllers report that the API server refused a pod.
const FailedCreate = "FailedCreate"

// CrashLoopBackOff is why a container waits that keeps ending.
const CrashLoopBackOff = "CrashLoopBackOff"

// The other reasons that the kubelet gives for a container that waits; the API has no constants for them.
const (
	containerCreating = "ContainerCreating"
	podInitializing   = "PodInitializing"
	errImagePull      = "ErrImagePull"
	imagePullBackOff  = "ImagePullBackOff"
)

// maxText bounds a text that others wrote.
const maxText = 512

// OneLine makes a text of others fit to print: one line, without control characters, not too long.
func OneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-3]) + "..."
	}
	return text
}

// Text puts a reason and a message of others in one line.
func Text(reason, message string) string {
	if message == "" {
		return OneLine(reason)
	}
	return OneLine(reason + ": " + message)
}

// Unschedulable says why no node takes a pod; empty where one does, or nobody has tried.
func Unschedulable(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return Text(c.Reason, c.Message)
		}
	}
	return ""
}

// Waiting says why a container does not start; empty where it is being started. It says the same for ErrImagePull with an
// error, and ImagePullBackOff with a preamble and the error: the kubelet alternates between them.
func Waiting(waiting *corev1.ContainerStateWaiting) string {
	switch waiting.Reason {
	case "", containerCreating, podInitializing:
		return ""
	case errImagePull, imagePullBackOff:
		message := waiting.Message
		if _, cause, found := strings.Cut(message, ": "+errImagePull+": "); found {
			message = cause
		}
		return Text(imagePullBackOff, message)
	}
	return Text(waiting.Reason, waiting.Message)
}

// Exit says how a container ended. The kubelet's "Error" and "Completed" add nothing to the code; what it wrote to its
// termination log is its own account.
func Exit(ended *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", ended.ExitCode)
	if ended.Reason != "" && ended.Reason != "Error" && ended.Reason != "Completed" {
		text += " (" + ended.Reason + ")"
	}
	if ended.Message != "" {
		text += ": " + ended.Message
	}
	return text
}

// generatedPod matches the name of a pod in an error, with the random end that differs at every try.
var generatedPod = regexp.MustCompile(`(pods "[^"]*-)[a-z0-9]{5}"`)

// combined is what the recorder of events writes before the message once there were many alike.
const combined = "(combined from similar events): "

// Refused says why a pod could not be made, from the reason and message of an event or a condition.
func Refused(reason, message string) string {
	return Text(reason, generatedPod.ReplaceAllString(strings.TrimPrefix(message, combined), `$1*"`))
}

// Newer says whether one event was seen later than another. It falls back on names, so that the order in which events
// are listed decides nothing.
func Newer(a, b *corev1.Event) bool {
	if !LastSeen(a).Equal(LastSeen(b)) {
		return LastSeen(a).After(LastSeen(b))
	}
	return a.Name > b.Name
}

// LastSeen is when an event was last seen; which field says so depends on the client that reported it.
func LastSeen(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.EventTime.After(last) {
		last = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}
