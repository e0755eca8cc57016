package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func TestScenario28ANamespaceMadeAnewIsPinnedToWhatWasPromoted(t *testing.T) {
	t.Parallel()
	s := openShop(t, "anew", recipe{environments: []string{"test"}, bare: true})
	s.promote("first", digest(1))
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("test")}})
	s.makeNamespaceAgain("test")
	s.create(s.consent("test"))
	// What runs by the time the Environment is back was never promoted.
	d := s.makeDeployment("test")
	d.Spec.Template.Spec.Containers[0].Image = s.repository + ":v9"
	s.push("v9")
	s.create(d)
	s.awaitPods("test", 2)
	s.create(s.makeEnvironment("test"))
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionAdopted, metav1.ConditionTrue, v1alpha1.ReasonRestored)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionConverged, metav1.ConditionFalse, v1alpha1.ReasonDrifted)
	if got := s.pin("test"); got != s.repository+"@"+digest(1) {
		t.Errorf("the pin is %s, want what was promoted", got)
	}
	eventually(t, "a pod that was not promoted is refused", func() error {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("test"), Name: "bare"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api", Image: s.repository + "@" + digest(9)}}},
		}
		if err := s.admin.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("the API server says: %w", err)
		}
		return nil
	})
	s.promote("second", digest(1))
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	s.awaitCondition("test", s.environmentConditions("test"), v1alpha1.ConditionConverged, metav1.ConditionTrue, v1alpha1.ReasonConverged)
	if got := s.templateImage("test"); got != "@"+digest(1) {
		t.Errorf("test runs %s", got)
	}
}

func TestAPromotionThatGitBringsBackDoesNotRunAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t, "broughtback", bare(nil))
	for i, name := range []string{"first", "second"} {
		s.promote(name, digest(i+1))
		s.awaitOutcome(name, v1alpha1.OutcomeSucceeded)
	}
	s.delete(s.promotion(t.Context(), "first"))
	s.awaitPruned("first")
	s.promote("first", digest(1))
	p := s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	if !strings.Contains(p.Status.Message, "a name is used once") || p.Labels[v1alpha1.OutcomeLabel] != string(v1alpha1.OutcomeSucceeded) {
		t.Errorf("message %q, labels %v", p.Status.Message, p.Labels)
	}
	if got := s.templateImage("dev"); got != "@"+digest(2) {
		t.Errorf("dev runs %s", got)
	}
}

// oldRecord is one of a release, completed before the limit.
func oldRecord(namespace, repository string, n int, before *v1alpha1.ReleaseRecord) *v1alpha1.ReleaseRecord {
	completed := metav1.NewTime(time.Now().Add(-keepRecords - time.Hour))
	images := []v1alpha1.Image{{Name: "api", Repository: repository, Digest: digest(100 + n)}}
	r := &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("old-%d", n)},
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: strings.TrimSuffix(namespace, "-dev"), Name: "checkout"},
			ReleaseHash: promotion.ReleaseHash(images), Images: images, Result: v1alpha1.ResultPassed,
			Environment: v1alpha1.RecordedEnvironment{UID: "before", Generation: 1, Tier: v1alpha1.TierDevelopment},
			Promotion: v1alpha1.RecordedPromotion{
				Namespace: strings.TrimSuffix(namespace, "-dev"), Name: fmt.Sprintf("old-%d", n), UID: fmt.Sprintf("uid-%d", n), RequestedBy: "dave", Reason: "long ago",
			},
			CompletionTime: &completed,
		},
	}
	promotion.Follow(&r.Spec, before)
	return r
}

func TestOldRecordsGoOnceTheirReleaseCannotRunAnyMore(t *testing.T) {
	t.Parallel()
	const team = "retention"
	repository := registryHost() + "/" + team + "/api"
	first := oldRecord(team+"-dev", repository, 1, nil)
	second := oldRecord(team+"-dev", repository, 2, first)
	r := bare(nil)
	r.deployment = func(_ string, d *appsv1.Deployment) *appsv1.Deployment {
		for _, record := range []*v1alpha1.ReleaseRecord{first, second} {
			if err := as(t, "").Create(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	s := openShop(t, team, r)
	s.awaitNoRecord("old-1")
	s.promote("a", digest(1))
	s.awaitOutcome("a", v1alpha1.OutcomeSucceeded)
	s.awaitLookedAtAgain("dev")
	s.get(s.namespace("dev"), "old-2", second)
	s.promote("b", digest(2))
	s.awaitOutcome("b", v1alpha1.OutcomeSucceeded)
	s.awaitNoRecord("old-2")
	var list v1alpha1.ReleaseRecordList
	if err := s.admin.List(t.Context(), &list, client.InNamespace(s.namespace("dev"))); err != nil {
		t.Fatal(err)
	}
	oldest := promotion.Newest([]*v1alpha1.ReleaseRecord{&list.Items[0], &list.Items[1]}, func(r *v1alpha1.ReleaseRecord) bool { return r.Spec.Sequence == 3 })
	if len(list.Items) != 2 || oldest == nil || oldest.Spec.PreviousHash != promotion.RecordHash(second) {
		t.Errorf("%d records are left; the oldest is %+v, and names the one that went", len(list.Items), oldest)
	}
}

func (s *shop) awaitNoRecord(name string) {
	s.t.Helper()
	eventually(s.t, "record "+name+" goes", func() error {
		err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace("dev"), Name: name}, &v1alpha1.ReleaseRecord{})
		if err == nil {
			return fmt.Errorf("it is there")
		}
		return client.IgnoreNotFound(err)
	})
}
