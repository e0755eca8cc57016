package policy

import (
	"regexp"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Two specs that mean the same are equal in the form that these functions give them: the API server's defaults are
// filled in, and lines of expressions are broken once where kustomize broke them twice.

func validatingSpec(spec *admissionv1.ValidatingAdmissionPolicySpec) admissionv1.ValidatingAdmissionPolicySpec {
	setDefault(&spec.FailurePolicy, admissionv1.Fail)
	setMatchDefaults(spec.MatchConstraints)
	foldConditions(spec.MatchConditions)
	foldVariables(spec.Variables)
	for i := range spec.Validations {
		fold(&spec.Validations[i].Expression)
		fold(&spec.Validations[i].MessageExpression)
	}
	for i := range spec.AuditAnnotations {
		fold(&spec.AuditAnnotations[i].ValueExpression)
	}
	return *spec
}

func mutatingSpec(spec *admissionv1.MutatingAdmissionPolicySpec) admissionv1.MutatingAdmissionPolicySpec {
	setDefault(&spec.FailurePolicy, admissionv1.Fail)
	setMatchDefaults(spec.MatchConstraints)
	foldConditions(spec.MatchConditions)
	foldVariables(spec.Variables)
	for i := range spec.Mutations {
		if patch := spec.Mutations[i].JSONPatch; patch != nil {
			fold(&patch.Expression)
		}
		if configuration := spec.Mutations[i].ApplyConfiguration; configuration != nil {
			fold(&configuration.Expression)
		}
	}
	return *spec
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

func foldConditions(conditions []admissionv1.MatchCondition) {
	for i := range conditions {
		fold(&conditions[i].Expression)
	}
}

func foldVariables(variables []admissionv1.Variable) {
	for i := range variables {
		fold(&variables[i].Expression)
	}
}

// brokenLine is a break between lines with the space around it. Strings of CEL hold none, but for those in three quotes,
// of which we ship none; a break stays a break, because it ends a comment.
var brokenLine = regexp.MustCompile(`\s*\n\s*`)

func fold(expression *string) { *expression = brokenLine.ReplaceAllString(*expression, "\n") }
