package policy

import (
	"reflect"
	"strings"
	"sync"

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

// Comparer compares what is shipped with what an API server has, and remembers what it found about each object until that
// changes: controllers ask at every pass. The zero value is ready, and may be used by several goroutines.
type Comparer struct {
	mutex sync.Mutex
	known map[string]finding
}

// finding is what is altered of an object in one version.
type finding struct {
	resourceVersion string
	altered         []string
}

// Compare says of each policy and binding that is shipped how it stands among the live ones.
func (c *Comparer) Compare(live *Set) []State {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.known == nil {
		c.known = map[string]finding{}
	}
	return compareAll(Shipped(), live, c.recall)
}

// recall returns what was found about an object in this version, or finds it.
func (c *Comparer) recall(object, resourceVersion string, find func() []string) []string {
	known, found := c.known[object]
	if !found || known.resourceVersion != resourceVersion {
		known = finding{resourceVersion, find()}
		c.known[object] = known
	}
	return known.altered
}

// Compare says of each policy and binding of one set how it stands among the live ones.
func Compare(shipped, live *Set) []State {
	return compareAll(shipped, live, func(_, _ string, find func() []string) []string { return find() })
}

func compareAll(shipped, live *Set, recall func(string, string, func() []string) []string) []State {
	states := compare(ValidatingPolicy, shipped.ValidatingPolicies, live.ValidatingPolicies, recall, func(p *admissionv1.ValidatingAdmissionPolicy) any {
		return validatingSpec(p.Spec.DeepCopy())
	})
	states = append(states, compare(ValidatingBinding, shipped.ValidatingBindings, live.ValidatingBindings, recall, func(b *admissionv1.ValidatingAdmissionPolicyBinding) any {
		spec := b.Spec.DeepCopy()
		setMatchDefaults(spec.MatchResources)
		return *spec
	})...)
	states = append(states, compare(MutatingPolicy, shipped.MutatingPolicies, live.MutatingPolicies, recall, func(p *admissionv1.MutatingAdmissionPolicy) any {
		return mutatingSpec(p.Spec.DeepCopy())
	})...)
	return append(states, compare(MutatingBinding, shipped.MutatingBindings, live.MutatingBindings, recall, func(b *admissionv1.MutatingAdmissionPolicyBinding) any {
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

// compare looks at one kind. What spec returns is a copy in the form in which two that mean the same are equal.
func compare[T any, P named[T]](kind string, shipped, live []T, recall func(string, string, func() []string) []string, spec func(P) any) []State {
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
			state.Altered = recall(kind+" "+state.Name, string(found.GetUID())+" "+found.GetResourceVersion(), func() []string {
				return differences(spec(&shipped[i]), spec(found))
			})
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
