package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// shownPromotions is how many promotions that have ended a pipeline's tree shows.
const shownPromotions = 5

// Pipeline is one pipeline with what belongs to it.
type Pipeline struct {
	// Object is the DeliveryPipeline.
	Object *v1alpha1.DeliveryPipeline
	// Environments by namespace, those that the reader may see: they know better what runs than the pipeline does.
	Environments map[string]*v1alpha1.Environment
	// Promotions of the pipeline.
	Promotions []v1alpha1.Promotion
}

// Lines shows a pipeline: what it is, what runs where, and its promotions.
func (p Pipeline) Lines(o Options) []Line {
	fields := []field{
		{"Pipeline", line(toned(Strong, p.Object.Name), toned(Faint, " in namespace "+p.Object.Namespace))},
		{"Ready", conditionLine(condition(p.Object.Status.Conditions, v1alpha1.ConditionReady))},
	}
	for i, image := range p.Object.Spec.Images {
		name := ""
		if i == 0 {
			name = "Images"
		}
		fields = append(fields, field{name, line(text(image.Name), toned(Faint, gap+image.Repository))})
	}
	lines := append(drawFields(fields), Line{})
	environments := node{label: line(toned(Strong, "Environments"))}
	for i := range p.Object.Spec.Environments {
		environments.children = append(environments.children, p.environment(o, &p.Object.Spec.Environments[i]))
	}
	return append(lines, drawTree(environments, p.promotions(o))...)
}

// environment shows what runs in one environment, and who waits there for sign-off.
func (p Pipeline) environment(o Options, e *v1alpha1.PipelineEnvironment) node {
	state, live := p.delivered(e)
	n := node{
		label: line(glyph(string(state.State)), text(e.Name)),
		cells: []Span{toned(toneOf(string(state.State)), string(state.State)), text(o.hash(state.ReleaseHash)), toned(Faint, o.age(state.SinceTime))},
		note:  line(text(bringer(state))),
	}
	if o.Wide {
		n.note = n.note.and(toned(Faint, gap+"namespace "+e.EnvironmentRef.Namespace))
	}
	if len(e.After) > 0 {
		n.note = n.note.and(toned(Faint, gap+"after "+strings.Join(e.After, ", ")))
	}
	if !live {
		n.note = n.note.and(toned(Faint, gap+"(as of the last promotion; no Environment to be read in "+e.EnvironmentRef.Namespace+")"))
		return n
	}
	env := p.Environments[e.EnvironmentRef.Namespace]
	if state := env.Status.Deployments.State; state != "" && state != v1alpha1.DeploymentsOpen {
		n.children = append(n.children, node{label: deploymentsLine(o, env)})
	}
	for _, a := range env.Status.Awaiting {
		if a.Pipeline == p.key() {
			n.children = append(n.children, awaitingNode(o, a, e.Name))
		}
	}
	return n
}

// bringer names what brought the release that runs.
func bringer(d v1alpha1.DeliveredPipeline) string {
	switch {
	case d.PromotionRef.Name != "":
		return d.PromotionRef.Name
	case d.ReleaseHash != "":
		return "adopted"
	}
	return ""
}

// delivered returns how the pipeline stands in an environment, and whether the Environment itself says so.
func (p Pipeline) delivered(e *v1alpha1.PipelineEnvironment) (v1alpha1.DeliveredPipeline, bool) {
	if env := p.Environments[e.EnvironmentRef.Namespace]; env != nil {
		i := slices.IndexFunc(env.Status.Pipelines, func(d v1alpha1.DeliveredPipeline) bool { return d.Pipeline == p.key() })
		if i < 0 {
			return v1alpha1.DeliveredPipeline{State: v1alpha1.DeliveryNotDeployed}, true
		}
		return env.Status.Pipelines[i], true
	}
	for _, known := range p.Object.Status.Environments {
		if known.Name == e.Name {
			return v1alpha1.DeliveredPipeline{State: known.State}, false
		}
	}
	return v1alpha1.DeliveredPipeline{State: v1alpha1.DeliveryNotDeployed}, false
}

func (p Pipeline) key() string { return p.Object.Namespace + "/" + p.Object.Name }

// promotions shows all that have not ended, and the newest of those that have.
func (p Pipeline) promotions(o Options) node {
	root := node{label: line(toned(Strong, "Promotions"))}
	sorted := slices.Clone(p.Promotions)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.Promotion) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	over := 0
	for i := range sorted {
		if sorted[i].Status.Outcome != "" {
			over++
		}
		if sorted[i].Status.Outcome != "" && over > shownPromotions {
			continue
		}
		root.children = append(root.children, promotionNode(o, &sorted[i]))
	}
	if left := over - shownPromotions; left > 0 {
		root.children = append(root.children, node{label: line(toned(Faint, fmt.Sprintf("and %d older: kubectl sluice get promotions -n %s", left, p.Object.Namespace)))})
	}
	if len(root.children) == 0 {
		root.children = []node{{label: line(toned(Faint, "none"))}}
	}
	return root
}

func promotionNode(o Options, p *v1alpha1.Promotion) node {
	state, environment := stateOf(p)
	note := p.Spec.Reason
	if p.Status.Outcome != "" {
		state = string(p.Status.Outcome)
	} else if environment != "" {
		note = environment + ": " + cmp.Or(waitsFor(p, environment), state) + ". " + note
	}
	return node{
		label: line(glyph(state), text(p.Name)),
		cells: []Span{toned(toneOf(state), state), text(o.hash(p.Status.ReleaseHash)), toned(Faint, o.age(&p.CreationTimestamp))},
		note:  plain(note),
	}
}

// awaitingNode shows one promotion that waits for sign-off, with the command that signs it.
func awaitingNode(o Options, a v1alpha1.AwaitingPromotion, environment string) node {
	ref := a.PromotionRef
	return node{
		label: line(glyph("Waiting"), text(ref.Name+" awaits sign-off")),
		cells: []Span{toned(Waits, "Waiting"), text(o.hash(a.ReleaseHash)), toned(Faint, o.age(a.SinceTime))},
		note:  plain("requested by " + person(a.RequestedBy, a.OnBehalfOf)),
		children: []node{{
			label: plain(fmt.Sprintf("kubectl sluice approve %s -n %s -e %s", ref.Name, ref.Namespace, environment)),
		}},
	}
}
