package delivery

import (
	"encoding/json"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// InUse returns the exact references of the repositories that something in the namespace still needs: a live pod, an
// unfinished Job, a ReplicaSet with replicas, a revision that a StatefulSet still makes pods of. They have to stay allowed, else a pod that is lost could not come back.
// Gates never count: what they run is allowed on its own. Sorted, each once.
func InUse(in Observed) []string {
	x := newIndex(in)
	used := map[string]bool{}
	for _, i := range imagesInUse(in) {
		if reference := running(i.Image, ""); x.repositories[Repository(reference)] && Digest(reference) != "" {
			used[reference] = true
		}
	}
	return slices.Sorted(maps.Keys(used))
}

func imagesInUse(in Observed) []promotion.ContainerImage {
	var images []promotion.ContainerImage
	for i := range in.Pods {
		if pod := &in.Pods[i]; live(pod) && !isGatePod(pod) {
			images = append(images, slices.Concat(podImages(pod), attachedImages(pod.Spec))...)
		}
	}
	for i := range in.Jobs {
		if job := &in.Jobs[i]; !isGate(job.Labels) && !finished(job) {
			images = append(images, templateImages(job.Spec.Template.Spec)...)
		}
	}
	for i := range in.ReplicaSets {
		if rs := &in.ReplicaSets[i]; hasReplicas(rs) {
			images = append(images, templateImages(rs.Spec.Template.Spec)...)
		}
	}
	return append(images, revisionImages(in)...)
}

// revisionImages are those of the revision that a StatefulSet is leaving: behind a partition it makes pods of it for as long
// as it likes.
func revisionImages(in Observed) []promotion.ContainerImage {
	var images []promotion.ContainerImage
	for i := range in.StatefulSets {
		set := &in.StatefulSets[i]
		for j := range in.Revisions {
			revision := &in.Revisions[j]
			if set.Status.CurrentRevision != set.Status.UpdateRevision && revision.Name == set.Status.CurrentRevision && controllerUID(revision) == set.UID {
				images = append(images, templateImages(templateOf(revision).Spec)...)
			}
		}
	}
	return images
}

// templateOf reads the pod template of a revision; what cannot be read names no image.
func templateOf(revision *appsv1.ControllerRevision) corev1.PodTemplateSpec {
	var data revisionData
	if err := json.Unmarshal(revision.Data.Raw, &data); err != nil {
		return corev1.PodTemplateSpec{}
	}
	return data.Spec.Template
}

// revisionData is what the controllers of StatefulSets and DaemonSets keep in a revision.
type revisionData struct {
	Spec struct {
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

func templateImages(spec corev1.PodSpec) []promotion.ContainerImage {
	return slices.Concat(containerImages(spec), attachedImages(spec))
}

// attachedImages are those that carry no release, and that the lock looks at all the same: of volumes and of ephemeral
// containers.
func attachedImages(spec corev1.PodSpec) []promotion.ContainerImage {
	var images []promotion.ContainerImage
	for i := range spec.Volumes {
		if image := spec.Volumes[i].Image; image != nil {
			images = append(images, promotion.ContainerImage{Container: spec.Volumes[i].Name, Image: image.Reference})
		}
	}
	for i := range spec.EphemeralContainers {
		images = append(images, promotion.ContainerImage{Container: spec.EphemeralContainers[i].Name, Image: spec.EphemeralContainers[i].Image})
	}
	return images
}

// isGate says whether a Job carries the label of a gate.
func isGate(labels map[string]string) bool {
	_, gate := labels[v1alpha1.GateLabel]
	return gate
}

// isGatePod asks for a Job as the controller too: the label alone is anybody's to set.
func isGatePod(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	return owner != nil && owner.Kind == "Job" && isGate(pod.Labels)
}

func finished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

func hasReplicas(rs *appsv1.ReplicaSet) bool {
	return rs.Status.Replicas > 0 || orOne(rs.Spec.Replicas) > 0
}
