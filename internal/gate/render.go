package gate

import (
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// StepLabel on a gate's Job and its pods holds the pipeline's name of the environment. (The label
// sluice.dev/environment is the Namespace's, and holds a tier.)
const StepLabel = "sluice.dev/pipeline-environment"

// The label by which tools group what a program made.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "sluice"
)

const (
	containerName = "test"
	scratchVolume = "scratch"
	// startSeconds is what an attempt has beyond its timeout to get onto a node.
	startSeconds = 60
)

// Render makes the Job of one attempt. Its start has to have passed Check.
//
// There are two deadlines. That of the pod is the gate's timeout: the kubelet ends the test then and leaves the pod,
// its status and its log for people to read. That of the Job comes later, and ends what never got onto a node; at it the
// Job's controller deletes the pod.
func Render(start promotion.StartGate) *batchv1.Job {
	timeout := int64(promotion.GateTimeout(start.Gate))
	labels := labelsOf(start)
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: start.Namespace,
			Name:      start.Job,
			Labels:    labels,
			Annotations: map[string]string{
				v1alpha1.SpecHashAnnotation:  start.SpecHash,
				v1alpha1.PromotionAnnotation: start.Promotion.Namespace + "/" + start.Promotion.Name,
			},
		},
		Spec: batchv1.JobSpec{
			Parallelism:             ptr[int32](1),
			Completions:             ptr[int32](1),
			BackoffLimit:            ptr[int32](0),
			ActiveDeadlineSeconds:   ptr(timeout + startSeconds),
			TTLSecondsAfterFinished: ptr(start.KeepSeconds),
			PodReplacementPolicy:    ptr(batchv1.Failed),
			PodFailurePolicy:        ignoreDisruptions(),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labelsOf(start)},
				Spec:       podSpec(start, timeout),
			},
		},
	}
	if promotion.IsLoad(start.Gate) {
		shareAmong(&job.Spec, max(1, start.Gate.Load.Workers))
	}
	return job
}

func labelsOf(start promotion.StartGate) map[string]string {
	return map[string]string{
		v1alpha1.GateLabel:         start.Gate.Name,
		v1alpha1.PromotionUIDLabel: start.Promotion.UID,
		v1alpha1.AttemptLabel:      strconv.Itoa(int(start.Attempt)),
		StepLabel:                  start.Environment,
		managedByLabel:             managedBy,
	}
}

// ignoreDisruptions lets the Job try again where a node was drained or lost: that says nothing about the release.
func ignoreDisruptions() *batchv1.PodFailurePolicy {
	return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action: batchv1.PodFailurePolicyActionIgnore,
		OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
		},
	}}}
}

func podSpec(start promotion.StartGate, timeout int64) corev1.PodSpec {
	container := jobContainer(start)
	switch {
	case promotion.IsLoad(start.Gate):
		container = loadContainer(start)
	case promotion.IsMetric(start.Gate):
		container = metricContainer(start)
	case promotion.IsWebhook(start.Gate):
		container = webhookContainer(start)
	}
	container.SecurityContext = restricted()
	spec := corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		ActiveDeadlineSeconds:        &timeout,
		AutomountServiceAccountToken: ptr(false),
		EnableServiceLinks:           ptr(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{container},
	}
	if scratch := start.Gate.Job.Scratch; scratch != "" {
		addScratch(&spec, scratch)
	}
	if promotion.HasReports(start.Gate) {
		addRunner(&spec, start)
	}
	return spec
}

// restricted is what every container of a gate may do.
func restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsNonRoot:             ptr(true),
		Privileged:               ptr(false),
		AllowPrivilegeEscalation: ptr(false),
		ReadOnlyRootFilesystem:   ptr(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// jobContainer is the user's test.
func jobContainer(start promotion.StartGate) corev1.Container {
	job := start.Gate.Job
	return corev1.Container{
		Name:       containerName,
		Image:      job.Image,
		Command:    job.Command,
		Args:       job.Args,
		WorkingDir: job.WorkingDir,
		Env:        append(ownVariables(start), userVariables(job.Env)...),
		Resources:  resourcesOf(job.Resources, shares),
	}
}

// addScratch gives the test one place to write to. It may take as much as the container may write at all: what lies in
// an empty volume counts towards that.
func addScratch(spec *corev1.PodSpec, path string) {
	limit := spec.Containers[0].Resources.Limits[corev1.ResourceEphemeralStorage]
	spec.Volumes = []corev1.Volume{{
		Name:         scratchVolume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}},
	}}
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: scratchVolume, MountPath: path}}
}

// ownVariables tell a test where it runs and what is under test.
func ownVariables(start promotion.StartGate) []corev1.EnvVar {
	variables := []corev1.EnvVar{
		{Name: "SLUICE_ENVIRONMENT", Value: start.Environment},
		{Name: "SLUICE_NAMESPACE", Value: start.Namespace},
		{Name: "SLUICE_PROMOTION", Value: start.Promotion.Namespace + "/" + start.Promotion.Name},
		{Name: "SLUICE_PIPELINE", Value: start.Pipeline},
		{Name: "SLUICE_RELEASE_HASH", Value: start.ReleaseHash},
		{Name: "SLUICE_GATE", Value: start.Gate.Name},
		{Name: "SLUICE_ATTEMPT", Value: strconv.Itoa(int(start.Attempt))},
	}
	for _, image := range start.Images {
		name := "SLUICE_IMAGE_" + variableName(image.Name)
		variables = append(variables, corev1.EnvVar{Name: name, Value: image.Reference()})
	}
	return variables
}

func userVariables(given []v1alpha1.GateVariable) []corev1.EnvVar {
	variables := make([]corev1.EnvVar, 0, len(given))
	for _, v := range given {
		variable := corev1.EnvVar{Name: v.Name}
		if v.Value != nil {
			variable.Value = *v.Value
		}
		if ref := v.SecretKeyRef; ref.Name != "" {
			variable.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
			}}
		}
		variables = append(variables, variable)
	}
	return variables
}

func ptr[T any](value T) *T { return &value }
