package integration_test

import (
	"errors"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A locked namespace in which nothing ran must let its manifests in, and none of their pods, until the first promotion.
func TestFirstReleaseIntoALockedNamespaceThatIsEmpty(t *testing.T) {
	t.Parallel()
	s := openShop(t, "empty", recipe{
		environments: []string{"test"}, bare: true,
		deployment: func(string, *appsv1.Deployment) *appsv1.Deployment { return nil },
	})
	namespace := s.namespace("test")
	eventually(t, "the namespace is locked", func() error {
		ns := &corev1.Namespace{}
		if err := s.admin.Get(t.Context(), client.ObjectKey{Name: namespace}, ns); err != nil {
			return err
		}
		if ns.Labels[v1alpha1.LockLabel] != string(v1alpha1.LockEnforce) || ns.Annotations[v1alpha1.OwnersAnnotation] == "" {
			return errors.New("it is not locked, or nobody owns the repository")
		}
		return nil
	})
	eventually(t, "a bare pod is refused", func() error {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bare"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: s.repository + ":v1"}}},
		}
		if err := s.admin.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
			return errors.New("the lock is not in force yet")
		}
		return nil
	})
	s.create(s.makeDeployment("test"))
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	if got := s.templateImage("test"); got != "@"+digest(1) {
		t.Errorf("the Deployment names %s, want the promoted digest", got)
	}
	var pods corev1.PodList
	if err := s.admin.List(t.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{"app": "api"}); err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		if pod.Spec.Containers[0].Image != s.repository+"@"+digest(1) {
			t.Errorf("pod %s runs %s, which was not promoted", pod.Name, pod.Spec.Containers[0].Image)
		}
	}
}
