package promotiontest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// TemplateBuilder builds a GateTemplate.
type TemplateBuilder struct{ template v1alpha1.GateTemplate }

// MakeTemplate begins with a template of a gate, without parameters.
func MakeTemplate(name string, gate v1alpha1.Gate) *TemplateBuilder {
	return &TemplateBuilder{v1alpha1.GateTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: uidOf("template", name), Generation: 1},
		Spec:       v1alpha1.GateTemplateSpec{Gate: gate},
	}}
}

// Parameter adds a parameter.
func (b *TemplateBuilder) Parameter(parameter v1alpha1.TemplateParameter) *TemplateBuilder {
	b.template.Spec.Parameters = append(b.template.Spec.Parameters, parameter)
	return b
}

// Generation counts its edits.
func (b *TemplateBuilder) Generation(generation int64) *TemplateBuilder {
	b.template.Generation = generation
	return b
}

// Obj is the GateTemplate.
func (b *TemplateBuilder) Obj() *v1alpha1.GateTemplate { return b.template.DeepCopy() }

// TemplateGate makes a gate that is taken from a template; values come in pairs, name and value.
func TemplateGate(name string, purpose v1alpha1.GatePurpose, template string, values ...string) v1alpha1.Gate {
	gate := v1alpha1.Gate{Name: name, Purpose: purpose, TemplateRef: v1alpha1.GateTemplateUse{Name: template}}
	for i := 0; i+1 < len(values); i += 2 {
		gate.TemplateRef.Params = append(gate.TemplateRef.Params, v1alpha1.TemplateArgument{Name: values[i], Value: &values[i+1]})
	}
	return gate
}
