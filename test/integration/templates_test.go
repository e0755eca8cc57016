package integration_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A promotion waits for the GateTemplate that a gate names, runs it with the values that the gate gives, and is evidence
// until the template is edited, where production demands the present one.
func TestAGateOfATemplateFromItsCreationToItsEdit(t *testing.T) {
	t.Parallel()
	const name = "integration-smoke"
	s := openShop(t, "templated", recipe{environments: []string{"test", "prod"}, environment: func(environment string, e *v1alpha1.Environment) {
		if environment == "test" {
			e.Spec.Gates = []v1alpha1.Gate{{Name: "smoke", Purpose: v1alpha1.PurposeFunctional, TemplateRef: v1alpha1.GateTemplateUse{
				Name: name, Params: []v1alpha1.TemplateArgument{{Name: "mode", Value: new("exit-code=0")}},
			}}}
			return
		}
		e.Spec.Gates = nil
		e.Spec.Requires = &v1alpha1.Requirements{Evidence: []v1alpha1.EvidenceRequirement{{
			Purpose: v1alpha1.PurposeFunctional, GateTemplateRef: v1alpha1.GateTemplateRequirement{Name: name, Revision: v1alpha1.PresentRevision},
		}}}
	}})
	s.promote("first", digest(1))
	s.awaitMessage("first", "test", v1alpha1.ReasonUnknownGateTemplate, "gate smoke takes the GateTemplate "+name)
	template := &v1alpha1.GateTemplate{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GateTemplateSpec{
		Parameters: []v1alpha1.TemplateParameter{{Name: "mode", Type: v1alpha1.StringParameter}},
		Gate:       testGate("template", v1alpha1.PurposeFunctional, "$(params.mode)"),
	}}
	s.create(template)
	s.awaitReason("first", "prod", v1alpha1.ReasonApprovalsMissing)
	gate := s.awaitRecord("test", v1alpha1.ResultPassed).Spec.Gates[0]
	if gate.Name != "smoke" || gate.GateTemplate.Name != name || gate.GateTemplate.Generation != 1 || gate.ResultHash == "" {
		t.Errorf("the record says %+v", gate)
	}
	edit := func(description string) {
		before := template.DeepCopy()
		template.Spec.Description = description
		if err := s.admin.Patch(t.Context(), template, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	edit("stricter by now")
	s.awaitMessage("first", "prod", v1alpha1.ReasonEvidenceExpired, "is of generation 1 of the GateTemplate "+name)
	s.awaitNoInbox("prod", "first")
	s.promote("again", digest(1), only("test"))
	s.awaitOutcome("again", v1alpha1.OutcomeSucceeded)
	s.mustSign("alice", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}
