package gate

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/load/result"
	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const (
	// secretVariable begins the names of variables that hold values of headers from the Secret.
	secretVariable = "SLUICE_LOAD_SECRET_"
	// maxLoadSpec bounds the gate as JSON. Linux lets a variable have 128 KiB.
	maxLoadSpec = 100_000
)

// loadContainer runs one worker of the generator, with the operator's own image.
func loadContainer(start promotion.StartGate) corev1.Container {
	container := ownContainer(start, loadProgram, loadSpec(start.Gate.Load), loadSecrets(start.Gate.Load))
	container.Resources = resourcesOf(start.Gate.Load.Resources, loadShares)
	return container
}

// loadSpec is what the generator reads: the gate, with variables where its headers take values from the Secret.
func loadSpec(gate v1alpha1.LoadGate) v1alpha1.LoadGate {
	spec := *gate.DeepCopy()
	spec.Resources = nil
	for t := range spec.Targets {
		for h := range spec.Targets[t].Headers {
			if header := &spec.Targets[t].Headers[h]; header.SecretKeyRef.Name != "" {
				header.Value, header.SecretKeyRef = ptr("$("+secretName(t, h)+")"), v1alpha1.SecretKeyReference{}
			}
		}
	}
	return spec
}

func secretName(target, header int) string {
	return fmt.Sprintf("%s%d_%d", secretVariable, target, header)
}

// loadSecrets are the values of headers.
func loadSecrets(gate v1alpha1.LoadGate) []ownSecret {
	var secrets []ownSecret
	for t := range gate.Targets {
		for h, header := range gate.Targets[t].Headers {
			secrets = append(secrets, ownSecret{secretName(t, h), "header " + header.Name, "secretKeyRef", header.SecretKeyRef})
		}
	}
	return slices.DeleteFunc(secrets, ownSecret.missing)
}

// shareAmong makes a Job an Indexed one, whose pods know their number.
func shareAmong(spec *batchv1.JobSpec, workers int32) {
	spec.CompletionMode = ptr(batchv1.IndexedCompletion)
	spec.Parallelism, spec.Completions = &workers, &workers
}

// observeLoad completes what was observed of a load gate: with what its workers left, or with why that does not count.
func observeLoad(run promotion.Run, job *batchv1.Job, pods []corev1.Pod) promotion.Run {
	run, over := leftResult(run, job, pods, "the load could not be sent")
	if !over {
		return run
	}
	workers := completedPods(job, pods)
	figures, err := measured(workers)
	if err != nil {
		run.State, run.Message = promotion.RunInconclusive, podproblem.OneLine("what the generator left cannot be read: "+err.Error())
		return run
	}
	run.Load, run.Message = &figures, "measured"
	for _, pod := range workers {
		if image := asked(job, pod); digest(image) != digest(run.Asked) {
			run.Load, run.State = nil, promotion.RunInconclusive
			run.Message = fmt.Sprintf("its pods were made to run different images, %s and %s", run.Asked, image)
		}
		if image := runningImage(pod); digest(image) != digest(run.Image) {
			run.Load, run.State = nil, promotion.RunInconclusive
			run.Message = fmt.Sprintf("its pods ran different images, %s and %s", run.Image, image)
		}
	}
	return run
}

// measured reads what each worker left in the message of its container, which only the kubelet reports.
func measured(pods []*corev1.Pod) (v1alpha1.LoadFigures, error) {
	workers := make([]*result.Worker, 0, len(pods))
	for _, pod := range pods {
		worker, err := result.Decode(terminated(pod).Message)
		if err != nil {
			return v1alpha1.LoadFigures{}, fmt.Errorf("pod %s: %w", pod.Name, err)
		}
		workers = append(workers, worker)
	}
	return result.Merge(workers)
}

// completedPods are those that ended well, the newest of each index.
func completedPods(job *batchv1.Job, pods []corev1.Pod) []*corev1.Pod {
	newest := map[string]*corev1.Pod{}
	for _, pod := range podsOf(job, pods) {
		ended := terminated(pod)
		if ended == nil || ended.ExitCode != 0 {
			continue
		}
		index := pod.Labels[batchv1.JobCompletionIndexAnnotation]
		if last := newest[index]; last == nil || younger(pod, last) {
			newest[index] = pod
		}
	}
	completed := make([]*corev1.Pod, 0, len(newest))
	for _, pod := range newest {
		completed = append(completed, pod)
	}
	slices.SortFunc(completed, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return completed
}

// alive says whether a pod has not ended, and is not about to go.
func alive(pod *corev1.Pod) bool { return terminated(pod) == nil && pod.DeletionTimestamp == nil }

func podsOf(job *batchv1.Job, pods []corev1.Pod) []*corev1.Pod {
	var own []*corev1.Pod
	for i := range pods {
		if owner := metav1.GetControllerOfNoCopy(&pods[i]); owner != nil && owner.UID == job.UID {
			own = append(own, &pods[i])
		}
	}
	return own
}

func digest(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}
