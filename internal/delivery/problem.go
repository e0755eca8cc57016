package delivery

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/internal/podproblem"
)

// revisionAnnotation on a Deployment's ReplicaSets counts up; the highest is the current one.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// problem is the newest refusal of a pod of this owner, unless no pod is missing or one was made since.
func (x index) problem(owner types.UID, missing bool) string {
	failure := x.failures[owner]
	if !missing || failure == nil {
		return ""
	}
	for _, pod := range x.pods[owner] {
		if pod.CreationTimestamp.After(podproblem.LastSeen(failure)) {
			return ""
		}
	}
	return podproblem.Refused(failure.Reason, failure.Message)
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
			return podproblem.Refused(c.Reason, c.Message)
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
		if e.Reason == podproblem.FailedCreate && (known == nil || podproblem.Newer(e, known)) {
			newest[e.InvolvedObject.UID] = e
		}
	}
	return newest
}
