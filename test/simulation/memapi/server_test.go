package memapi

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newTestServer(t *testing.T) (*Server, *Client) {
	t.Helper()
	s := NewServer(clientgoscheme.Scheme, func() time.Time { return time.Unix(1_700_000_000, 0) })
	c := s.ClientFor("tester", s.Live())
	if err := c.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func newPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", Labels: map[string]string{"app": "x"}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

func TestWritesBehaveAsThoseOfAnAPIServer(t *testing.T) {
	s, c := newTestServer(t)
	ctx := context.Background()
	pod := newPod()
	if err := c.Create(ctx, pod); err != nil {
		t.Fatal(err)
	}
	if pod.UID == "" || pod.ResourceVersion != "2" || pod.Generation != 1 || pod.Status.Phase != "" {
		t.Errorf("created %+v, want uid, version, generation and no status", pod)
	}
	if err := c.Create(ctx, newPod()); !apierrors.IsAlreadyExists(err) {
		t.Errorf("created twice: %v", err)
	}
	old := pod.DeepCopy()
	pod.Spec.NodeName, pod.Status.Phase = "n", corev1.PodRunning
	if err := c.Update(ctx, pod); err != nil || pod.Generation != 2 || pod.Status.Phase != "" {
		t.Errorf("updated to %+v (%v), want generation 2 and no status", pod, err)
	}
	if err := c.Update(ctx, old); !apierrors.IsConflict(err) {
		t.Errorf("an old version was taken: %v", err)
	}
	pod.Spec.NodeName, pod.Status.Phase = "other", corev1.PodRunning
	if err := c.Status().Update(ctx, pod); err != nil || pod.Spec.NodeName != "n" || pod.Status.Phase != corev1.PodRunning {
		t.Errorf("status updated to %+v (%v), want the status alone", pod, err)
	}
	before := s.Revision()
	if err := c.Update(ctx, pod.DeepCopy()); err != nil || s.Revision() != before {
		t.Errorf("an update that changes nothing was written: %v", err)
	}
}

func TestPatchesMergeAndMindTheVersion(t *testing.T) {
	_, c := newTestServer(t)
	ctx := context.Background()
	pod := newPod()
	if err := c.Create(ctx, pod); err != nil {
		t.Fatal(err)
	}
	body := `{"metadata":{"resourceVersion":"1","labels":{"app":null,"b":"c"}}}`
	if err := c.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(body))); !apierrors.IsConflict(err) {
		t.Errorf("an old version was patched: %v", err)
	}
	body = `{"metadata":{"resourceVersion":"2","labels":{"app":null,"b":"c"}},"spec":{"nodeName":"n"}}`
	if err := c.Patch(ctx, pod, client.RawPatch(types.MergePatchType, []byte(body))); err != nil {
		t.Fatal(err)
	}
	if pod.Labels["b"] != "c" || len(pod.Labels) != 1 || pod.Spec.NodeName != "n" {
		t.Errorf("patched to %+v", pod)
	}
}

func TestViewsLagBehindAndNeverGoBack(t *testing.T) {
	s, c := newTestServer(t)
	ctx := context.Background()
	view := s.Cache(nil, nil)
	if err := c.Create(ctx, newPod()); err != nil {
		t.Fatal(err)
	}
	key, pod := client.ObjectKey{Namespace: "ns", Name: "a"}, &corev1.Pod{}
	if err := view.Get(ctx, key, pod); !apierrors.IsNotFound(err) {
		t.Errorf("the view knows what was not delivered: %v", err)
	}
	if view.Horizon() != 1 {
		t.Errorf("horizon %d, want 1", view.Horizon())
	}
	view.Deliver("Pod")
	if err := view.Get(ctx, key, pod); err != nil || view.Horizon() != 2 {
		t.Errorf("delivered and not there: %v, horizon %d", err, view.Horizon())
	}
	var list corev1.PodList
	if err := view.List(ctx, &list, client.InNamespace("ns"), client.MatchingLabels{"app": "x"}); err != nil || len(list.Items) != 1 {
		t.Errorf("listed %d pods: %v", len(list.Items), err)
	}
	if err := view.List(ctx, &list, client.MatchingLabels{"app": "y"}); err != nil || len(list.Items) != 0 {
		t.Errorf("listed %d pods: %v", len(list.Items), err)
	}
	if err := c.Delete(ctx, pod); err != nil || s.Get("Pod", key) != nil {
		t.Errorf("deleted and there: %v", err)
	}
}
