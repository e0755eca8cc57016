package admission_test

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// immutables are changes that a schema refuses, and in between those that it lets through (says is empty).
func immutables(approval *v1alpha1.Approval, record *v1alpha1.ReleaseRecord, promotion *v1alpha1.Promotion) []attempt {
	spec := func(change func(*v1alpha1.PromotionSpec)) func(client.Object) {
		return on(func(p *v1alpha1.Promotion) { change(&p.Spec) })
	}
	cases := []struct {
		about  client.Object
		change func(client.Object)
		says   string
	}{
		{approval, on(func(a *v1alpha1.Approval) { a.Spec.Decision = v1alpha1.DecisionRejected }), "an Approval cannot be changed; to withdraw one, create another with decision: Rejected"},
		{record, on(func(r *v1alpha1.ReleaseRecord) { r.Spec.Result = v1alpha1.ResultFailed }), "a ReleaseRecord cannot be changed: it is evidence"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.Images[0].Tag = "2" }), "a Promotion cannot be changed, only cancelled (lifecycle: Cancelled); create another one"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.Environments = []string{"prod"} }), "a Promotion cannot be changed, only cancelled"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.OnBehalfOf = []string{"erin"} }), "a Promotion cannot be changed, only cancelled"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.Emergency.Reason = "INC-77" }), "a Promotion cannot be changed, only cancelled"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.RequestedBy.Username = "erin" }), "requestedBy is stamped by the API server and stays"},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.Lifecycle = v1alpha1.LifecycleCancelled }), ""},
		{promotion, spec(func(s *v1alpha1.PromotionSpec) { s.Lifecycle = v1alpha1.LifecycleActive }), "a cancelled Promotion stays cancelled; create another one"},
	}
	attempts := make([]attempt, 0, len(cases))
	for _, c := range cases {
		attempts = append(attempts, attempt{as: theOperator(), about: c.about, says: c.says, write: merges(c.about, c.change)})
	}
	return attempts
}
