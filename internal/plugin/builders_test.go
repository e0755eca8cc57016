package plugin

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	apiRepository = "registry.example.com/shop/checkout-api"
	uid           = "0b5d6a1e-0000-0000-0000-000000000142"
)

func hash(seed string) string { return (seed + strings.Repeat("0", 64))[:64] }

func release() string  { return hash("7f3a9c21") }
func evidence() string { return hash("91bc") }

// noonClock stands still.
type noonClock struct{}

func (noonClock) Now() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) metav1.Time { return metav1.NewTime(noonClock{}.Now().Add(-d)) }

// cluster is a stand-in for the API server, with what it does in tests.
type cluster struct {
	objects []client.Object
	funcs   interceptor.Funcs
}

func index[T client.Object](of func(T) string) client.IndexerFunc {
	return func(object client.Object) []string {
		o, ok := object.(T)
		if !ok {
			return nil
		}
		return []string{of(o)}
	}
}

func (c cluster) client() client.WithWatch {
	b := fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(c.objects...).WithInterceptorFuncs(c.funcs).
		WithStatusSubresource(&v1alpha1.Promotion{}, &v1alpha1.Environment{}, &v1alpha1.DeliveryPipeline{}).
		WithIndex(&v1alpha1.ReleaseRecord{}, "spec.releaseHash", index(func(r *v1alpha1.ReleaseRecord) string { return r.Spec.ReleaseHash })).
		WithIndex(&v1alpha1.ReleaseRecord{}, "spec.pipelineRef.name", index(func(r *v1alpha1.ReleaseRecord) string { return r.Spec.PipelineRef.Name })).
		WithIndex(&v1alpha1.Promotion{}, "spec.pipelineRef.name", index(func(p *v1alpha1.Promotion) string { return p.Spec.PipelineRef.Name })).
		WithIndex(&v1alpha1.Promotion{}, "metadata.name", index(func(p *v1alpha1.Promotion) string { return p.Name })).
		WithIndex(&v1alpha1.DeliveryPipeline{}, "metadata.name", index(func(p *v1alpha1.DeliveryPipeline) string { return p.Name }))
	return b.Build()
}

// terminal is a console of a test, with what was written on it.
type terminal struct {
	Console
	out, err *bytes.Buffer
}

func newTerminal(answer string) terminal {
	streams, in, out, errOut := genericiooptions.NewTestIOStreams()
	in.WriteString(answer)
	return terminal{Console: Console{IOStreams: streams, Asks: true, Size: func() (columns, rows int) { return 0, 0 }}, out: out, err: errOut}
}

// app returns the program with a client, and no clock but noon.
func app(t *testing.T, console Console, c client.WithWatch) *App {
	t.Helper()
	t.Setenv("KUBECONFIG", "/dev/null")
	return &App{
		Console: console,
		Clock:   noonClock{},
		Connect: func(*genericclioptions.ConfigFlags, io.Writer) (client.WithWatch, error) { return c, nil },
		ConnectLogs: func(*genericclioptions.ConfigFlags) (LastLine, error) {
			return func(_ context.Context, namespace, pod string) (string, error) {
				return "the log of " + namespace + "/" + pod, nil
			}, nil
		},
		Ticks:         func() (<-chan time.Time, func()) { return nil, func() {} },
		CountedWithin: time.Minute,
	}
}

// progressWrapper builds an environment of a Promotion.
type progressWrapper struct{ v1alpha1.EnvironmentProgress }

func makeProgress(name string, state v1alpha1.EnvironmentState) progressWrapper {
	return progressWrapper{v1alpha1.EnvironmentProgress{
		Name: name, EnvironmentRef: v1alpha1.ObservedEnvironmentReference{Namespace: "shop-" + name}, State: state,
	}}
}

func (w progressWrapper) Because(reason, message string) progressWrapper {
	w.Reasons = append(w.Reasons, v1alpha1.Reason{Type: reason, Message: message})
	return w
}

func (w progressWrapper) Gate(name string, state v1alpha1.GateState) progressWrapper {
	w.Gates = append(w.Gates, v1alpha1.GateStatus{Name: name, Purpose: v1alpha1.PurposeFunctional, State: state, DeclaredBy: v1alpha1.DeclaredByPlatform})
	return w
}

func (w progressWrapper) Obj() v1alpha1.EnvironmentProgress { return w.EnvironmentProgress }

// makePromotion builds checkout-1.4.2, asked for by dave.
func makePromotion(environments ...progressWrapper) *v1alpha1.Promotion {
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout-1.4.2", UID: types.UID(uid), CreationTimestamp: ago(20 * time.Minute)},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api", Tag: "1.4.2"}},
			Reason:      "SHOP-812: refunds are rounded to cents",
			RequestedBy: v1alpha1.Identity{Username: "dave"},
		},
		Status: v1alpha1.PromotionStatus{
			ReleaseHash: release(), ShortHash: "7f3a9c21",
			Images: []v1alpha1.Image{{Name: "api", Repository: apiRepository, Digest: "sha256:" + hash("9c1a77d01e55")}},
		},
	}
	for _, e := range environments {
		p.Status.Environments = append(p.Status.Environments, e.Obj())
	}
	return p
}

const missingTwo = "waits in prod-eu for 2 of 2 approvals; kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu"

// awaitingPromotion passed test and waits for two approvals in prod-eu.
func awaitingPromotion() *v1alpha1.Promotion {
	return makePromotion(
		makeProgress("test", v1alpha1.StatePassed),
		makeProgress("prod-eu", v1alpha1.StateWaiting).Because(v1alpha1.ReasonApprovalsMissing, missingTwo),
		makeProgress("prod-us", v1alpha1.StateWaiting).Because(v1alpha1.ReasonPredecessorPending, "waits for prod-eu to pass; it is Waiting"),
	)
}

// makeEnvironment builds the Environment of a namespace, in whose inbox the promotion is.
func makeEnvironment(namespace string, awaiting ...v1alpha1.AwaitingPromotion) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.EnvironmentName},
		Spec: v1alpha1.EnvironmentSpec{
			Tier: v1alpha1.TierProduction,
			Requires: &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{
				Count: 2, From: []v1alpha1.ApprovalQuota{{Kind: v1alpha1.QuotaGroup, Name: "qa"}},
			}},
		},
		Status: v1alpha1.EnvironmentStatus{Awaiting: awaiting},
	}
}

func entry() v1alpha1.AwaitingPromotion {
	return v1alpha1.AwaitingPromotion{
		PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "checkout-1.4.2", UID: uid},
		Pipeline:     "shop/checkout", RequestedBy: "dave", Excluded: []string{"dave"},
		ReleaseHash: release(), EvidenceHash: evidence(), Groups: []string{"qa", "staff"},
	}
}

// makeRecord builds a record of the release in a namespace.
func makeRecord(namespace, name, seed string, result v1alpha1.RecordResult, age time.Duration) *v1alpha1.ReleaseRecord {
	return &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: ago(age)},
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"},
			ReleaseHash: hash(seed), Result: result,
			Images: []v1alpha1.Image{{Name: "api", Repository: apiRepository, Digest: "sha256:" + hash(seed)}},
			Gates:  []v1alpha1.GateStatus{{Name: "load", Purpose: v1alpha1.PurposeStress, State: v1alpha1.GatePassed, DeclaredBy: v1alpha1.DeclaredByPlatform}},
		},
	}
}

func makeNamespace(name, pins string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{v1alpha1.PinsAnnotation: pins}}}
}

func makeJob(namespace, gate string, conditions ...batchv1.JobCondition) *batchv1.Job {
	started := ago(time.Minute)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "sl-" + gate,
			Labels: map[string]string{v1alpha1.PromotionUIDLabel: uid, v1alpha1.GateLabel: gate, v1alpha1.AttemptLabel: "1"},
		},
		Status: batchv1.JobStatus{StartTime: &started, Conditions: conditions},
	}
}

// atWork is a Job of a gate that runs, and its pod.
func atWork(namespace, gate string) []client.Object {
	job := makeJob(namespace, gate)
	job.Status.Active = 1
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: job.Name + "-x", Labels: map[string]string{batchv1.JobNameLabel: job.Name, v1alpha1.PromotionUIDLabel: uid}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	return []client.Object{job, pod}
}

// withName answers "who am I".
func withName(name string, groups ...string) func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
	return func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if review, ok := object.(*authenticationv1.SelfSubjectReview); ok {
			review.Status.UserInfo = authenticationv1.UserInfo{Username: name, Groups: groups}
			return nil
		}
		return c.Create(ctx, object, options...)
	}
}
