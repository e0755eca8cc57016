package delivery

import (
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The functions below are transforms for a cache. They keep what observing deliveries and gates needs, and nothing else:
// a new object is built, so that what nobody thought of is left out. What they return must never be written back.
// Transforming twice is the same as once, and what is of another type passes through.

// StripPod keeps of a Pod its images and its status.
func StripPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: stripMeta(pod.ObjectMeta),
		Spec:       stripPodSpec(pod.Spec),
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			Reason:                pod.Status.Reason,
			Message:               pod.Status.Message,
			StartTime:             pod.Status.StartTime,
			Conditions:            pod.Status.Conditions,
			ContainerStatuses:     stripStatuses(pod.Status.ContainerStatuses),
			InitContainerStatuses: stripStatuses(pod.Status.InitContainerStatuses),
		},
	}, nil
}

// StripWorkload keeps of a Deployment, StatefulSet, DaemonSet, CronJob, ReplicaSet or Job its images, how it is rolled
// out, and its status.
func StripWorkload(object any) (any, error) {
	switch w := object.(type) {
	case *appsv1.Deployment:
		return stripDeployment(w), nil
	case *appsv1.StatefulSet:
		return stripStatefulSet(w), nil
	case *appsv1.DaemonSet:
		return stripDaemonSet(w), nil
	case *appsv1.ReplicaSet:
		return stripReplicaSet(w), nil
	case *batchv1.CronJob:
		return stripCronJob(w), nil
	case *batchv1.Job:
		return stripJob(w), nil
	}
	return object, nil
}

// StripRevision keeps of a ControllerRevision the images of its template.
func StripRevision(object any) (any, error) {
	revision, ok := object.(*appsv1.ControllerRevision)
	if !ok {
		return object, nil
	}
	var data revisionData
	data.Spec.Template = stripTemplate(templateOf(revision))
	raw, err := json.Marshal(data)
	return &appsv1.ControllerRevision{
		TypeMeta: revision.TypeMeta, ObjectMeta: stripMeta(revision.ObjectMeta), Revision: revision.Revision, Data: runtime.RawExtension{Raw: raw},
	}, err
}

// StripEvent keeps of an Event what it is about, why, and when.
func StripEvent(object any) (any, error) {
	e, ok := object.(*corev1.Event)
	if !ok {
		return object, nil
	}
	return &corev1.Event{
		TypeMeta:       e.TypeMeta,
		ObjectMeta:     stripMeta(e.ObjectMeta),
		InvolvedObject: e.InvolvedObject,
		Reason:         e.Reason,
		Message:        e.Message,
		LastTimestamp:  e.LastTimestamp,
		EventTime:      e.EventTime,
		Series:         e.Series,
	}, nil
}

func stripDeployment(d *appsv1.Deployment) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   d.TypeMeta,
		ObjectMeta: stripMeta(d.ObjectMeta),
		Spec:       appsv1.DeploymentSpec{Replicas: d.Spec.Replicas, Paused: d.Spec.Paused, Template: stripTemplate(d.Spec.Template)},
		Status:     d.Status,
	}
}

func stripStatefulSet(s *appsv1.StatefulSet) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		TypeMeta:   s.TypeMeta,
		ObjectMeta: stripMeta(s.ObjectMeta),
		Spec: appsv1.StatefulSetSpec{
			Replicas: s.Spec.Replicas, UpdateStrategy: s.Spec.UpdateStrategy, Template: stripTemplate(s.Spec.Template),
		},
		Status: s.Status,
	}
}

func stripDaemonSet(d *appsv1.DaemonSet) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		TypeMeta:   d.TypeMeta,
		ObjectMeta: stripMeta(d.ObjectMeta),
		Spec:       appsv1.DaemonSetSpec{UpdateStrategy: d.Spec.UpdateStrategy, Template: stripTemplate(d.Spec.Template)},
		Status:     d.Status,
	}
}

func stripReplicaSet(rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		TypeMeta:   rs.TypeMeta,
		ObjectMeta: stripMeta(rs.ObjectMeta),
		Spec:       appsv1.ReplicaSetSpec{Replicas: rs.Spec.Replicas, Template: stripTemplate(rs.Spec.Template)},
		Status:     rs.Status,
	}
}

func stripCronJob(c *batchv1.CronJob) *batchv1.CronJob {
	template := batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: stripTemplate(c.Spec.JobTemplate.Spec.Template)}}
	return &batchv1.CronJob{
		TypeMeta:   c.TypeMeta,
		ObjectMeta: stripMeta(c.ObjectMeta),
		Spec:       batchv1.CronJobSpec{JobTemplate: template},
	}
}

// stripJob keeps the deadlines too: the result of a gate names them.
func stripJob(job *batchv1.Job) *batchv1.Job {
	return &batchv1.Job{
		TypeMeta:   job.TypeMeta,
		ObjectMeta: stripMeta(job.ObjectMeta),
		Spec: batchv1.JobSpec{
			ActiveDeadlineSeconds: job.Spec.ActiveDeadlineSeconds, Suspend: job.Spec.Suspend, Template: stripTemplate(job.Spec.Template),
		},
		Status: batchv1.JobStatus{
			Conditions: job.Status.Conditions, StartTime: job.Status.StartTime, CompletionTime: job.Status.CompletionTime,
			Active: job.Status.Active, Succeeded: job.Status.Succeeded, Failed: job.Status.Failed,
		},
	}
}

func stripMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:              m.Name,
		Namespace:         m.Namespace,
		UID:               m.UID,
		ResourceVersion:   m.ResourceVersion,
		Generation:        m.Generation,
		CreationTimestamp: m.CreationTimestamp,
		DeletionTimestamp: m.DeletionTimestamp,
		Labels:            m.Labels,
		Annotations:       stripAnnotations(m.Annotations),
		OwnerReferences:   m.OwnerReferences,
	}
}

// stripAnnotations keeps those of Sluice and the revision of a ReplicaSet.
func stripAnnotations(annotations map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range annotations {
		if key != revisionAnnotation && !strings.HasPrefix(key, annotationPrefix) {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	return kept
}

// annotationPrefix of everything that is Sluice's.
const annotationPrefix = "sluice.dev/"

func stripTemplate(t corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: stripPodSpec(t.Spec)}
}

func stripPodSpec(s corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		Containers:            stripContainers(s.Containers),
		InitContainers:        stripContainers(s.InitContainers),
		EphemeralContainers:   stripEphemeral(s.EphemeralContainers),
		Volumes:               stripVolumes(s.Volumes),
		ActiveDeadlineSeconds: s.ActiveDeadlineSeconds,
	}
}

func stripContainers(containers []corev1.Container) []corev1.Container {
	var stripped []corev1.Container
	for i := range containers {
		stripped = append(stripped, corev1.Container{Name: containers[i].Name, Image: containers[i].Image})
	}
	return stripped
}

func stripEphemeral(containers []corev1.EphemeralContainer) []corev1.EphemeralContainer {
	var stripped []corev1.EphemeralContainer
	for i := range containers {
		stripped = append(stripped, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: containers[i].Name, Image: containers[i].Image,
		}})
	}
	return stripped
}

// stripVolumes keeps those that are images.
func stripVolumes(volumes []corev1.Volume) []corev1.Volume {
	var stripped []corev1.Volume
	for i := range volumes {
		if image := volumes[i].Image; image != nil {
			stripped = append(stripped, corev1.Volume{
				Name: volumes[i].Name, VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: image.Reference}},
			})
		}
	}
	return stripped
}

func stripStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var stripped []corev1.ContainerStatus
	for i := range statuses {
		s := &statuses[i]
		stripped = append(stripped, corev1.ContainerStatus{
			Name: s.Name, State: s.State, LastTerminationState: s.LastTerminationState, Ready: s.Ready,
			RestartCount: s.RestartCount, ImageID: s.ImageID,
		})
	}
	return stripped
}
