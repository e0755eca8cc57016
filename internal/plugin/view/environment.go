package view

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Environment is one Environment.
type Environment struct {
	// Object is the Environment.
	Object *v1alpha1.Environment
	// Requires is what is in force.
	Requires v1alpha1.RequirementsInForce
}

// Lines shows an Environment: what it is, what it demands, what runs, who is at work and who awaits sign-off.
func (e Environment) Lines(o Options) []Line {
	conditions := e.Object.Status.Conditions
	fields := []field{
		{"Environment", line(toned(Strong, e.Object.Namespace))},
		{"Tier", plain(string(e.Object.Spec.Tier))},
		{"Ready", conditionLine(condition(conditions, v1alpha1.ConditionReady))},
		{"Lock", line(text(string(e.Requires.Lock) + "  ")).and(conditionLine(condition(conditions, v1alpha1.ConditionLocked))...)},
		{"Converged", conditionLine(condition(conditions, v1alpha1.ConditionConverged))},
		{"Unmanaged", plain("images of no pipeline: " + string(e.Requires.UnmanagedImages) + "; gates of teams: " + string(e.Requires.TeamGates))},
	}
	fields = append(fields, freezeFields(o, e.Object)...)
	fields = append(fields, requirementFields(e.Requires)...)
	lines := append(drawFields(fields), Line{})
	return append(lines, drawTree(append([]node{e.runs(o), e.slot(o), e.awaiting(o)}, e.reviews(o)...)...)...)
}

func requirementFields(r v1alpha1.RequirementsInForce) []field {
	fields := []field{}
	for i, evidence := range r.Evidence {
		name := ""
		if i == 0 {
			name = "Evidence"
		}
		fields = append(fields, field{name, plain(evidenceWords(evidence))})
	}
	if len(r.Evidence) == 0 {
		fields = append(fields, field{"Evidence", line(toned(Faint, "none demanded"))})
	}
	fields = append(fields, field{"Approvals", plain(approvalWords(r.Approvals))})
	rollback := "none demanded"
	if r.RollbackApprovals != nil && *r.RollbackApprovals > 0 {
		rollback = people(*r.RollbackApprovals)
	}
	if r.RollbackFreezes == v1alpha1.FreezesRespect {
		rollback += "; they wait for the end of a freeze"
	}
	fields = append(fields, field{"Rollbacks", plain(rollback)})
	if r.Emergencies != nil {
		fields = append(fields, field{"Emergencies", plain(emergencyWords(r.Emergencies))})
	}
	return fields
}

// evidenceWords says in words what gate must have passed.
func evidenceWords(r v1alpha1.EvidenceRequirement) string {
	words := "a passed " + string(r.Purpose) + " gate"
	if template := r.GateTemplateRef; template.Name != "" {
		words += " of GateTemplate " + template.Name
		if template.Revision == v1alpha1.PresentRevision {
			words += " as it is now"
		}
	} else if r.DeclaredBy != v1alpha1.DeclaredByAnyone {
		words += " of the platform's"
	}
	if len(r.From) == 0 {
		words += ", in a locked Environment of tier Test"
	} else {
		var from []string
		for _, f := range r.From {
			from = append(from, f.Namespace)
		}
		words += ", in " + strings.Join(from, " or ")
	}
	return words + olderThan(r.MaxAgeSeconds)
}

func olderThan(seconds int32) string {
	if seconds == 0 {
		return ""
	}
	return ", at most " + duration.HumanDuration(time.Duration(seconds)*time.Second) + " old"
}

// approvalWords says in words who has to sign.
func approvalWords(r *v1alpha1.ApprovalRequirement) string {
	if r == nil || r.Mode == v1alpha1.RequirementNone {
		return "none demanded"
	}
	words := people(max(r.Count, 1))
	var quotas, not []string
	for _, q := range r.From {
		quotas = append(quotas, fmt.Sprintf("%d of group %s", max(q.Count, 1), q.Name))
	}
	if len(quotas) > 0 {
		words += ", among them " + strings.Join(quotas, " and ")
	}
	for _, x := range r.Excludes {
		switch x {
		case v1alpha1.ExcludeRequester:
			not = append(not, "who requests")
		case v1alpha1.ExcludeOnBehalfOf:
			not = append(not, "on whose behalf")
		case v1alpha1.ExcludeChangeAuthors:
			not = append(not, "authors of changes")
		}
	}
	if len(not) > 0 {
		words += "; not: " + strings.Join(not, ", ")
	}
	return words + olderThan(r.MaxAgeSeconds)
}

func people(count int32) string {
	if count == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", count)
}

func (e Environment) runs(o Options) node {
	root := node{label: line(toned(Strong, "Runs"))}
	for _, p := range e.Object.Status.Pipelines {
		root.children = append(root.children, node{
			label: line(glyph(string(p.State)), text(p.Pipeline)),
			cells: []Span{toned(toneOf(string(p.State)), string(p.State)), text(o.hash(p.ReleaseHash)), toned(Faint, o.age(p.SinceTime))},
			note:  plain(bringer(p)),
		})
	}
	return orNone(root)
}

func (e Environment) slot(o Options) node {
	root := node{label: line(toned(Strong, "At work"))}
	for _, h := range e.Object.Status.Holders {
		root.children = append(root.children, node{
			label: line(glyph("Running"), text(h.PromotionRef.Namespace+"/"+h.PromotionRef.Name)),
			cells: []Span{toned(Busy, "holds slot"), text(o.hash(h.ReleaseHash)), toned(Faint, o.age(h.SinceTime))},
			note:  plain("of pipeline " + h.Pipeline),
		})
	}
	return orNone(root)
}

// awaiting is the inbox of approvers. What pipelines call this environment is not known here; approve takes its
// namespace as well.
func (e Environment) awaiting(o Options) node {
	root := node{label: line(toned(Strong, "Awaits sign-off"))}
	for _, a := range e.Object.Status.Awaiting {
		root.children = append(root.children, awaitingNode(o, a, e.Object.Namespace))
	}
	return orNone(root)
}

func orNone(root node) node {
	if len(root.children) == 0 {
		root.children = []node{{label: line(toned(Faint, "none"))}}
	}
	return root
}
