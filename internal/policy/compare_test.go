package policy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/config/admission"
)

// copied returns a copy of what is shipped, as an API server would have it.
func copied() *Set {
	shipped, live := Shipped(), &Set{}
	for i := range shipped.ValidatingPolicies {
		live.ValidatingPolicies = append(live.ValidatingPolicies, *shipped.ValidatingPolicies[i].DeepCopy())
	}
	for i := range shipped.ValidatingBindings {
		live.ValidatingBindings = append(live.ValidatingBindings, *shipped.ValidatingBindings[i].DeepCopy())
	}
	for i := range shipped.MutatingPolicies {
		live.MutatingPolicies = append(live.MutatingPolicies, *shipped.MutatingPolicies[i].DeepCopy())
	}
	for i := range shipped.MutatingBindings {
		live.MutatingBindings = append(live.MutatingBindings, *shipped.MutatingBindings[i].DeepCopy())
	}
	return live
}

func find[T any, P named[T]](t *testing.T, list []T, name string) P {
	t.Helper()
	i := slices.IndexFunc(list, func(object T) bool { return P(&object).GetName() == name })
	if i < 0 {
		t.Fatalf("nothing is called %s", name)
	}
	return &list[i]
}

func (s *Set) policy(t *testing.T, name string) *admissionv1.ValidatingAdmissionPolicySpec {
	t.Helper()
	return &find(t, s.ValidatingPolicies, name).Spec
}

func (s *Set) binding(t *testing.T, name string) *admissionv1.ValidatingAdmissionPolicyBindingSpec {
	t.Helper()
	return &find(t, s.ValidatingBindings, name).Spec
}

func (s *Set) mutatingPolicy(t *testing.T, name string) *admissionv1.MutatingAdmissionPolicySpec {
	t.Helper()
	return &find(t, s.MutatingPolicies, name).Spec
}

func (s *Set) mutatingBinding(t *testing.T, name string) *admissionv1.MutatingAdmissionPolicyBindingSpec {
	t.Helper()
	return &find(t, s.MutatingBindings, name).Spec
}

// problems are what is not whole, as text.
func problems(live *Set) []string {
	var found []string
	for _, s := range Compare(Shipped(), live) {
		switch {
		case s.Missing:
			found = append(found, s.Kind+" "+s.Name+" missing")
		case !s.Whole():
			found = append(found, s.Kind+" "+s.Name+" "+strings.Join(s.Altered, " "))
		}
	}
	return found
}

func ref[T any](value T) *T { return &value }

func TestWhatMeansTheSame(t *testing.T) {
	pod := admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}}
	cases := []struct {
		name   string
		change func(*testing.T, *Set)
	}{
		{"as shipped", func(*testing.T, *Set) {}},
		{"the API server's defaults in every policy", func(_ *testing.T, s *Set) {
			for i := range s.ValidatingPolicies {
				spec := &s.ValidatingPolicies[i].Spec
				spec.FailurePolicy = ref(*cmpOr(spec.FailurePolicy, ref(admissionv1.Fail)))
				fill(spec.MatchConstraints)
			}
			for i := range s.MutatingPolicies {
				fill(s.MutatingPolicies[i].Spec.MatchConstraints)
			}
			for i := range s.ValidatingBindings {
				fill(s.ValidatingBindings[i].Spec.MatchResources)
			}
			for i := range s.MutatingBindings {
				fill(s.MutatingBindings[i].Spec.MatchResources)
			}
		}},
		{"empty lists instead of none", func(t *testing.T, s *Set) {
			spec := s.policy(t, "sluice-status")
			spec.MatchConditions, spec.Variables, spec.AuditAnnotations = []admissionv1.MatchCondition{}, []admissionv1.Variable{}, []admissionv1.AuditAnnotation{}
			spec.MatchConstraints.ExcludeResourceRules = []admissionv1.NamedRuleWithOperations{}
			spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{}, MatchExpressions: []metav1.LabelSelectorRequirement{}}
		}},
		{"labels, annotations, owners and status", func(t *testing.T, s *Set) {
			p := find(t, s.ValidatingPolicies, "sluice-lock")
			p.Labels, p.Annotations = map[string]string{"app.kubernetes.io/part-of": "sluice"}, map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
			p.Generation, p.ResourceVersion, p.Status.ObservedGeneration = 3, "77", 3
		}},
		{"lines broken as kustomize breaks them", func(_ *testing.T, s *Set) {
			twice := func(expression *string) { *expression = strings.ReplaceAll(*expression, "\n", "\n\n") }
			for i := range s.ValidatingPolicies {
				spec := &s.ValidatingPolicies[i].Spec
				for j := range spec.Validations {
					twice(&spec.Validations[j].Expression)
					twice(&spec.Validations[j].MessageExpression)
				}
				for j := range spec.Variables {
					twice(&spec.Variables[j].Expression)
				}
				for j := range spec.MatchConditions {
					twice(&spec.MatchConditions[j].Expression)
				}
			}
			for i := range s.MutatingPolicies {
				for j := range s.MutatingPolicies[i].Spec.Mutations {
					twice(&s.MutatingPolicies[i].Spec.Mutations[j].JSONPatch.Expression)
				}
			}
		}},
		{"policies of others", func(_ *testing.T, s *Set) {
			s.ValidatingPolicies = append(s.ValidatingPolicies, admissionv1.ValidatingAdmissionPolicy{
				ObjectMeta: metav1.ObjectMeta{Name: "of-others"},
				Spec: admissionv1.ValidatingAdmissionPolicySpec{
					MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{pod}},
				},
			})
			s.MutatingBindings = append(s.MutatingBindings, admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "of-others"}})
		}},
		{"in another order", func(_ *testing.T, s *Set) {
			slices.Reverse(s.ValidatingPolicies)
			slices.Reverse(s.ValidatingBindings)
			slices.Reverse(s.MutatingPolicies)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			live := copied()
			c.change(t, live)
			if found := problems(live); len(found) > 0 {
				t.Errorf("must mean the same; found %v", found)
			}
		})
	}
}

func cmpOr[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// fill writes what the API server of 1.37 writes where it says nothing.
func fill(match *admissionv1.MatchResources) {
	if match == nil {
		return
	}
	match.MatchPolicy = cmpOr(match.MatchPolicy, ref(admissionv1.Equivalent))
	match.NamespaceSelector = cmpOr(match.NamespaceSelector, &metav1.LabelSelector{})
	match.ObjectSelector = cmpOr(match.ObjectSelector, &metav1.LabelSelector{})
	for i := range match.ResourceRules {
		match.ResourceRules[i].Scope = cmpOr(match.ResourceRules[i].Scope, ref(admissionv1.AllScopes))
	}
}

func TestWhatIsMissing(t *testing.T) {
	shipped := Shipped()
	for _, object := range shipped.Objects() {
		t.Run(object.GetName(), func(t *testing.T) {
			live, count := copied(), 0
			for _, state := range Compare(shipped, without(live, object.GetName())) {
				if state.Missing && state.Name == object.GetName() {
					count++
				} else if !state.Whole() {
					t.Errorf("%s %s is not whole", state.Kind, state.Name)
				}
			}
			if count == 0 {
				t.Error("nobody misses it")
			}
		})
	}
	if found := problems(&Set{}); len(found) != len(shipped.Objects()) {
		t.Errorf("of nothing, %d are missing, want %d", len(found), len(shipped.Objects()))
	}
}

// without removes whatever has that name.
func without(s *Set, name string) *Set {
	s.ValidatingPolicies = slices.DeleteFunc(s.ValidatingPolicies, func(p admissionv1.ValidatingAdmissionPolicy) bool { return p.Name == name })
	s.ValidatingBindings = slices.DeleteFunc(s.ValidatingBindings, func(b admissionv1.ValidatingAdmissionPolicyBinding) bool { return b.Name == name })
	s.MutatingPolicies = slices.DeleteFunc(s.MutatingPolicies, func(p admissionv1.MutatingAdmissionPolicy) bool { return p.Name == name })
	s.MutatingBindings = slices.DeleteFunc(s.MutatingBindings, func(b admissionv1.MutatingAdmissionPolicyBinding) bool { return b.Name == name })
	return s
}

func TestWhatIsAltered(t *testing.T) {
	never := admissionv1.MatchCondition{Name: "never", Expression: "false"}
	pods := admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"*"}, Resources: []string{"pods"}},
	}}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"guarded": "yes"}}
	const policy, binding = "ValidatingAdmissionPolicy sluice-lock", "ValidatingAdmissionPolicyBinding sluice-lock"
	const pin, pinBinding = "MutatingAdmissionPolicy sluice-pin", "MutatingAdmissionPolicyBinding sluice-pin"
	cases := []struct {
		name   string
		change func(*testing.T, *Set)
		want   string
	}{
		{"a condition that is never met", func(t *testing.T, s *Set) {
			spec := s.policy(t, "sluice-lock")
			spec.MatchConditions = append(spec.MatchConditions, never)
		}, policy + " spec.matchConditions"},
		{"resources are excluded", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.ExcludeResourceRules = []admissionv1.NamedRuleWithOperations{pods}
		}, policy + " spec.matchConstraints"},
		{"a resource is left out", func(t *testing.T, s *Set) {
			rules := s.policy(t, "sluice-lock").MatchConstraints.ResourceRules
			rules[0].Resources = rules[0].Resources[1:]
		}, policy + " spec.matchConstraints"},
		{"an operation is left out", func(t *testing.T, s *Set) {
			rules := s.policy(t, "sluice-lock").MatchConstraints.ResourceRules
			rules[0].Operations = rules[0].Operations[:1]
		}, policy + " spec.matchConstraints"},
		{"resource names narrow a rule", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.ResourceRules[0].ResourceNames = []string{"only-this"}
		}, policy + " spec.matchConstraints"},
		{"another scope", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.ResourceRules[0].Scope = ref(admissionv1.ClusterScope)
		}, policy + " spec.matchConstraints"},
		{"a narrower selector of namespaces", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.NamespaceSelector = selector
		}, policy + " spec.matchConstraints"},
		{"a selector of objects", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.ObjectSelector = selector
		}, policy + " spec.matchConstraints"},
		{"matchPolicy Exact", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").MatchConstraints.MatchPolicy = ref(admissionv1.Exact)
		}, policy + " spec.matchConstraints"},
		{"nothing is matched", func(t *testing.T, s *Set) { s.policy(t, "sluice-lock").MatchConstraints = nil }, policy + " spec.matchConstraints"},
		{"failures are ignored", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").FailurePolicy = ref(admissionv1.Ignore)
		}, policy + " spec.failurePolicy"},
		{"a validation is left out", func(t *testing.T, s *Set) {
			spec := s.policy(t, "sluice-lock")
			spec.Validations = spec.Validations[:1]
		}, policy + " spec.validations"},
		{"a validation that always holds", func(t *testing.T, s *Set) { s.policy(t, "sluice-lock").Validations[1].Expression = "true" }, policy + " spec.validations"},
		{"a space more in a string", func(t *testing.T, s *Set) {
			list := find(t, s.ValidatingPolicies, "sluice-lock").Spec.Variables
			i := slices.IndexFunc(list, func(v admissionv1.Variable) bool { return v.Name == "list" })
			list[i].Expression = strings.Replace(list[i].Expression, "' '", "'  '", 1)
		}, policy + " spec.variables"},
		{"a comment that swallows the rest", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").Validations[1].Expression += " // nothing\n || true"
		}, policy + " spec.validations"},
		{"a variable that says something else", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").Variables[0].Expression = "'pods'"
		}, policy + " spec.variables"},
		{"a parameter", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").ParamKind = &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
		}, policy + " spec.paramKind"},
		{"an audit annotation", func(t *testing.T, s *Set) {
			s.policy(t, "sluice-lock").AuditAnnotations = []admissionv1.AuditAnnotation{{Key: "x", ValueExpression: "'x'"}}
		}, policy + " spec.auditAnnotations"},
		{"two fields at once", func(t *testing.T, s *Set) {
			spec := s.policy(t, "sluice-lock")
			spec.FailurePolicy, spec.MatchConditions = ref(admissionv1.Ignore), []admissionv1.MatchCondition{never}
		}, policy + " spec.failurePolicy spec.matchConditions"},
		{"a binding that only warns", func(t *testing.T, s *Set) {
			s.binding(t, "sluice-lock").ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		}, binding + " spec.validationActions"},
		{"a binding of another policy", func(t *testing.T, s *Set) { s.binding(t, "sluice-lock").PolicyName = "sluice-pinned" }, binding + " spec.policyName"},
		{"a binding with a narrower selector", func(t *testing.T, s *Set) {
			s.binding(t, "sluice-lock").MatchResources.ObjectSelector = selector
		}, binding + " spec.matchResources"},
		{"a binding that excludes resources", func(t *testing.T, s *Set) {
			s.binding(t, "sluice-lock").MatchResources.ExcludeResourceRules = []admissionv1.NamedRuleWithOperations{pods}
		}, binding + " spec.matchResources"},
		{"a binding that matches less than everything", func(t *testing.T, s *Set) {
			s.binding(t, "sluice-status").MatchResources = &admissionv1.MatchResources{NamespaceSelector: selector}
		}, "ValidatingAdmissionPolicyBinding sluice-status spec.matchResources"},
		{"another parameter", func(t *testing.T, s *Set) {
			s.binding(t, "sluice-signoff-needs-an-environment-in-this-namespace").ParamRef.ParameterNotFoundAction = ref(admissionv1.AllowAction)
		}, "ValidatingAdmissionPolicyBinding sluice-signoff-needs-an-environment-in-this-namespace spec.paramRef"},
		{"a pin that is not reinvoked", func(t *testing.T, s *Set) {
			s.mutatingPolicy(t, "sluice-pin").ReinvocationPolicy = admissionv1.NeverReinvocationPolicy
		}, pin + " spec.reinvocationPolicy"},
		{"a pin that writes something else", func(t *testing.T, s *Set) {
			s.mutatingPolicy(t, "sluice-pin").Mutations[0].JSONPatch.Expression = "[]"
		}, pin + " spec.mutations"},
		{"a pin with a condition", func(t *testing.T, s *Set) {
			spec := s.mutatingPolicy(t, "sluice-pin")
			spec.MatchConditions = append(spec.MatchConditions, never)
		}, pin + " spec.matchConditions"},
		{"a pin that may fail", func(t *testing.T, s *Set) {
			s.mutatingPolicy(t, "sluice-pin").FailurePolicy = ref(admissionv1.Ignore)
		}, pin + " spec.failurePolicy"},
		{"a binding of the pin that is narrower", func(t *testing.T, s *Set) {
			s.mutatingBinding(t, "sluice-pin").MatchResources = &admissionv1.MatchResources{ObjectSelector: selector}
		}, pinBinding + " spec.matchResources"},
		{"a binding of another mutating policy", func(t *testing.T, s *Set) { s.mutatingBinding(t, "sluice-pin").PolicyName = "other" }, pinBinding + " spec.policyName"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			live := copied()
			c.change(t, live)
			if found := problems(live); !slices.Equal(found, []string{c.want}) {
				t.Errorf("got %q, want %q", found, c.want)
			}
		})
	}
}

// What is remembered is about one version of an object.
func TestTheComparerLooksAgainWhenSomethingChanges(t *testing.T) {
	live, comparer := copied(), &Comparer{}
	lock := find(t, live.ValidatingPolicies, "sluice-lock")
	whole := func() bool {
		return !slices.ContainsFunc(comparer.Compare(live), func(s State) bool { return !s.Whole() })
	}
	lock.ResourceVersion = "1"
	if first, again := whole(), whole(); !first || !again {
		t.Fatal("as shipped, it must be whole")
	}
	lock.Spec.FailurePolicy, lock.ResourceVersion = ref(admissionv1.Ignore), "2"
	if first, again := whole(), whole(); first || again {
		t.Error("altered, it must not be whole")
	}
	lock.Spec.FailurePolicy, lock.ResourceVersion = ref(admissionv1.Fail), "3"
	if !whole() {
		t.Error("mended, it must be whole")
	}
	if len(without(live, "sluice-lock").Objects()) == 0 || whole() {
		t.Error("gone, it must not be whole")
	}
}

// Comparing changes neither side: what a cache lends is not written to.
func TestComparingChangesNothing(t *testing.T) {
	live := copied()
	before, err := yaml.Marshal(live)
	if err != nil {
		t.Fatal(err)
	}
	problems(live)
	after, err := yaml.Marshal(live)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the live policies changed")
	}
}

// What is built in is what `kubectl apply -k config/admission` applies.
func TestTheKustomizationListsEveryFile(t *testing.T) {
	data, err := admission.Files.ReadFile("kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(data, &kustomization); err != nil {
		t.Fatal(err)
	}
	entries, err := admission.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, entry := range entries {
		if entry.Name() != "kustomization.yaml" {
			files = append(files, entry.Name())
		}
	}
	slices.Sort(kustomization.Resources)
	if !slices.Equal(files, kustomization.Resources) {
		t.Errorf("built in are %v\nthe kustomization lists %v", files, kustomization.Resources)
	}
}

func TestEveryPolicyHasABinding(t *testing.T) {
	bound := map[string]bool{}
	shipped := Shipped()
	for i := range shipped.ValidatingBindings {
		bound[shipped.ValidatingBindings[i].Spec.PolicyName] = true
	}
	for i := range shipped.MutatingBindings {
		bound[shipped.MutatingBindings[i].Spec.PolicyName] = true
	}
	for i := range shipped.ValidatingPolicies {
		if name := shipped.ValidatingPolicies[i].Name; !bound[name] {
			t.Errorf("%s has no binding", name)
		}
	}
	for i := range shipped.MutatingPolicies {
		if name := shipped.MutatingPolicies[i].Name; !bound[name] {
			t.Errorf("%s has no binding", name)
		}
	}
}

func TestFilesThatAreNoPolicies(t *testing.T) {
	for name, text := range map[string]string{
		"another kind":     "kind: ConfigMap\n",
		"no YAML":          "{\n",
		"an unknown field": "kind: ValidatingAdmissionPolicy\nspec: {validatoins: []}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(fstest.MapFS{"x.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), "x.yaml") {
				t.Errorf("must be refused, and the file named; got %v", err)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	ours, others := find(t, copied().ValidatingPolicies, "sluice-lock"), &admissionv1.ValidatingAdmissionPolicy{}
	others.Name, others.Spec.Validations = "of-others", []admissionv1.Validation{{Expression: "true"}}
	for _, object := range []*admissionv1.ValidatingAdmissionPolicy{ours, others} {
		object.ManagedFields, object.Annotations = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, map[string]string{"a": "b"}
		if _, err := Strip(object); err != nil {
			t.Fatal(err)
		}
		if object.ManagedFields != nil || object.Annotations != nil {
			t.Error("what nobody reads is kept")
		}
	}
	if len(ours.Spec.Validations) == 0 {
		t.Error("what is compared is gone")
	}
	if len(others.Spec.Validations) > 0 {
		t.Error("the spec of somebody else's policy is kept")
	}
}
