package controller

import (
	"context"
	"errors"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// policyKinds are the kinds of policies and bindings, which are watched.
func policyKinds() []client.Object {
	return []client.Object{
		&admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{},
		&admissionv1.MutatingAdmissionPolicy{}, &admissionv1.MutatingAdmissionPolicyBinding{},
	}
}

// Policies says which policies and bindings are not as this operator ships them.
func (g *Gatherer) Policies(ctx context.Context) (promotion.Policies, error) {
	var problems promotion.Policies
	states, err := g.policyStates(ctx)
	for _, s := range states {
		switch {
		case s.Missing:
			problems.Missing = append(problems.Missing, s.Kind+" "+s.Name)
		case len(s.Altered) > 0:
			problems.Altered = append(problems.Altered, s.Kind+" "+s.Name+" ("+strings.Join(s.Altered, ", ")+")")
		}
	}
	return problems, err
}

// policyStates compares the cache with what is shipped.
func (g *Gatherer) policyStates(ctx context.Context) ([]policy.State, error) {
	var (
		validating         admissionv1.ValidatingAdmissionPolicyList
		validatingBindings admissionv1.ValidatingAdmissionPolicyBindingList
		mutating           admissionv1.MutatingAdmissionPolicyList
		mutatingBindings   admissionv1.MutatingAdmissionPolicyBindingList
	)
	var failures []error
	for _, list := range []client.ObjectList{&validating, &validatingBindings, &mutating, &mutatingBindings} {
		failures = append(failures, g.list(ctx, list))
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return g.policies.Compare(&policy.Set{
		ValidatingPolicies: validating.Items, ValidatingBindings: validatingBindings.Items,
		MutatingPolicies: mutating.Items, MutatingBindings: mutatingBindings.Items,
	}), nil
}

// shippedPolicies lets through what bears a name that is shipped: policies of others do not matter.
func shippedPolicies() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(object client.Object) bool { return policy.IsShipped(object.GetName()) })
}
