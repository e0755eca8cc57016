package delivery

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// reasonFailedCreate is what controllers report when the API server refuses a pod.
const reasonFailedCreate = "FailedCreate"

// revisionAnnotation on a Deployment's ReplicaSets counts up; the highest is the current one.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// maxProblem bounds a text that others wrote and that ends up in a status.
const maxProblem = 512

// problemText puts a reason and a message of others in one line, short and without control characters.
func problemText(reason, message string) string {
	text := reason
	if message != "" {
		text += ": " + message
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > maxProblem {
		return string(runes[:maxProblem-3]) + "..."
	}
	return text
}

// pullError is what went wrong, without the kubelet's preamble: it alternates between ErrImagePull with the error and
// ImagePullBackOff with the preamble and the error, and a status must not change with that.
func pullError(message string) string {
	if _, cause, found := strings.Cut(message, ": "+waitingErrImagePull+": "); found {
		return cause
	}
	return message
}

// generatedPod matches the name of a pod in an error, with the random end that differs at every try.
var generatedPod = regexp.MustCompile(`(pods "[^"]*-)[a-z0-9]{5}"`)

// combined is what the recorder of events writes before the message once there were many alike.
const combined = "(combined from similar events): "

// createError takes out of a refusal what changes from try to try.
func createError(message string) string {
	return generatedPod.ReplaceAllString(strings.TrimPrefix(message, combined), `$1*"`)
}

// problem is the newest refusal of a pod of this owner, unless no pod is missing or one was made since.
func (x index) problem(owner types.UID, missing bool) string {
	failure := x.failures[owner]
	if !missing || failure == nil {
		return ""
	}
	for _, pod := range x.pods[owner] {
		if pod.CreationTimestamp.After(eventTime(failure)) {
			return ""
		}
	}
	return problemText(failure.Reason, createError(failure.Message))
}

// deploymentProblem looks at the current ReplicaSet. Its condition says the same as the event, and outlives it.
func (x index) deploymentProblem(d *appsv1.Deployment) string {
	rs := currentReplicaSet(x.replicaSets[d.UID])
	if rs == nil || len(x.pods[rs.UID]) >= int(orOne(rs.Spec.Replicas)) {
		return ""
	}
	if problem := x.problem(rs.UID, true); problem != "" {
		return problem
	}
	for _, c := range rs.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
			return problemText(c.Reason, createError(c.Message))
		}
	}
	return ""
}

// currentReplicaSet has the highest revision; nil where there is none.
func currentReplicaSet(sets []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	var current *appsv1.ReplicaSet
	for _, rs := range sets {
		if current == nil || revision(rs) > revision(current) {
			current = rs
		}
	}
	return current
}

// revision is 0 where the Deployment's controller has not numbered the ReplicaSet yet.
func revision(rs *appsv1.ReplicaSet) int64 {
	number, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return number
}

func newestFailures(events []corev1.Event) map[types.UID]*corev1.Event {
	newest := map[types.UID]*corev1.Event{}
	for i := range events {
		e := &events[i]
		known := newest[e.InvolvedObject.UID]
		if e.Reason == reasonFailedCreate && (known == nil || newerEvent(e, known)) {
			newest[e.InvolvedObject.UID] = e
		}
	}
	return newest
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
