package controller

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/environment"
)

// sightings lists every image string of a namespace with the place where it was seen, but for those of gates.
func sightings(observed delivery.Observed) []environment.Sighting {
	l := &lookout{workloads: map[types.UID]bool{}}
	for i := range observed.Deployments {
		d := &observed.Deployments[i]
		l.template(delivery.KindDeployment, d, &d.Spec.Template.Spec)
	}
	for i := range observed.StatefulSets {
		s := &observed.StatefulSets[i]
		l.template(delivery.KindStatefulSet, s, &s.Spec.Template.Spec)
	}
	for i := range observed.DaemonSets {
		d := &observed.DaemonSets[i]
		l.template(delivery.KindDaemonSet, d, &d.Spec.Template.Spec)
	}
	for i := range observed.CronJobs {
		c := &observed.CronJobs[i]
		l.template(delivery.KindCronJob, c, &c.Spec.JobTemplate.Spec.Template.Spec)
	}
	for i := range observed.ReplicaSets {
		// The pods of a Deployment belong to its ReplicaSets.
		rs := &observed.ReplicaSets[i]
		if ignored, ours := l.workloads[controllerOf(rs)]; ours {
			l.workloads[rs.UID] = ignored
		}
	}
	for i := range observed.Jobs {
		l.job(&observed.Jobs[i])
	}
	for i := range observed.Pods {
		l.pod(&observed.Pods[i])
	}
	return l.seen
}

// lookout collects sightings.
type lookout struct {
	seen []environment.Sighting
	// workloads by uid: whether each asks to be left alone.
	workloads map[types.UID]bool
}

func (l *lookout) template(kind string, workload client.Object, spec *corev1.PodSpec) {
	if workload.GetDeletionTimestamp() != nil {
		return
	}
	ignored := workload.GetAnnotations()[v1alpha1.DeliveryAnnotation] == v1alpha1.DeliveryIgnore
	if kind != delivery.KindCronJob {
		l.workloads[workload.GetUID()] = ignored
	}
	l.add(spec, nil, environment.Sighting{Where: kind + " " + workload.GetName(), Source: environment.SourceTemplate, Ignored: ignored})
}

// job notes what a Job may still have to start.
func (l *lookout) job(job *batchv1.Job) {
	ended := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
	if _, gate := job.Labels[v1alpha1.GateLabel]; gate || ended || job.DeletionTimestamp != nil {
		return
	}
	l.add(&job.Spec.Template.Spec, nil, environment.Sighting{Where: "Job " + job.Name, Source: environment.SourceOther})
}

func (l *lookout) pod(pod *corev1.Pod) {
	_, labelled := pod.Labels[v1alpha1.GateLabel]
	owner := metav1.GetControllerOfNoCopy(pod)
	gate := labelled && owner != nil && owner.Kind == "Job"
	if gate || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	sighting := environment.Sighting{Where: "Pod " + pod.Name, Source: environment.SourceOther}
	if ignored, ours := l.workloads[controllerOf(pod)]; ours {
		sighting.Source, sighting.Ignored = environment.SourcePod, ignored
	}
	digests := map[string]string{}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		digests[s.Name] = environment.Digest(s.ImageID)
	}
	l.add(&pod.Spec, digests, sighting)
}

func (l *lookout) add(spec *corev1.PodSpec, digests map[string]string, like environment.Sighting) {
	for _, containers := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range containers {
			like.Image, like.Digest = containers[i].Image, digests[containers[i].Name]
			l.seen = append(l.seen, like)
		}
	}
	// What a person attaches to a pod, and what is mounted from an image, is no workload of a pipeline.
	like.Source, like.Digest = environment.SourceOther, ""
	for i := range spec.EphemeralContainers {
		like.Image = spec.EphemeralContainers[i].Image
		l.seen = append(l.seen, like)
	}
	for i := range spec.Volumes {
		if image := spec.Volumes[i].Image; image != nil {
			like.Image = image.Reference
			l.seen = append(l.seen, like)
		}
	}
}

func controllerOf(object metav1.Object) types.UID {
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		return owner.UID
	}
	return ""
}
