package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/refusal"
)

// recorder is an API server that notes a patch, and answers with a pod template or an error.
type recorder struct {
	answer corev1.PodTemplateSpec
	err    error

	object client.Object
	kind   types.PatchType
	body   map[string]any
}

func (r *recorder) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	r.object, r.kind, r.body = obj, patch.Type(), map[string]any{}
	if err := json.Unmarshal(data, &r.body); err != nil {
		return err
	}
	switch w := obj.(type) {
	case *appsv1.Deployment:
		w.Spec.Template = r.answer
	case *appsv1.StatefulSet:
		w.Spec.Template = r.answer
	case *appsv1.DaemonSet:
		w.Spec.Template = r.answer
	case *batchv1.CronJob:
		w.Spec.JobTemplate.Spec.Template = r.answer
	}
	return r.err
}

func TestPinPatchesOnlyWhatIsOurs(t *testing.T) {
	r := &recorder{}
	enforced := promotion.EnforcedCopy{
		Lock: v1alpha1.LockEnforce, Images: []string{api + "@" + digestA}, Pins: map[string]string{api: api + "@" + digestA},
	}
	err := (&Applier{Client: r}).Pin(context.Background(), promotion.Pin{Namespace: namespace, ResourceVersion: "41", Copy: enforced})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"metadata": map[string]any{
		"resourceVersion": "41",
		"labels":          map[string]any{v1alpha1.LockLabel: "Enforce", v1alpha1.EnvironmentLabel: nil},
		"annotations": map[string]any{
			v1alpha1.ImagesAnnotation: api + "@" + digestA, v1alpha1.PinsAnnotation: api + "@" + digestA,
			v1alpha1.OwnersAnnotation: nil, v1alpha1.AdoptedAnnotation: nil, v1alpha1.OthersAnnotation: nil,
			v1alpha1.MirrorsAnnotation: nil, v1alpha1.PrefixesAnnotation: nil, v1alpha1.UnmanagedAnnotation: nil, v1alpha1.GateImagesAnnotation: nil,
			v1alpha1.SealAnnotation: promotion.SealOf(enforced), v1alpha1.OverriddenByAnnotation: nil,
		},
	}}
	if r.kind != types.MergePatchType || r.object.GetName() != namespace || !reflect.DeepEqual(r.body, want) {
		t.Errorf("got %s of %s %v\nwant %v", r.kind, r.object.GetName(), r.body, want)
	}
}

func TestPinOnAServer(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"team": "shop"},
		Annotations: map[string]string{v1alpha1.GateImagesAnnotation: "test@" + digestA, "note": "keep"},
	}}
	c := fake.NewClientBuilder().WithObjects(ns).Build()
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(ns), ns); err != nil {
		t.Fatal(err)
	}
	pin := promotion.Pin{Namespace: namespace, ResourceVersion: ns.ResourceVersion, Copy: promotion.EnforcedCopy{Lock: v1alpha1.LockAudit}}
	if err := (&Applier{Client: c}).Pin(context.Background(), pin); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(ns), ns); err != nil {
		t.Fatal(err)
	}
	if _, left := ns.Annotations[v1alpha1.GateImagesAnnotation]; left || ns.Annotations["note"] != "keep" || ns.Labels["team"] != "shop" {
		t.Errorf("want ours gone where empty, and others' kept, got %v %v", ns.Labels, ns.Annotations)
	}
	if ns.Labels[v1alpha1.LockLabel] != string(v1alpha1.LockAudit) {
		t.Errorf("want the lock written, got %v", ns.Labels)
	}
	if err := (&Applier{Client: c}).Pin(context.Background(), pin); !apierrors.IsConflict(err) || errors.Is(err, refusal.ErrRefused) {
		t.Errorf("want a conflict to pass through, as the Namespace changed since it was read, got %v", err)
	}
}

func TestTouchPatchesOneAnnotation(t *testing.T) {
	for _, kind := range []string{KindDeployment, KindStatefulSet, KindDaemonSet, KindCronJob} {
		t.Run(kind, func(t *testing.T) {
			r := &recorder{answer: template(api + "@" + digestA)}
			err := (&Applier{Client: r}).Touch(context.Background(), makeTouch(kind))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"metadata": map[string]any{
				"resourceVersion": "7", "annotations": map[string]any{v1alpha1.ReleaseAnnotation: "hash:uid"},
			}}
			if r.kind != types.MergePatchType || !reflect.DeepEqual(r.body, want) || r.object.GetNamespace() != namespace || r.object.GetName() != "web" {
				t.Errorf("got %s %v of %s/%s, want %v", r.kind, r.body, r.object.GetNamespace(), r.object.GetName(), want)
			}
		})
	}
}

func makeTouch(kind string) promotion.Touch {
	return promotion.Touch{
		Namespace: namespace, Kind: kind, Name: "web", ResourceVersion: "7", Release: "hash:uid",
		References: map[string]string{api: api + "@" + digestA},
	}
}

func TestTouchScenario41PinPropagating(t *testing.T) {
	initOld := template(api + "@" + digestA)
	initOld.Spec.InitContainers = []corev1.Container{{Name: "init", Image: api + "@" + digestB}}
	for _, c := range []struct {
		reason string
		answer corev1.PodTemplateSpec
		want   bool
	}{
		{"the pin was written", template(api+"@"+digestA, "envoy:1"), false},
		{"the old digest came back", template(api + "@" + digestB), true},
		{"a tag came back", template(api + ":v1"), true},
		{"the lock compares text, and a tag beside the digest is another text", template(api + ":v1@" + digestA), true},
		{"an init container was left out", initOld, true},
		{"another repository is not ours", template(api+"@"+digestA, api+"2:v1"), false},
	} {
		for _, kind := range []string{KindDeployment, KindStatefulSet, KindDaemonSet, KindCronJob} {
			t.Run(c.reason+", "+kind, func(t *testing.T) {
				err := (&Applier{Client: &recorder{answer: c.answer}}).Touch(context.Background(), makeTouch(kind))
				if errors.Is(err, ErrPinPropagating) != c.want || !c.want && err != nil {
					t.Errorf("want ErrPinPropagating %v, got %v", c.want, err)
				}
			})
		}
	}
}

func TestTouchErrors(t *testing.T) {
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	for _, c := range []struct {
		reason   string
		err      error
		refusal  string
		conflict bool
		says     string
	}{
		{"RBAC has no rule", apierrors.NewForbidden(deployments, "web", errors.New(
			`User "system:serviceaccount:sluice-system:sluice" cannot patch resource "deployments" in API group "apps" in the namespace "shop-prod-eu"`)),
			v1alpha1.ReasonPermissionMissing, false, "cannot patch resource"},
		{"a policy denies", apierrors.NewForbidden(deployments, "web", errors.New(
			`ValidatingAdmissionPolicy 'sluice-lock' with binding 'sluice-lock' denied request: no`)),
			v1alpha1.ReasonAdmissionRefused, false, "sluice-lock"},
		{"a policy calls it invalid", apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "web", nil),
			v1alpha1.ReasonAdmissionRefused, false, "invalid"},
		{"somebody else wrote", apierrors.NewConflict(deployments, "web", errors.New("modified")), "", true, "modified"},
		{"the API server is down", errors.New("connection refused"), "", false, "connection refused"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			err := (&Applier{Client: &recorder{err: c.err}}).Touch(context.Background(), makeTouch(KindDeployment))
			var refused interface{ Reason() string }
			reason := ""
			if errors.As(err, &refused) {
				reason = refused.Reason()
			}
			if reason != c.refusal || errors.Is(err, refusal.ErrRefused) != (c.refusal != "") || apierrors.IsConflict(err) != c.conflict {
				t.Errorf("want refusal %q, conflict %v; got refusal %q of %v", c.refusal, c.conflict, reason, err)
			}
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "touch Deployment shop-prod-eu/web") {
				t.Errorf("want what was tried and what was answered, got %v", err)
			}
		})
	}
}

func TestApplierWritesNothingWithoutPrecondition(t *testing.T) {
	r := &recorder{}
	touch := makeTouch(KindDeployment)
	touch.ResourceVersion = ""
	if err := (&Applier{Client: r}).Touch(context.Background(), touch); err == nil || r.object != nil {
		t.Errorf("want no write without a resourceVersion, got %v", err)
	}
	if err := (&Applier{Client: r}).Pin(context.Background(), promotion.Pin{Namespace: namespace}); err == nil || r.object != nil {
		t.Errorf("want no write without a resourceVersion, got %v", err)
	}
	if err := (&Applier{Client: r}).Touch(context.Background(), makeTouch("ReplicaSet")); err == nil || r.object != nil {
		t.Errorf("want no write to another kind, got %v", err)
	}
}
