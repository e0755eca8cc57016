package integration_test

import (
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// It takes policies from everybody, so it runs before the tests that run side by side.
func TestPoliciesThatAreNotWholeKeepPromotionsOut(t *testing.T) {
	s := openShop(t, "guarded", recipe{environments: []string{"dev", "prod"}, bare: true})
	s.assertPolicyMetric("ValidatingAdmissionPolicyBinding", "sluice-lock", 1)

	s.delete(&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "sluice-lock"}})
	s.awaitUnguarded(v1alpha1.ReasonPolicyMissing)
	s.assertPolicyMetric("ValidatingAdmissionPolicyBinding", "sluice-lock", 0)
	s.assertPolicyMetric("ValidatingAdmissionPolicy", "sluice-lock", 1)
	s.promote("first", digest(1))
	s.awaitMessage("first", "prod", v1alpha1.ReasonPoliciesNotWhole, "ValidatingAdmissionPolicyBinding sluice-lock")
	s.awaitMessage("first", "prod", v1alpha1.ReasonPoliciesNotWhole, "kubectl apply -k config/admission")
	eventually(t, "dev, which is not locked, is passed", func() error {
		if progress := s.progress("first", "dev"); progress.State != v1alpha1.StatePassed {
			return fmt.Errorf("it is %s", progress.State)
		}
		return nil
	})
	if got, want := s.templateImage("prod"), ":v1"; got != want {
		t.Errorf("production was delivered to: its template names %s, want %s", got, want)
	}
	s.mend("apply")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
	s.awaitGuarded()
	s.assertPolicyMetric("ValidatingAdmissionPolicyBinding", "sluice-lock", 1)

	// What somebody added, `kubectl apply` leaves in place.
	pin := &admissionv1.MutatingAdmissionPolicy{}
	s.change("", "sluice-pin", pin, func() {
		pin.Spec.MatchConditions = append(pin.Spec.MatchConditions, admissionv1.MatchCondition{Name: "never", Expression: "false"})
	})
	s.awaitUnguarded(v1alpha1.ReasonPolicyAltered)
	s.assertPolicyMetric("MutatingAdmissionPolicy", "sluice-pin", 0)
	s.promote("second", digest(2))
	s.awaitMessage("second", "prod", v1alpha1.ReasonPoliciesNotWhole, "MutatingAdmissionPolicy sluice-pin (spec.matchConditions)")
	s.mend("apply")
	s.mend("replace")
	s.awaitOutcome("second", v1alpha1.OutcomeSucceeded)
	s.awaitGuarded()
	s.assertPolicyMetric("MutatingAdmissionPolicy", "sluice-pin", 1)
}

// mend runs the command that conditions tell people to run.
func (s *shop) mend(verb string) {
	s.t.Helper()
	if _, err := plane.Kubectl(s.t.Context(), verb, "-k", "../../config/admission"); err != nil {
		s.t.Fatal(err)
	}
}

// awaitUnguarded waits for the condition and for its event. Development is not locked, and stays ready.
func (s *shop) awaitUnguarded(reason string) {
	s.t.Helper()
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionFalse, reason)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionLocked, metav1.ConditionFalse, reason)
	s.awaitCondition("dev", s.environmentConditions("dev"), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	eventually(s.t, "the event "+reason, func() error {
		var list eventsv1.EventList
		if err := s.admin.List(s.t.Context(), &list, client.InNamespace(s.namespace("prod"))); err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool {
			return e.Reason == reason && e.Regarding.Kind == "Environment" && e.Type == "Warning"
		}) {
			return fmt.Errorf("%d events, and none of them", len(list.Items))
		}
		return nil
	})
}

func (s *shop) awaitGuarded() {
	s.t.Helper()
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// assertPolicyMetric reads what Prometheus would scrape.
func (s *shop) assertPolicyMetric(kind, name string, want float64) {
	s.t.Helper()
	families, err := operatorMetrics.Load().Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "sluice_policy_whole" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if labels["kind"] == kind && labels["name"] == name {
				if got := metric.GetGauge().GetValue(); got != want {
					s.t.Errorf("sluice_policy_whole of %s %s is %v, want %v", kind, name, got, want)
				}
				return
			}
		}
	}
	s.t.Errorf("nothing is measured of %s %s", kind, name)
}
