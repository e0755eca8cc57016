package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/environment"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/registry"
)

const (
	testSpace = "shop-test"
	testImage = "registry.example.com/shop/api"
	digestOne = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	digestTwo = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// testClock stands still until it is set.
type testClock struct{ now time.Time }

func (c *testClock) Now() time.Time { return c.now }

// testFinder is a registry: digests by repository:reference.
type testFinder struct {
	digests map[string]string
	asked   int
}

func (f *testFinder) PlatformDigests(_ context.Context, repository, reference string, _ registry.Credentials) (string, []string, error) {
	f.asked++
	if digest := f.digests[repository+" "+reference]; digest != "" {
		return digest, nil, nil
	}
	return "", nil, &registry.Error{Reason: registry.RegistryUnavailable, Message: "down"}
}

// environmentBed is an environment controller over an API in memory that counts writes.
type environmentBed struct {
	*EnvironmentReconciler
	client client.WithWatch
	writes []string
	finder *testFinder
	clock  *testClock
}

func newEnvironmentBed(t *testing.T, objects ...client.Object) *environmentBed {
	t.Helper()
	bed := &environmentBed{finder: &testFinder{digests: map[string]string{}}, clock: &testClock{now: time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)}}
	builder := fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(objects...).WithObjects(policies()...).
		WithStatusSubresource(&v1alpha1.Environment{}, &v1alpha1.DeliveryPipeline{}, &v1alpha1.Promotion{}).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				bed.writes = append(bed.writes, "create "+obj.GetName())
				return c.Create(ctx, obj, opts...)
			},
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				bed.writes = append(bed.writes, "patch "+obj.GetName())
				return c.Patch(ctx, obj, patch, opts...)
			},
			Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
				bed.writes = append(bed.writes, "delete "+obj.GetName())
				return c.Delete(ctx, obj, opts...)
			},
			SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
				bed.writes = append(bed.writes, sub+" "+obj.GetName())
				return c.SubResource(sub).Update(ctx, obj, opts...)
			},
		})
	for _, i := range indexes() {
		builder = builder.WithIndex(i.object, i.field, i.values)
	}
	bed.client = builder.Build()
	bed.EnvironmentReconciler = &EnvironmentReconciler{
		Client: bed.client, APIReader: bed.client, Clock: bed.clock, Events: events.NewFakeRecorder(100),
		Gatherer:  &Gatherer{Reader: bed.client, Operator: types.NamespacedName{Namespace: "sluice-system", Name: "sluice"}},
		Performer: &Performer{Client: bed.client},
		Answers:   &ImageAnswers{Registry: bed.finder, Reader: bed.client, Clock: bed.clock},
	}
	return bed
}

// policies are all that is shipped.
func policies() []client.Object {
	var objects []client.Object
	for _, object := range policy.Shipped().Objects() {
		if copied, ok := object.DeepCopyObject().(client.Object); ok {
			objects = append(objects, copied)
		}
	}
	return objects
}

func (b *environmentBed) pass(t *testing.T) time.Duration {
	t.Helper()
	result, err := b.Reconcile(t.Context(), b.environment(t))
	if err != nil {
		t.Fatal(err)
	}
	return result.RequeueAfter
}

func (b *environmentBed) environment(t *testing.T) *v1alpha1.Environment {
	t.Helper()
	env := &v1alpha1.Environment{}
	if err := b.client.Get(t.Context(), client.ObjectKey{Namespace: testSpace, Name: v1alpha1.EnvironmentName}, env); err != nil {
		t.Fatal(err)
	}
	return env
}

func (b *environmentBed) enforced(t *testing.T) promotion.EnforcedCopy {
	t.Helper()
	ns := &corev1.Namespace{}
	if err := b.client.Get(t.Context(), client.ObjectKey{Name: testSpace}, ns); err != nil {
		t.Fatal(err)
	}
	return promotion.ParseEnforced(ns)
}

func testPlace() []client.Object {
	pipeline := &v1alpha1.DeliveryPipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", UID: "pipe", Generation: 1}}
	pipeline.Spec.Images = []v1alpha1.PipelineImage{{Name: "api", Repository: testImage}}
	pipeline.Spec.Environments = []v1alpha1.PipelineEnvironment{{Name: "test", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: testSpace}}}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testSpace, Labels: map[string]string{"team": "shop"}}},
		&v1alpha1.Environment{
			ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: v1alpha1.EnvironmentName, UID: "env", Generation: 1},
			Spec: v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierTest, Pipelines: []v1alpha1.AdmittedPipeline{
				{Namespace: "shop", Name: "checkout", Repositories: []string{testImage}},
			}},
		},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: "sluice"},
			RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "sluice-system", Name: "sluice"}},
		},
		pipeline,
	}
}

func testDeployment(image string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: "api", UID: "deployment"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "api", Image: image}}
	return d
}

func TestEnvironmentReconcilerAdoptsAndThenRests(t *testing.T) {
	bed := newEnvironmentBed(t, append(testPlace(), testDeployment(testImage+":v1"))...)
	bed.finder.digests[testImage+" v1"] = digestOne
	bed.pass(t)
	if want := []string{"create " + bed.record(t).Name, "patch " + testSpace, "status environment"}; !slices.Equal(bed.writes, want) {
		t.Errorf("writes are %q, want %q", bed.writes, want)
	}
	if got := bed.enforced(t); got.Pins[testImage] != testImage+"@"+digestOne || got.Lock != v1alpha1.LockEnforce {
		t.Errorf("the Namespace enforces %+v", got)
	}
	bed.writes = nil
	if wake := bed.pass(t); wake != 0 || len(bed.writes) > 0 {
		t.Errorf("at rest: wakes after %s, writes %q", wake, bed.writes)
	}
}

func (b *environmentBed) record(t *testing.T) v1alpha1.ReleaseRecord {
	t.Helper()
	var list v1alpha1.ReleaseRecordList
	if err := b.client.List(t.Context(), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("want one record, have %d (%v)", len(list.Items), err)
	}
	return list.Items[0]
}

func TestEnvironmentReconcilerAsksAFailingRegistryLessAndLess(t *testing.T) {
	bed := newEnvironmentBed(t, append(testPlace(), testDeployment(testImage+":v1"))...)
	for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
		if wake := bed.pass(t); wake != want {
			t.Fatalf("wakes after %s, want %s", wake, want)
		}
		asked := bed.finder.asked
		bed.clock.now = bed.clock.now.Add(want / 2)
		if wake := bed.pass(t); wake != want/2 || bed.finder.asked != asked {
			t.Fatalf("asks again after half the time, or wakes after %s", wake)
		}
		bed.clock.now = bed.clock.now.Add(want / 2)
	}
	if got := bed.enforced(t).Lock; got != v1alpha1.LockAudit {
		t.Errorf("lock is %q", got)
	}
	bed.finder.digests[testImage+" v1"] = digestOne
	if wake := bed.pass(t); wake != 0 || bed.enforced(t).Lock != v1alpha1.LockEnforce {
		t.Errorf("the registry is back: wakes after %s, lock %s", wake, bed.enforced(t).Lock)
	}
}

func TestEnvironmentReconcilerShowsRefusals(t *testing.T) {
	bed := newEnvironmentBed(t, testPlace()...)
	bed.Performer = &Performer{Client: interceptor.NewClient(bed.client, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return errForbidden
		},
	})}
	if _, err := bed.Reconcile(t.Context(), bed.environment(t)); err == nil {
		t.Error("a refusal has to be tried again")
	}
	for _, c := range bed.environment(t).Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted && c.Reason != v1alpha1.ReasonAdmissionRefused {
			t.Errorf("Accepted says %s: %s", c.Reason, c.Message)
		}
	}
	bed.writes = nil
	if _, err := bed.Reconcile(t.Context(), bed.environment(t)); err == nil || len(bed.writes) > 0 {
		t.Errorf("the same refusal is written again: %q", bed.writes)
	}
}

func heldEnvironment(objects []client.Object) []client.Object {
	image := v1alpha1.Image{Name: "api", Repository: testImage, Digest: digestTwo}
	env, ok := objects[1].(*v1alpha1.Environment)
	if !ok {
		panic("the second object is the Environment")
	}
	env.Status.Holders = []v1alpha1.Holder{{
		Pipeline: "shop/checkout", ReleaseHash: promotion.ReleaseHash([]v1alpha1.Image{image}), Images: []v1alpha1.Image{image}, OnFailure: v1alpha1.RollbackOnFailure,
		PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "p", UID: "uid-p"},
	}}
	return objects
}

func TestScenario24OrphanedHolderIsFreed(t *testing.T) {
	bed := newEnvironmentBed(t, heldEnvironment(testPlace())...)
	for range 6 {
		bed.pass(t)
	}
	env := bed.environment(t)
	if len(env.Status.Holders) > 0 {
		t.Fatalf("the slot is still held; writes: %q", bed.writes)
	}
	if r := bed.record(t); r.Spec.Result != v1alpha1.ResultFailed || r.Spec.Cause != v1alpha1.CausePromotionDeleted {
		t.Errorf("record says %s/%s", r.Spec.Result, r.Spec.Cause)
	}
	bed.writes = nil
	bed.pass(t)
	if len(bed.writes) > 0 {
		t.Errorf("writes go on: %q", bed.writes)
	}
}

func TestScenario24HolderIsKeptWhileTheCacheLags(t *testing.T) {
	bed := newEnvironmentBed(t, heldEnvironment(testPlace())...)
	p := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "uid-p"}}
	bed.APIReader = fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(p).Build()
	for range 3 {
		bed.pass(t)
	}
	if len(bed.environment(t).Status.Holders) != 1 {
		t.Error("the slot was taken from a Promotion that exists")
	}
}

func TestSightings(t *testing.T) {
	yes := true
	owned := func(kind, name string, uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{Kind: kind, Name: name, UID: uid, Controller: &yes}}
	}
	pod := func(name, image, id string, owners []metav1.OwnerReference) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}}
		p.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", ImageID: id}}
		return p
	}
	gate := pod("gate", "tests:1", "", owned("Job", "gate", "job"))
	gate.Labels = map[string]string{v1alpha1.GateLabel: "acceptance"}
	hidden := pod("hidden", "evil:1", "", nil)
	hidden.Labels = gate.Labels
	ended := pod("ended", "old:1", "", nil)
	ended.Status.Phase = corev1.PodSucceeded
	blue := testDeployment(testImage + ":blue")
	blue.Name, blue.UID, blue.Annotations = "blue", "blue", map[string]string{v1alpha1.DeliveryAnnotation: v1alpha1.DeliveryIgnore}
	job := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "migrate"}}
	job.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "c", Image: "migrate:1"}}
	got := sightings(delivery.Observed{
		Deployments: []appsv1.Deployment{*testDeployment(testImage + ":v1"), *blue},
		ReplicaSets: []appsv1.ReplicaSet{
			{ObjectMeta: metav1.ObjectMeta{Name: "api-1", UID: "rs", OwnerReferences: owned("Deployment", "api", "deployment")}},
			{ObjectMeta: metav1.ObjectMeta{Name: "blue-1", UID: "rs-blue", OwnerReferences: owned("Deployment", "blue", "blue")}},
		},
		Jobs: []batchv1.Job{job},
		Pods: []corev1.Pod{
			pod("api-1-x", testImage+":v1", "host/other@"+digestOne, owned("ReplicaSet", "api-1", "rs")),
			pod("blue-1-x", testImage+":blue", "sha256:config", owned("ReplicaSet", "blue-1", "rs-blue")),
			gate, hidden, ended,
		},
	})
	want := []environment.Sighting{
		{Image: testImage + ":v1", Where: "Deployment api"},
		{Image: testImage + ":blue", Where: "Deployment blue", Ignored: true},
		{Image: "migrate:1", Where: "Job migrate", Source: environment.SourceOther},
		{Image: testImage + ":v1", Digest: digestOne, Where: "Pod api-1-x", Source: environment.SourcePod},
		{Image: testImage + ":blue", Where: "Pod blue-1-x", Source: environment.SourcePod, Ignored: true},
		{Image: "evil:1", Where: "Pod hidden", Source: environment.SourceOther},
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

var errForbidden = func() error {
	return &forbiddenError{errors.New("a policy says no")}
}()

// forbiddenError is what package delivery makes of a refusal by admission.
type forbiddenError struct{ error }

func (*forbiddenError) Reason() string { return v1alpha1.ReasonAdmissionRefused }
