package policy

import (
	"reflect"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// State is how one policy or binding that is shipped stands in an API server.
type State struct {
	// Kind of the object.
	Kind string
	// Name of the object.
	Name string
	// Missing says that it is not there.
	Missing bool
	// Altered are the fields that are not as shipped, such as spec.matchConditions; none where it is missing.
	Altered []string
}

// Whole says whether the object is there, as shipped.
func (s State) Whole() bool { return !s.Missing && len(s.Altered) == 0 }

// Compare says of each policy and binding that is shipped how it stands among the live ones.
func Compare(shipped, live *Set) []State {
	states := compare(ValidatingPolicy, shipped.ValidatingPolicies, live.ValidatingPolicies, func(p *admissionv1.ValidatingAdmissionPolicy) any {
		spec := p.Spec.DeepCopy()
		setDefaults(&spec.FailurePolicy, spec.MatchConstraints)
		return *spec
	})
	states = append(states, compare(ValidatingBinding, shipped.ValidatingBindings, live.ValidatingBindings, func(b *admissionv1.ValidatingAdmissionPolicyBinding) any {
		spec := b.Spec.DeepCopy()
		setMatchDefaults(spec.MatchResources)
		return *spec
	})...)
	states = append(states, compare(MutatingPolicy, shipped.MutatingPolicies, live.MutatingPolicies, func(p *admissionv1.MutatingAdmissionPolicy) any {
		spec := p.Spec.DeepCopy()
		setDefaults(&spec.FailurePolicy, spec.MatchConstraints)
		return *spec
	})...)
	return append(states, compare(MutatingBinding, shipped.MutatingBindings, live.MutatingBindings, func(b *admissionv1.MutatingAdmissionPolicyBinding) any {
		spec := b.Spec.DeepCopy()
		setMatchDefaults(spec.MatchResources)
		return *spec
	})...)
}

// named is a pointer to an object with a name.
type named[T any] interface {
	*T
	metav1.Object
}

// compare looks at one kind. The spec that it is given is a copy, defaults filled in.
func compare[T any, P named[T]](kind string, shipped, live []T, spec func(P) any) []State {
	byName := make(map[string]P, len(live))
	for i := range live {
		byName[P(&live[i]).GetName()] = &live[i]
	}
	states := make([]State, 0, len(shipped))
	for i := range shipped {
		state := State{Kind: kind, Name: P(&shipped[i]).GetName()}
		if found := byName[state.Name]; found == nil {
			state.Missing = true
		} else {
			state.Altered = differences(spec(&shipped[i]), spec(found))
		}
		states = append(states, state)
	}
	return states
}

// differences are the fields of two specs of one type that mean something else; an empty list means what none means.
func differences(shipped, live any) []string {
	var fields []string
	want, got := reflect.ValueOf(shipped), reflect.ValueOf(live)
	for i := range want.NumField() {
		if !equality.Semantic.DeepEqual(want.Field(i).Interface(), got.Field(i).Interface()) {
			name, _, _ := strings.Cut(want.Type().Field(i).Tag.Get("json"), ",")
			fields = append(fields, "spec."+name)
		}
	}
	return fields
}

// setDefaults fills in what the API server fills in for a policy.
func setDefaults(failure **admissionv1.FailurePolicyType, match *admissionv1.MatchResources) {
	setDefault(failure, admissionv1.Fail)
	setMatchDefaults(match)
}

// setMatchDefaults fills in what the API server fills in where a policy or a binding says what it matches.
func setMatchDefaults(match *admissionv1.MatchResources) {
	if match == nil {
		return
	}
	setDefault(&match.MatchPolicy, admissionv1.Equivalent)
	setDefault(&match.NamespaceSelector, metav1.LabelSelector{})
	setDefault(&match.ObjectSelector, metav1.LabelSelector{})
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{match.ResourceRules, match.ExcludeResourceRules} {
		for i := range rules {
			setDefault(&rules[i].Scope, admissionv1.AllScopes)
		}
	}
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
