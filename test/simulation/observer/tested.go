package observer

import (
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// I2: what is deployed is what was tested: one promotion means the same digests everywhere, and they ran while the
// tests ran.

// checkImages sees that a promotion always means the same images.
func (o *Observer) checkImages(r *memapi.Revision, uid, hash string, images []v1alpha1.Image) {
	var lines []string
	for _, i := range images {
		lines = append(lines, i.Repository+"@"+i.Digest+"\n")
	}
	slices.Sort(lines)
	release := strings.Join(lines, "")
	if sum(release) != hash {
		o.broken("I2", r, "the hash %s is not that of its images %v", hash, lines)
	}
	if before := o.images[uid]; before != "" && before != release {
		o.broken("I2", r, "promotion %s meant %q, and now means %q", uid, before, release)
	}
	o.images[uid] = release
}

// checkTested sees that the release ran, and nothing else of its repositories, when a test of it began.
func (o *Observer) checkTested(r *memapi.Revision, job *batchv1.Job) {
	want := map[string]string{}
	for _, v := range job.Spec.Template.Spec.Containers[0].Env {
		if strings.HasPrefix(v.Name, "SLUICE_IMAGE_") {
			want[repository(v.Value)] = v.Value
		}
	}
	foreign := ""
	ran := o.some(r, func(cut int64) bool {
		foreign = o.foreign(job.Namespace, want, cut)
		return foreign == ""
	}, "Pod")
	if !ran {
		o.broken("I2", r, "Job %s begins while %s", r.Key, foreign)
	}
}

// foreign names a live pod that runs another digest of a repository than the one wanted; empty where there is none.
func (o *Observer) foreign(namespace string, want map[string]string, cut int64) string {
	for key := range o.versions["Pod"] {
		pod, ok := o.at("Pod", key, cut).(*corev1.Pod)
		if !ok || key.Namespace != namespace || pod.Labels[v1alpha1.GateLabel] != "" || pod.DeletionTimestamp != nil {
			continue
		}
		for _, c := range pod.Spec.Containers {
			image := c.Image
			if !strings.Contains(image, "@") && len(pod.Status.ContainerStatuses) > 0 {
				image = pod.Status.ContainerStatuses[0].ImageID
			}
			if wanted := want[repository(c.Image)]; wanted != "" && image != wanted {
				return "pod " + pod.Name + " runs " + image
			}
		}
	}
	return ""
}

// checkSteady sees that nothing else of the release's repositories was started while the test of a gate ran.
func (o *Observer) checkSteady(r *memapi.Revision, record *v1alpha1.ReleaseRecord, job memapi.Key) {
	want := map[string]string{}
	for _, i := range record.Spec.Images {
		want[i.Repository] = i.Repository + "@" + i.Digest
	}
	for key, versions := range o.versions["Pod"] {
		pod, ok := versions[0].object.(*corev1.Pod)
		if !ok || key.Namespace != job.Namespace || pod.Labels[v1alpha1.GateLabel] != "" ||
			versions[0].number < o.started[job] || versions[0].number > o.completed[job] {
			continue
		}
		for _, c := range pod.Spec.Containers {
			if wanted := want[repository(c.Image)]; wanted != "" && c.Image != wanted {
				o.broken("I2", r, "record %s says Passed, and pod %s with %s was started while Job %s ran", r.Key, key.Name, c.Image, job.Name)
			}
		}
	}
}
