package gate

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/podproblem"
	"github.com/sluice-dev/sluice/internal/promotion"
)

var (
	digestA       = "sha256:" + strings.Repeat("a", 64)
	digestB       = "sha256:" + strings.Repeat("b", 64)
	operatorImage = "registry.example.com/sluice@" + digestB
	testImage     = "registry.example.com/shop/checks@" + digestA
	noon          = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
)

func after(seconds int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(seconds) * time.Second))
}

type startBuilder struct{ s promotion.StartGate }

func makeStart() *startBuilder {
	return &startBuilder{promotion.StartGate{
		Namespace: "shop-test", Job: "sl-0123456789abcdef0123", Attempt: 2, SpecHash: "beef", KeepSeconds: 900,
		Gate:      v1alpha1.Gate{Name: "contract", Purpose: v1alpha1.PurposeFunctional, Job: v1alpha1.JobGate{Image: testImage}},
		Promotion: v1alpha1.PromotionReference{Namespace: "shop", Name: "checkout-1.4.2", UID: "uid-1"},
		Pipeline:  "shop/checkout", Environment: "test", ReleaseHash: "7f3a",
		Images: []v1alpha1.Image{{Name: "api", Repository: "r.example.com/api", Digest: digestB}, {Name: "batch-worker", Repository: "r.example.com/worker", Digest: digestB}},
	}}
}

// Load makes it a load gate instead.
func (b *startBuilder) Load(changes ...func(*v1alpha1.LoadGate)) *startBuilder {
	b.s.Generator = operatorImage
	b.s.Gate.Job = v1alpha1.JobGate{}
	b.s.Gate.Load = v1alpha1.LoadGate{
		Targets:           []v1alpha1.LoadTarget{{URL: "http://api.$(SLUICE_NAMESPACE).svc/quote"}},
		RequestsPerSecond: 200, DurationSeconds: 60,
		Thresholds: v1alpha1.LoadThresholds{P99Microseconds: 150_000},
	}
	for _, change := range changes {
		change(&b.s.Gate.Load)
	}
	return b
}

// Metric makes it a metric gate instead.
func (b *startBuilder) Metric(changes ...func(*v1alpha1.MetricGate)) *startBuilder {
	b.s.Generator = operatorImage
	b.s.Gate.Job = v1alpha1.JobGate{}
	b.s.Gate.Metric = v1alpha1.MetricGate{
		Prometheus: v1alpha1.PrometheusServer{URL: "http://prometheus.$(SLUICE_NAMESPACE).svc:9090"},
		Query:      `rate(errors{ns="$(SLUICE_NAMESPACE)"}[1m])`, Samples: 4, PassIf: "result < 0.01",
	}
	for _, change := range changes {
		change(&b.s.Gate.Metric)
	}
	return b
}

// Webhook makes it a webhook gate instead.
func (b *startBuilder) Webhook(changes ...func(*v1alpha1.WebhookGate)) *startBuilder {
	b.s.Generator = operatorImage
	b.s.Gate.Job = v1alpha1.JobGate{}
	b.s.Gate.Webhook = v1alpha1.WebhookGate{
		URL:        "https://scanner.example.com/$(SLUICE_NAMESPACE)",
		SigningKey: v1alpha1.SecretKeyReference{Name: "sluice-gate.shop.checkout", Key: "signing-key"},
	}
	for _, change := range changes {
		change(&b.s.Gate.Webhook)
	}
	return b
}

func (b *startBuilder) With(change func(*v1alpha1.JobGate)) *startBuilder {
	change(&b.s.Gate.Job)
	return b
}

func (b *startBuilder) Timeout(seconds int32) *startBuilder {
	b.s.Gate.TimeoutSeconds = seconds
	return b
}

func (b *startBuilder) Obj() promotion.StartGate { return b.s }

type jobBuilder struct{ j *batchv1.Job }

// makeJob is the Job of an attempt, as it is in the API server.
func makeJob() *jobBuilder {
	job := Render(makeStart().Obj())
	job.UID = "job-1"
	return &jobBuilder{job}
}

// makeLoadJob is the Job of an attempt of a load gate.
func makeLoadJob(workers int32) *jobBuilder {
	job := Render(makeStart().Load(func(g *v1alpha1.LoadGate) { g.Workers = workers }).Obj())
	job.UID = "job-1"
	return &jobBuilder{job}
}

// makeMetricJob is the Job of an attempt of a metric gate.
func makeMetricJob() *jobBuilder {
	job := Render(makeStart().Metric().Obj())
	job.UID = "job-1"
	return &jobBuilder{job}
}

// makeWebhookJob is the Job of an attempt of a webhook gate.
func makeWebhookJob() *jobBuilder {
	job := Render(makeStart().Webhook().Obj())
	job.UID = "job-1"
	return &jobBuilder{job}
}

func (b *jobBuilder) Complete() *jobBuilder { return b.Condition(batchv1.JobComplete, "", "") }

func (b *jobBuilder) Condition(kind batchv1.JobConditionType, reason, message string) *jobBuilder {
	b.j.Status.Conditions = append(b.j.Status.Conditions,
		batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message})
	return b
}

func (b *jobBuilder) Failed() *jobBuilder {
	return b.Condition(batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit")
}

func (b *jobBuilder) Overdue() *jobBuilder {
	return b.Condition(batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded, "Job was active longer than specified deadline")
}

func (b *jobBuilder) Suspended() *jobBuilder {
	b.j.Spec.Suspend = ptr(true)
	return b
}

func (b *jobBuilder) Obj() *batchv1.Job { return b.j }

type podBuilder struct{ p corev1.Pod }

func makePod(name string) *podBuilder {
	return &podBuilder{corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, CreationTimestamp: after(0),
		OwnerReferences: []metav1.OwnerReference{{Kind: "Job", Name: "sl-0123456789abcdef0123", UID: "job-1", Controller: ptr(true)}},
	}}}
}

func (b *podBuilder) Of(uid string) *podBuilder {
	b.p.OwnerReferences[0].UID = types.UID(uid)
	return b
}

func (b *podBuilder) Created(at metav1.Time) *podBuilder {
	b.p.CreationTimestamp = at
	return b
}

func (b *podBuilder) Deleting() *podBuilder {
	b.p.DeletionTimestamp = &metav1.Time{Time: noon}
	return b
}

func (b *podBuilder) Ended(reason, message string) *podBuilder {
	b.p.Status.Phase, b.p.Status.Reason, b.p.Status.Message = corev1.PodFailed, reason, message
	return b
}

// Worker is a pod of a load gate, with its number.
func (b *podBuilder) Worker(index string) *podBuilder {
	b.p.Labels = map[string]string{batchv1.JobCompletionIndexAnnotation: index}
	return b
}

// Image that the kubelet reports of its container.
func (b *podBuilder) Image(imageID string) *podBuilder {
	b.p.Status.ContainerStatuses[0].ImageID = imageID
	return b
}

func (b *podBuilder) State(imageID string, state corev1.ContainerState) *podBuilder {
	b.p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: containerName, ImageID: imageID, State: state}}
	return b
}

func (b *podBuilder) Waiting(reason, message string) *podBuilder {
	return b.State("", corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

func (b *podBuilder) Running() *podBuilder {
	return b.State(testImage, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: after(1)}})
}

func (b *podBuilder) Terminated(code int32, reason, message string) *podBuilder {
	return b.State(testImage, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, Message: message, StartedAt: after(1), FinishedAt: after(2),
	}})
}

func (b *podBuilder) NeverBegan(startedAt metav1.Time, reason, message string) *podBuilder {
	return b.State("", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 128, Reason: reason, Message: message, StartedAt: startedAt,
	}})
}

func (b *podBuilder) Unschedulable(message string) *podBuilder {
	b.p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message},
	}
	return b
}

// Runs says with which image a container of the pod was made.
func (b *podBuilder) Runs(container, image string) *podBuilder {
	b.p.Spec.Containers = append(b.p.Spec.Containers, corev1.Container{Name: container, Image: image})
	return b
}

func (b *podBuilder) Obj() corev1.Pod { return b.p }

func makeFailure(name, about, message string, last metav1.Time) corev1.Event {
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name},
		InvolvedObject: corev1.ObjectReference{UID: types.UID(about)},
		Reason:         podproblem.FailedCreate, Message: message, LastTimestamp: last,
	}
}

// observed observes a Job with its pods, and asserts what state that is and what is said of it.
func observed(t *testing.T, job *jobBuilder, builders []*podBuilder, state promotion.RunState, says string) promotion.Run {
	t.Helper()
	var pods []corev1.Pod
	for _, pod := range builders {
		pods = append(pods, pod.Obj())
	}
	run := Observe(job.Obj(), pods, nil)
	if run.State != state || !strings.Contains(run.Message, says) {
		t.Errorf("%s: %s\nwant %s: %s", run.State, run.Message, state, says)
	}
	return run
}
