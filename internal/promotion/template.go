package promotion

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// declared is a gate that somebody listed, as its template has it where it names one.
func (v *visit) declared(gate v1alpha1.Gate, by v1alpha1.GateDeclarer) declaredGate {
	declared := declaredGate{Gate: gate, by: by}
	name := gate.TemplateRef.Name
	if name == "" {
		return declared
	}
	template := v.snapshot.Templates[name]
	if template == nil {
		declared.problem = v1alpha1.NewReason(v1alpha1.ReasonUnknownGateTemplate,
			"gate %s takes the GateTemplate %s, and there is none of that name; let the platform team create it, or name one of kubectl get gatetemplates%s",
			gate.Name, name, v.whereToMend(by))
		return declared
	}
	pipeline := v1alpha1.PipelineReference{Namespace: v.promotion().Namespace, Name: v.promotion().Spec.PipelineRef.Name}
	made, err := FromTemplate(template, gate, by, pipeline)
	if err != nil {
		declared.problem = v1alpha1.NewReason(v1alpha1.ReasonInvalidParameters, "gate %s does not fit the GateTemplate %s: %s%s",
			gate.Name, name, v1alpha1.Clip(err.Error(), 640), v.whereToMend(by))
		return declared
	}
	declared.Gate = made
	declared.template = v1alpha1.ObservedGateTemplate{Name: name, Generation: max(1, template.Generation), SpecHash: TemplateHash(template)}
	return declared
}

// whereToMend says where a gate is listed. A Promotion keeps the pipeline as it was.
func (v *visit) whereToMend(by v1alpha1.GateDeclarer) string {
	if by == v1alpha1.DeclaredByPlatform {
		return "; kubectl edit environment environment -n " + v.namespace()
	}
	return "; mend it in the pipeline and promote again (kubectl edit deliverypipeline " + v.promotion().Spec.PipelineRef.Name + " -n " + v.promotion().Namespace + ")"
}

// templatesUsable checks that each gate can be made from the template that it names. A rollback does not wait for
// that: its gates do.
func (v *visit) templatesUsable() Verdict {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return ready()
	}
	return pendingUnless(v.templateProblems())
}

func (v *visit) templateProblems() []v1alpha1.Reason {
	var problems []v1alpha1.Reason
	for _, gate := range v.gates() {
		if gate.problem.Type != "" {
			problems = append(problems, gate.problem)
		}
	}
	return problems
}

// declaredAs says whose gate a requirement asks for.
func declaredAs(requirement v1alpha1.EvidenceRequirement) string {
	switch {
	case requirement.GateTemplateRef.Name != "":
		return " of GateTemplate " + requirement.GateTemplateRef.Name
	case requirement.DeclaredBy == v1alpha1.DeclaredByPlatform:
		return ", declared by an Environment,"
	}
	return ""
}

// presentTemplate checks, where the Environment asks for that, that the evidence is of the GateTemplate as it is now.
func (v *visit) presentTemplate(record *v1alpha1.ReleaseRecord, requirement v1alpha1.EvidenceRequirement) Verdict {
	wanted := requirement.GateTemplateRef
	if wanted.Revision != v1alpha1.PresentRevision {
		return ready()
	}
	template := v.snapshot.Templates[wanted.Name]
	if template == nil {
		return pending(v1alpha1.NewReason(v1alpha1.ReasonUnknownGateTemplate,
			"the Environment of %s demands a gate of the GateTemplate %s, and there is none of that name any more; let the platform team create it, or take it out of requires.evidence (kubectl edit environment environment -n %s)",
			v.namespace(), wanted.Name, v.namespace()))
	}
	now, then := TemplateHash(template), int64(0)
	for _, g := range record.Spec.Gates {
		if g.State != v1alpha1.GatePassed || g.Purpose != requirement.Purpose || g.GateTemplate.Name != wanted.Name {
			continue
		}
		if g.GateTemplate.SpecHash == now {
			return ready()
		}
		then = g.GateTemplate.Generation
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceExpired,
		"the %s evidence of %s/%s is of generation %d of the GateTemplate %s, which was edited since (generation %d); promote the release through there again",
		requirement.Purpose, record.Namespace, record.Name, then, wanted.Name, template.Generation))
}

// FromTemplate makes the gate that a use of a template stands for. What teams may give is what the template says that
// anyone may; an error says what to write instead.
func FromTemplate(template *v1alpha1.GateTemplate, use v1alpha1.Gate, by v1alpha1.GateDeclarer, pipeline v1alpha1.PipelineReference) (v1alpha1.Gate, error) {
	if use.Purpose != template.Spec.Gate.Purpose {
		return use, fmt.Errorf("it shows %s, and the gate says %s: write purpose: %s", template.Spec.Gate.Purpose, use.Purpose, template.Spec.Gate.Purpose)
	}
	values, err := arguments(template.Spec.Parameters, use.TemplateRef.Params, by)
	if err != nil {
		return use, err
	}
	texts := map[string]string{"pipeline.namespace": pipeline.Namespace, "pipeline.name": pipeline.Name}
	for name, value := range values {
		texts["params."+name] = value.text
	}
	gate, err := replaceTexts(template.Spec.Gate, texts)
	if err != nil {
		return use, err
	}
	for _, parameter := range template.Spec.Parameters {
		for _, field := range parameter.Sets {
			if err := setField(&gate, field, values[parameter.Name].number); err != nil {
				return use, fmt.Errorf("parameter %s: %w", parameter.Name, err)
			}
		}
	}
	gate.Name = use.Name
	return gate, sound(gate)
}

// sound says whether a gate still makes sense whose numbers were set: the schema has seen others.
func sound(gate v1alpha1.Gate) error {
	switch {
	case IsLoad(gate):
		return soundLoad(gate)
	case IsMetric(gate):
		return soundMetric(gate)
	case IsWebhook(gate):
		return soundWebhook(gate)
	}
	return nil
}

func soundLoad(gate v1alpha1.Gate) error {
	if least := LoadSeconds(gate.Load); gate.TimeoutSeconds > 0 && gate.TimeoutSeconds < least {
		return fmt.Errorf("the load takes %d s with these parameters, and timeoutSeconds is %d: give a shorter load or more time", least, gate.TimeoutSeconds)
	}
	sent := int64(gate.Load.RequestsPerSecond) * int64(gate.Load.DurationSeconds)
	if least := int64(MinimumRequests(gate.Load)); len(gate.Load.Stages) == 0 && sent < least {
		return fmt.Errorf("the load sends %d requests with these parameters, and %d are the least that count: give a longer load or a higher rate", sent, least)
	}
	return nil
}

// reference is a parameter, or a fact about the pipeline, in a text of a template.
var reference = regexp.MustCompile(`\$\((params|pipeline)\.([^()]*)\)`)

// replaceTexts puts values into every text of a gate.
func replaceTexts(gate v1alpha1.Gate, values map[string]string) (v1alpha1.Gate, error) {
	var tree any
	if err := json.Unmarshal(encoded(gate), &tree); err != nil {
		return gate, fmt.Errorf("read the gate of the template: %w", err)
	}
	var unknown []string
	tree = mapTexts(tree, func(text string) string {
		return reference.ReplaceAllStringFunc(text, func(found string) string {
			value, known := values[strings.TrimSuffix(strings.TrimPrefix(found, "$("), ")")]
			if !known {
				unknown = append(unknown, found)
			}
			return value
		})
	})
	if len(unknown) > 0 {
		return gate, fmt.Errorf("its gate names %s, and the template has no such parameter: the platform team adds it or takes it out (kubectl edit gatetemplates)", unknown[0])
	}
	var replaced v1alpha1.Gate
	if err := json.Unmarshal(encoded(tree), &replaced); err != nil {
		return gate, fmt.Errorf("with these parameters it is no gate: %w", err)
	}
	return replaced, nil
}

// mapTexts changes every text of a JSON value.
func mapTexts(value any, change func(string) string) any {
	switch v := value.(type) {
	case string:
		return change(v)
	case []any:
		for i := range v {
			v[i] = mapTexts(v[i], change)
		}
	case map[string]any:
		for key := range v {
			v[key] = mapTexts(v[key], change)
		}
	}
	return value
}
