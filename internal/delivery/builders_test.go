package delivery

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/internal/podproblem"
)

const (
	namespace = "shop-prod-eu"
	api       = "registry.example.com:5000/shop/api"
	worker    = "registry.example.com:5000/shop/worker"
)

var (
	digestA = "sha256:" + strings.Repeat("a", 64)
	digestB = "sha256:" + strings.Repeat("b", 64)
	start   = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
)

// after is a time so many seconds after the start.
func after(seconds int) metav1.Time {
	return metav1.NewTime(start.Add(time.Duration(seconds) * time.Second))
}

func ptr[T any](value T) *T { return &value }

// meta gives an object its name, and a uid that is its name.
func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Generation: 2, ResourceVersion: "7"}
}

func ownedBy(kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: kind, Name: name, UID: types.UID(name), Controller: ptr(true)}}
}

// template has one container for each image, named c0, c1 and so on.
func template(images ...string) corev1.PodTemplateSpec {
	var t corev1.PodTemplateSpec
	for i, image := range images {
		t.Spec.Containers = append(t.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image})
	}
	return t
}

type deploymentBuilder struct{ d appsv1.Deployment }

// makeDeployment is a Deployment that has rolled out.
func makeDeployment(name string, replicas int32, images ...string) *deploymentBuilder {
	return &deploymentBuilder{appsv1.Deployment{
		ObjectMeta: meta(name),
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Template: template(images...)},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: 2, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
		},
	}}
}

func (b *deploymentBuilder) With(change func(*appsv1.Deployment)) *deploymentBuilder {
	change(&b.d)
	return b
}

func (b *deploymentBuilder) Obj() appsv1.Deployment { return b.d }

// makeReplicaSet is the ReplicaSet of a Deployment.
func makeReplicaSet(name, deployment, revision string, replicas int32) appsv1.ReplicaSet {
	m := meta(name)
	m.OwnerReferences = ownedBy(KindDeployment, deployment)
	m.Annotations = map[string]string{revisionAnnotation: revision}
	return appsv1.ReplicaSet{ObjectMeta: m, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}}
}

// makeStatefulSet is a StatefulSet that has rolled out.
func makeStatefulSet(name string, replicas int32, images ...string) appsv1.StatefulSet {
	return appsv1.StatefulSet{
		ObjectMeta: meta(name),
		Spec:       appsv1.StatefulSetSpec{Replicas: &replicas, Template: template(images...)},
		Status: appsv1.StatefulSetStatus{
			ObservedGeneration: 2, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
		},
	}
}

// makeDaemonSet is a DaemonSet that has rolled out to so many nodes.
func makeDaemonSet(name string, nodes int32, images ...string) appsv1.DaemonSet {
	return appsv1.DaemonSet{
		ObjectMeta: meta(name),
		Spec:       appsv1.DaemonSetSpec{Template: template(images...)},
		Status: appsv1.DaemonSetStatus{
			ObservedGeneration: 2, DesiredNumberScheduled: nodes, CurrentNumberScheduled: nodes, UpdatedNumberScheduled: nodes,
			NumberReady: nodes, NumberAvailable: nodes,
		},
	}
}

func makeCronJob(name string, images ...string) batchv1.CronJob {
	return batchv1.CronJob{
		ObjectMeta: meta(name),
		Spec:       batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template(images...)}}},
	}
}

func makeJob(name string, images ...string) batchv1.Job {
	return batchv1.Job{ObjectMeta: meta(name), Spec: batchv1.JobSpec{Template: template(images...)}}
}

type podBuilder struct{ p corev1.Pod }

// makePod is a pod that is Ready.
func makePod(name, ownerKind, owner string, images ...string) *podBuilder {
	m := meta(name)
	m.OwnerReferences = ownedBy(ownerKind, owner)
	m.CreationTimestamp = after(0)
	pod := corev1.Pod{ObjectMeta: m, Spec: template(images...).Spec, Status: corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}}
	return &podBuilder{pod}
}

func (b *podBuilder) Phase(phase corev1.PodPhase) *podBuilder {
	b.p.Status.Phase = phase
	return b
}

func (b *podBuilder) Deleting() *podBuilder {
	b.p.DeletionTimestamp = ptr(after(1))
	return b
}

func (b *podBuilder) Created(at metav1.Time) *podBuilder {
	b.p.CreationTimestamp = at
	return b
}

func (b *podBuilder) NotReady() *podBuilder {
	b.p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	return b
}

func (b *podBuilder) Condition(c corev1.PodCondition) *podBuilder {
	b.p.Status.Conditions = append(b.p.Status.Conditions, c)
	return b
}

func (b *podBuilder) Labelled(key, value string) *podBuilder {
	b.p.Labels = map[string]string{key: value}
	return b
}

func (b *podBuilder) Init(image string) *podBuilder {
	b.p.Spec.InitContainers = append(b.p.Spec.InitContainers, corev1.Container{Name: "init", Image: image})
	return b
}

func (b *podBuilder) Status(s corev1.ContainerStatus) *podBuilder {
	if s.Name == "init" {
		b.p.Status.InitContainerStatuses = append(b.p.Status.InitContainerStatuses, s)
		return b
	}
	b.p.Status.ContainerStatuses = append(b.p.Status.ContainerStatuses, s)
	return b
}

func (b *podBuilder) Waiting(reason, message string) *podBuilder {
	return b.NotReady().Status(corev1.ContainerStatus{
		Name: "c0", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	})
}

func (b *podBuilder) Obj() corev1.Pod { return b.p }

func makeFailure(name, about, message string, last metav1.Time) corev1.Event {
	return corev1.Event{
		ObjectMeta:     meta(name),
		InvolvedObject: corev1.ObjectReference{UID: types.UID(about)},
		Reason:         podproblem.FailedCreate, Message: message, LastTimestamp: last,
	}
}
