package gate

import (
	"context"
	"errors"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/refusal"
)

var jobs = schema.GroupResource{Group: "batch", Resource: "jobs"}

// refusedFor is the Reason of an error, as a caller finds it without knowing this package's types.
func refusedFor(err error) string {
	var refused interface{ Reason() string }
	if errors.As(err, &refused) && errors.Is(err, refusal.ErrRefused) {
		return refused.Reason()
	}
	return ""
}

func TestStart(t *testing.T) {
	start := makeStart().Obj()
	foreign := Render(start)
	foreign.Labels[v1alpha1.PromotionUIDLabel] = "uid-2"
	otherGate := Render(start)
	otherGate.Labels[v1alpha1.GateLabel] = "smoke"
	bare := Render(start)
	bare.Labels = nil
	otherImage := Render(start)
	otherImage.Spec.Template.Spec.Containers[0].Image = "registry.example.com/green@sha256:0"
	finished := makeJob().Failed().Obj()
	for _, c := range []struct {
		reason   string
		existing *batchv1.Job
		refusal  string
	}{
		{"nothing is there", nil, ""},
		{"it is there already: the answer was lost", Render(start), ""},
		{"it is there and has ended", finished, ""},
		{"another promotion's Job has the name", foreign, v1alpha1.ReasonGateCannotStart},
		{"another gate's Job has the name", otherGate, v1alpha1.ReasonGateCannotStart},
		{"somebody's Job has the name", bare, v1alpha1.ReasonGateCannotStart},
		{"a Job that runs another image has the name", otherImage, v1alpha1.ReasonGateCannotStart},
	} {
		t.Run(c.reason, func(t *testing.T) {
			builder := fake.NewClientBuilder()
			if c.existing != nil {
				builder = builder.WithObjects(c.existing.DeepCopy())
			}
			server := builder.Build()
			err := (&Runner{Client: server, APIReader: server}).Start(context.Background(), start)
			if refusedFor(err) != c.refusal || (err == nil) != (c.refusal == "") {
				t.Fatalf("want refusal %q, got %v", c.refusal, err)
			}
			if err != nil && !strings.Contains(err.Error(), "Job shop-test/sl-0123456789abcdef0123") {
				t.Errorf("want the Job named, got %v", err)
			}
			if err := server.Get(context.Background(), client.ObjectKey{Namespace: "shop-test", Name: start.Job}, &batchv1.Job{}); err != nil {
				t.Errorf("want a Job there, got %v", err)
			}
		})
	}
}

func TestStartRefused(t *testing.T) {
	for _, c := range []struct {
		reason  string
		err     error
		refusal string
	}{
		{"the RoleBinding is missing", apierrors.NewForbidden(jobs, "sl-1", errors.New(
			`User "system:serviceaccount:sluice-system:sluice" cannot create resource "jobs" in API group "batch" in the namespace "shop-test"`)),
			v1alpha1.ReasonPermissionMissing},
		{"a quota is full", apierrors.NewForbidden(jobs, "sl-1", errors.New("exceeded quota: jobs")), v1alpha1.ReasonGateCannotStart},
		{"the schema refuses", apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "sl-1", nil), v1alpha1.ReasonGateCannotStart},
		{"the API server is down", errors.New("connection refused"), ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			server := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return c.err },
			}).Build()
			err := (&Runner{Client: server, APIReader: server}).Start(context.Background(), makeStart().Obj())
			if !errors.Is(err, c.err) || refusedFor(err) != c.refusal {
				t.Errorf("want refusal %q, got %q of %v", c.refusal, refusedFor(err), err)
			}
		})
	}
}

func TestStartScenario35RefusesBeforeItWrites(t *testing.T) {
	start := makeStart().With(func(j *v1alpha1.JobGate) {
		j.Env = []v1alpha1.GateVariable{{Name: "P", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "db-password", Key: "p"}}}
	}).Obj()
	server := fake.NewClientBuilder().Build()
	err := (&Runner{Client: server, APIReader: server}).Start(context.Background(), start)
	if refusedFor(err) != v1alpha1.ReasonGateNotAllowed {
		t.Errorf("want it refused, got %v", err)
	}
	var list batchv1.JobList
	if err := server.List(context.Background(), &list); err != nil || len(list.Items) != 0 {
		t.Errorf("want no Job, got %v, %v", list.Items, err)
	}
}

func TestStartCannotRecogniseYet(t *testing.T) {
	server := fake.NewClientBuilder().WithObjects(Render(makeStart().Obj())).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return apierrors.NewNotFound(jobs, key.Name)
		},
	}).Build()
	err := (&Runner{Client: server, APIReader: server}).Start(context.Background(), makeStart().Obj())
	if err == nil || refusedFor(err) != "" {
		t.Errorf("want an error to try again after: the cache lags behind, got %v", err)
	}
}

func TestStop(t *testing.T) {
	stop := promotion.StopGate{Namespace: "shop-test", Job: "sl-0123456789abcdef0123"}
	forbidden := apierrors.NewForbidden(jobs, "sl-1", errors.New(`User "x" cannot delete resource "jobs" in API group "batch"`))
	for _, c := range []struct {
		reason  string
		err     error
		refusal string
		fails   bool
	}{
		{"it is deleted", nil, "", false},
		{"it is gone already", apierrors.NewNotFound(jobs, "sl-1"), "", false},
		{"the RoleBinding is missing", forbidden, v1alpha1.ReasonPermissionMissing, true},
		{"the API server is down", errors.New("connection refused"), "", true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var deleted client.Object
			options := &client.DeleteOptions{}
			server := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
				Delete: func(_ context.Context, _ client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
					deleted = obj
					options.ApplyOptions(opts)
					return c.err
				},
			}).Build()
			err := (&Runner{Client: server}).Stop(context.Background(), stop)
			if (err != nil) != c.fails || refusedFor(err) != c.refusal {
				t.Errorf("want an error %v, refusal %q; got %v", c.fails, c.refusal, err)
			}
			if deleted.GetName() != stop.Job || deleted.GetNamespace() != stop.Namespace || *options.PropagationPolicy != metav1.DeletePropagationBackground {
				t.Errorf("want the Job deleted with its pods in the background, got %s/%s %+v", deleted.GetNamespace(), deleted.GetName(), options)
			}
		})
	}
}

func TestATestIsToldWhereTheReleaseAnswers(t *testing.T) {
	start := makeStart().Obj()
	image := start.Images[0]
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: start.Namespace, Name: "api-1", Labels: map[string]string{"app": "api"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: image.Reference()}}},
	}
	here, elsewhere := service("api", pod.Labels, 80), service("api", pod.Labels, 81)
	here.Namespace, elsewhere.Namespace = start.Namespace, "shop-prod"
	for reason, c := range map[string]struct {
		refuse  error
		refusal string
		want    corev1.EnvVar
	}{
		"the Service of its namespace": {want: corev1.EnvVar{Name: "SLUICE_SERVICE_API", Value: "api." + start.Namespace + ".svc:80"}},
		"nobody lets it look": {
			refuse: apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "", errors.New(`User "system:serviceaccount:sluice-system:sluice" cannot list resource "services"`)), refusal: v1alpha1.ReasonPermissionMissing,
		},
	} {
		t.Run(reason, func(t *testing.T) {

			client := fake.NewClientBuilder().WithObjects(pod.DeepCopy(), here.DeepCopy(), elsewhere.DeepCopy()).WithInterceptorFuncs(interceptor.Funcs{
				List: func(ctx context.Context, w client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					if c.refuse != nil {
						return c.refuse
					}
					return w.List(ctx, list, opts...)
				},
			}).Build()
			err := (&Runner{Client: client, APIReader: client}).Start(t.Context(), start)
			if got := refusedFor(err); got != c.refusal {
				t.Fatalf("refused for %q: %v", got, err)
			}
			job := &batchv1.Job{}
			if err := client.Get(t.Context(), types.NamespacedName{Namespace: start.Namespace, Name: start.Job}, job); (err != nil) != (c.refusal != "") {
				t.Fatal(err)
			}
			if c.refusal == "" && job.Spec.Template.Spec.Containers[0].Env[0] != c.want {
				t.Errorf("told %v", job.Spec.Template.Spec.Containers[0].Env)
			}
		})
	}
}
