package gate

import (
	"reflect"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestRenderIdentity(t *testing.T) {
	job := Render(makeStart().Obj())
	labels := map[string]string{
		v1alpha1.GateLabel: "contract", v1alpha1.PromotionUIDLabel: "uid-1", v1alpha1.AttemptLabel: "2",
		StepLabel: "test", "app.kubernetes.io/managed-by": "sluice",
	}
	annotations := map[string]string{v1alpha1.SpecHashAnnotation: "beef", v1alpha1.PromotionAnnotation: "shop/checkout-1.4.2"}
	if job.Namespace != "shop-test" || job.Name != "sl-0123456789abcdef0123" || !reflect.DeepEqual(job.Annotations, annotations) {
		t.Errorf("got %+v", job.ObjectMeta)
	}
	if !reflect.DeepEqual(job.Labels, labels) || !reflect.DeepEqual(job.Spec.Template.Labels, labels) {
		t.Errorf("want the labels on Job and pods: got %v and %v", job.Labels, job.Spec.Template.Labels)
	}
	if !reflect.DeepEqual(job, Render(makeStart().Obj())) {
		t.Error("want the same Job whenever it is rendered")
	}
	job.Labels["x"] = "y"
	if job.Spec.Template.Labels["x"] != "" {
		t.Error("want Job and pods to share no map")
	}
}

func TestRenderRunsOnce(t *testing.T) {
	for _, c := range []struct {
		reason  string
		seconds int32
		want    int64
	}{
		{"the gate's timeout", 30, 30},
		{"the documented default", 0, 600},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := Render(makeStart().Timeout(c.seconds).Obj()).Spec
			if pod := *got.Template.Spec.ActiveDeadlineSeconds; pod != c.want {
				t.Errorf("want the kubelet to end the test after %d s, got %d", c.want, pod)
			}
			got.Template = corev1.PodTemplateSpec{}
			want := batchv1.JobSpec{
				Parallelism: ptr[int32](1), Completions: ptr[int32](1), BackoffLimit: ptr[int32](0),
				// Later than the pod's deadline: at the Job's the pod is deleted, with its log.
				ActiveDeadlineSeconds:   ptr(c.want + 60),
				TTLSecondsAfterFinished: ptr[int32](900), PodReplacementPolicy: ptr(batchv1.Failed),
				PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
					Action:          batchv1.PodFailurePolicyActionIgnore,
					OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: "DisruptionTarget", Status: "True"}},
				}}},
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("want one try of one pod, with disruptions alone ignored:\ngot  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRenderScenario35Powerless(t *testing.T) {
	got := Render(makeStart().Obj()).Spec.Template.Spec
	seccomp := &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	// Whole, so that nothing comes in unseen: no ServiceAccount, no token, no host, no volume.
	want := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, ActiveDeadlineSeconds: ptr[int64](600),
		AutomountServiceAccountToken: ptr(false), EnableServiceLinks: ptr(false),
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr(true), SeccompProfile: seccomp},
		Containers: []corev1.Container{{
			Name: "test", Image: testImage, Env: got.Containers[0].Env, Resources: got.Containers[0].Resources,
			SecurityContext: &corev1.SecurityContext{
				RunAsNonRoot: ptr(true), Privileged: ptr(false), AllowPrivilegeEscalation: ptr(false), ReadOnlyRootFilesystem: ptr(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SeccompProfile: seccomp,
			},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRenderContainer(t *testing.T) {
	value := "fast"
	start := makeStart().With(func(j *v1alpha1.JobGate) {
		j.Command, j.Args, j.WorkingDir, j.Scratch = []string{"/check"}, []string{"-v"}, "/work", "/tmp"
		j.Env = []v1alpha1.GateVariable{
			{Name: "MODE", Value: &value},
			{Name: "TOKEN", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: "token"}},
		}
	})
	spec := Render(start.Obj()).Spec.Template.Spec
	c := spec.Containers[0]
	if c.Image != testImage || !reflect.DeepEqual(c.Command, []string{"/check"}) || !reflect.DeepEqual(c.Args, []string{"-v"}) || c.WorkingDir != "/work" {
		t.Errorf("want what the gate says, got %+v", c)
	}
	env := []corev1.EnvVar{
		{Name: "SLUICE_ENVIRONMENT", Value: "test"}, {Name: "SLUICE_NAMESPACE", Value: "shop-test"},
		{Name: "SLUICE_PROMOTION", Value: "shop/checkout-1.4.2"}, {Name: "SLUICE_PIPELINE", Value: "shop/checkout"},
		{Name: "SLUICE_RELEASE_HASH", Value: "7f3a"}, {Name: "SLUICE_GATE", Value: "contract"}, {Name: "SLUICE_ATTEMPT", Value: "2"},
		{Name: "SLUICE_IMAGE_API", Value: "r.example.com/api@" + digestB},
		{Name: "SLUICE_IMAGE_BATCH_WORKER", Value: "r.example.com/worker@" + digestB},
		{Name: "MODE", Value: "fast"},
		{Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "sluice-gate.shop.checkout"}, Key: "token"}}},
	}
	if !reflect.DeepEqual(c.Env, env) {
		t.Errorf("got  %+v\nwant %+v", c.Env, env)
	}
	mounts := []corev1.VolumeMount{{Name: "scratch", MountPath: "/tmp"}}
	if !reflect.DeepEqual(c.VolumeMounts, mounts) || len(spec.Volumes) != 1 || spec.Volumes[0].EmptyDir.SizeLimit.String() != "1Gi" {
		t.Errorf("want one empty volume with a limit, got %+v %+v", c.VolumeMounts, spec.Volumes)
	}
}

func TestRenderResources(t *testing.T) {
	list := func(pairs ...string) corev1.ResourceList {
		l := corev1.ResourceList{}
		for i := 0; i < len(pairs); i += 2 {
			l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
		}
		return l
	}
	for _, c := range []struct {
		reason           string
		given            *corev1.ResourceRequirements
		requests, limits corev1.ResourceList
	}{
		{"the documented defaults", nil,
			list("cpu", "50m", "memory", "64Mi", "ephemeral-storage", "0"), list("cpu", "1", "memory", "512Mi", "ephemeral-storage", "1Gi")},
		{"a limit below the default request lowers it", &corev1.ResourceRequirements{Limits: list("memory", "32Mi")},
			list("cpu", "50m", "memory", "32Mi", "ephemeral-storage", "0"), list("cpu", "1", "memory", "32Mi", "ephemeral-storage", "1Gi")},
		{"a request above the default limit raises it", &corev1.ResourceRequirements{Requests: list("cpu", "4", "ephemeral-storage", "2Gi")},
			list("cpu", "4", "memory", "64Mi", "ephemeral-storage", "2Gi"), list("cpu", "4", "memory", "512Mi", "ephemeral-storage", "2Gi")},
		{"others stay", &corev1.ResourceRequirements{Limits: list("example.com/gpu", "1"), Claims: []corev1.ResourceClaim{{Name: "x"}}},
			list("cpu", "50m", "memory", "64Mi", "ephemeral-storage", "0"), list("cpu", "1", "memory", "512Mi", "ephemeral-storage", "1Gi", "example.com/gpu", "1")},
	} {
		t.Run(c.reason, func(t *testing.T) {
			start := makeStart().With(func(j *v1alpha1.JobGate) { j.Resources = c.given })
			got := Render(start.Obj()).Spec.Template.Spec.Containers[0].Resources
			if !sameResources(got.Requests, c.requests) || !sameResources(got.Limits, c.limits) || len(got.Claims) != 0 {
				t.Errorf("got %+v, want requests %v and limits %v", got, c.requests, c.limits)
			}
		})
	}
}

func sameResources(a, b corev1.ResourceList) bool {
	if len(a) != len(b) {
		return false
	}
	for name, quantity := range a {
		if other, ok := b[name]; !ok || quantity.Cmp(other) != 0 {
			return false
		}
	}
	return true
}

func TestRenderLeavesTheGateAlone(t *testing.T) {
	given := &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}}
	start := makeStart().With(func(j *v1alpha1.JobGate) { j.Resources = given }).Obj()
	Render(start)
	if len(given.Limits) != 1 || given.Requests != nil {
		t.Errorf("want the gate's own resources untouched, got %+v", given)
	}
}
