package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// TestReleases plays one team's day: each step rests on the one before.
func TestReleases(t *testing.T) {
	log.SetLogger(logr.Discard())
	// A name of its own each time, so that it can be run again on a cluster that is up.
	s := newTeam(t, connect(t), fmt.Sprintf("e2e-%d", os.Getpid()))
	before := s.uids("prod")
	s.open()
	if s.uids("prod") != before {
		t.Error("adoption restarted pods of production")
	}
	for _, step := range []struct {
		name string
		run  func(*team)
	}{
		{"version 2 passes dev and test, is signed by two, and reaches production", (*team).releaseVersion2},
		{"version 3 fails the functional gate in test and is rolled back", (*team).stopVersion3},
		{"version 4 fails the stress gate in test and is rolled back", (*team).stopVersion4},
		{"an image that was not promoted is refused in production", (*team).refuseImages},
		{"set image stores the promoted digest and warns", (*team).pinSetImage},
		{"the requester may not approve, and nobody writes a status", (*team).refuseForgery},
		{"a GitOps tool applies a tag again and again, and nothing changes", (*team).applyTags},
		{"without the operator the lock holds, and promoted images restart and scale", (*team).workWithoutOperator},
		{"a rollback goes to the release before, which ran here", (*team).rollBack},
		{"a scanner, a Prometheus and a soak of a template decide, and the scanner refuses version 3", (*team).askOthers},
		{"a webhook calls no private address that the Environment does not name", (*team).refuseNetworks},
	} {
		passed := t.Run(step.name, func(t *testing.T) {
			inner := *s
			inner.t = t
			step.run(&inner)
		})
		if !passed {
			t.Fatalf("stopped after: %s", step.name)
		}
	}
}

func (s *team) releaseVersion2() {
	s.promote("checkout-2", "v2")
	s.sign("alice", "checkout-2")
	s.sign("bob", "checkout-2")
	p := s.awaitOutcome("checkout-2", v1alpha1.OutcomeSucceeded)
	for _, progress := range p.Status.Environments {
		s.runs(progress.Name, "v2")
	}
	for _, r := range s.records("prod") {
		if r.Spec.Promotion.Name == "checkout-2" {
			s.checkRecord(r)
			return
		}
	}
	s.t.Error("there is no record of checkout-2 in production")
}

func (s *team) checkRecord(r v1alpha1.ReleaseRecord) {
	s.t.Helper()
	if r.Spec.Result != v1alpha1.ResultPassed || r.Spec.Promotion.RequestedBy != "dave" || len(r.Spec.Gates) != 1 {
		s.t.Errorf("record %s: %+v", r.Name, r.Spec)
	}
	counted := map[string]bool{}
	for _, a := range r.Spec.Approvals {
		counted[a.Approver] = a.State == v1alpha1.ApprovalCounted
	}
	if !counted["alice"] || !counted["bob"] || len(counted) != 2 {
		s.t.Errorf("record %s was signed by %v, want alice and bob", r.Name, counted)
	}
}

// stopVersion3 checks that the reports tell why.
func (s *team) stopVersion3() {
	s.stops("checkout-3", "v3", "gate functional (Functional) failed: a refund of two thirds is rounded up did not pass, and all that match a refund.* have to")
	wrong, right := s.gate("checkout-3", "functional").Tests, s.gate("checkout-2", "functional").Tests
	if wrong.Failed == nil || *wrong.Failed != 2 || *wrong.Passed != 7 || len(wrong.Failures) != 2 || !strings.Contains(wrong.Failures[0].Message, "want 667") {
		s.t.Errorf("the reports of version 3 say %+v", wrong)
	}
	if right.Passed == nil || *right.Passed != 9 || *right.Failed != 0 || *right.Reports != 1 {
		s.t.Errorf("the reports of version 2 say %+v", right)
	}
}

// stopVersion4 checks that the figures tell why: right answers, and too late.
func (s *team) stopVersion4() {
	s.stops("checkout-4", "v4", "gate stress (Stress) failed: p99 ")
	slow, fast := s.load("checkout-4"), s.load("checkout-2")
	if *slow.P99Microseconds <= 500_000 || *fast.P99Microseconds > 500_000 {
		s.t.Errorf("p99 is %d us of version 4 and %d us of version 2, with a limit of 500 ms", *slow.P99Microseconds, *fast.P99Microseconds)
	}
	for name, figures := range map[string]v1alpha1.LoadFigures{"4": slow, "2": fast} {
		if *figures.Requests != 1500 || *figures.Intended != 1500 || figures.Workers != 1 || len(figures.Statuses) == 0 || figures.Statuses[0].Code != 200 {
			s.t.Errorf("version %s: %+v, want 1500 requests, answered with 200", name, figures)
		}
	}
	for _, r := range s.records("test") {
		if name := r.Spec.Promotion.Name; (name == "checkout-2" || name == "checkout-4") && r.Spec.Gates[1].Load.Histogram == "" {
			s.t.Errorf("the record of %s holds no histogram", name)
		}
	}
}

// gate is how a gate in test stands for a promotion.
func (s *team) gate(name, gate string) v1alpha1.GateStatus {
	s.t.Helper()
	p := &v1alpha1.Promotion{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.name, Name: name}, p); err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(p.Status.Environments[1].Gates, func(g v1alpha1.GateStatus) bool { return g.Name == gate })
	if i < 0 {
		s.t.Fatalf("%s ran no gate %s", name, gate)
	}
	return p.Status.Environments[1].Gates[i]
}

// load is what the stress gate in test measured.
func (s *team) load(name string) v1alpha1.LoadFigures {
	s.t.Helper()
	gate := s.gate(name, "stress")
	if gate.Load.Requests == nil || gate.Load.P99Microseconds == nil || gate.Image == "" {
		s.t.Fatalf("%s has no figures: %s %s", name, gate.State, gate.Message)
	}
	return gate.Load
}

func (s *team) records(environment string) []v1alpha1.ReleaseRecord {
	s.t.Helper()
	var records v1alpha1.ReleaseRecordList
	if err := s.admin.List(s.t.Context(), &records, client.InNamespace(s.namespace(environment))); err != nil {
		s.t.Fatal(err)
	}
	return records.Items
}

// stops promotes a version that a gate in test has to stop.
func (s *team) stops(name, tag, gate string) {
	s.t.Helper()
	s.promote(name, tag)
	p := s.awaitOutcome(name, v1alpha1.OutcomeFailed)
	if !strings.Contains(p.Status.Message, gate) {
		s.t.Errorf("the message does not name the %s: %s", gate, p.Status.Message)
	}
	want := []v1alpha1.EnvironmentState{v1alpha1.StatePassed, v1alpha1.StateRolledBack, v1alpha1.StateNotEntered}
	for i, progress := range p.Status.Environments {
		if progress.State != want[i] {
			s.t.Errorf("%s is %s, want %s", progress.Name, progress.State, want[i])
		}
	}
	s.runs("test", "v2")
	s.runs("prod", "v2")
}

func (s *team) refuseImages() {
	dave, _ := s.as(s.t, "dave")
	for _, image := range []string{
		registry + "/shop/checkout-api@" + s.images["checkout-api:v3"], registry + "/attacker/api:v3",
	} {
		err := dave.Create(s.t.Context(), barePod(s.namespace("prod"), image))
		s.refused(err, "sluice-lock")
	}
}

func barePod(namespace, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cheat"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "cheat", Image: image}}},
	}
}

// refused asserts that a policy said no.
func (s *team) refused(err error, policy string) {
	s.t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), policy) {
		s.t.Errorf("got %v, want a refusal by %s", err, policy)
	}
}

func (s *team) pinSetImage() {
	dave, heard := s.as(s.t, "dave")
	d := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: s.namespace("prod"), Name: "checkout-api"}
	if err := dave.Get(s.t.Context(), key, d); err != nil {
		s.t.Fatal(err)
	}
	promoted := d.Spec.Template.Spec.Containers[0].Image
	patch := client.StrategicMergeFrom(d.DeepCopy())
	d.Spec.Template.Spec.Containers[0].Image = registry + "/shop/checkout-api@" + s.images["checkout-api:v3"]
	if err := dave.Patch(s.t.Context(), d, patch); err != nil {
		s.t.Fatal(err)
	}
	if got := d.Spec.Template.Spec.Containers[0].Image; got != promoted {
		s.t.Errorf("the API server stored %s, want %s", got, promoted)
	}
	if told := heard.Take(); !strings.Contains(told, "not deployed as asked") {
		s.t.Errorf("dave was told %q, want a warning", told)
	}
}

func (s *team) refuseForgery() {
	dave, _ := s.as(s.t, "dave")
	s.promote("checkout-2-again", "v2")
	var approval *v1alpha1.Approval
	eventually(s.t, "production awaits it", func() (err error) { approval, err = s.approval("checkout-2-again"); return err })
	s.refused(dave.Create(s.t.Context(), approval), "sluice-signoff")

	p := &v1alpha1.Promotion{}
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.name, Name: "checkout-2-again"}, p); err != nil {
		s.t.Fatal(err)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"outcome":"Succeeded"}}`))
	s.refused(s.admin.Status().Patch(s.t.Context(), p.DeepCopy(), patch), "sluice-status")

	cancel := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"lifecycle":"Cancelled"}}`))
	if err := dave.Patch(s.t.Context(), p, cancel); err != nil {
		s.t.Fatal(err)
	}
	s.awaitOutcome("checkout-2-again", v1alpha1.OutcomeCancelled)
}

func (s *team) applyTags() {
	generation := func() int64 {
		d := &appsv1.Deployment{}
		if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace("test"), Name: "checkout-api"}, d); err != nil {
			s.t.Fatal(err)
		}
		return d.Generation
	}
	apply := func() {
		s.run(s.t, "apply", "--server-side", "--force-conflicts=true", "--field-manager=gitops", "-n", s.namespace("test"), "-k", "../sample/manifests/base")
	}
	apply()
	settled := generation()
	for range 5 {
		apply()
	}
	if now := generation(); now != settled {
		s.t.Errorf("the generation went from %d to %d", settled, now)
	}
	s.runs("test", "v2")
}

func (s *team) workWithoutOperator() {
	s.run(s.t, "scale", "deployment/sluice", "-n", "sluice-system", "--replicas=0")
	defer func() {
		s.run(s.t, "scale", "deployment/sluice", "-n", "sluice-system", "--replicas=2")
		s.run(s.t, "rollout", "status", "deployment/sluice", "-n", "sluice-system", "--timeout=180s")
	}()
	s.run(s.t, "wait", "pods", "-n", "sluice-system", "-l", "app.kubernetes.io/name=sluice", "--for=delete", "--timeout=120s")
	s.refuseImages()
	namespace := s.namespace("prod")
	s.run(s.t, "rollout", "restart", "-n", namespace, "deployment/checkout-api")
	s.run(s.t, "scale", "-n", namespace, "deployment/checkout-api", "--replicas=3")
	s.run(s.t, "rollout", "status", "-n", namespace, "deployment/checkout-api", "--timeout=180s")
	s.runs("prod", "v2")
}

func (s *team) rollBack() {
	adopted := ""
	for _, r := range s.records("prod") {
		if r.Spec.Result == v1alpha1.ResultAdopted {
			adopted = r.Spec.ReleaseHash
		}
	}
	dave, _ := s.as(s.t, "dave")
	err := dave.Create(s.t.Context(), &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "back"},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"}, Intent: v1alpha1.IntentRollback,
			ReleaseHash: adopted, Environments: []string{"prod"}, Reason: "version 2 loses refunds",
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.awaitOutcome("back", v1alpha1.OutcomeSucceeded)
	s.runs("prod", "v1")
	s.runs("test", "v2")
}
