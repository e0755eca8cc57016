package view

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Review is everything that a reviewer looks at: an emergency, or a change by hand, that is over.
type Review struct {
	// Me is the username of who reviews, as the API server knows it; empty where it does not say.
	Me string
	// Record that is reviewed.
	Record *v1alpha1.ReleaseRecord
	// Pending is what the Environment says of it.
	Pending v1alpha1.PendingReview
}

// Involved says whether who reviews had a part in it.
func (r Review) Involved() bool {
	return r.Me != "" && slices.ContainsFunc(r.Pending.Excluded, func(person string) bool { return strings.EqualFold(person, r.Me) })
}

// Lines shows what is reviewed.
func (r Review) Lines(o Options) []Line {
	spec := r.Record.Spec
	me := line(toned(Waits, "(the API server does not say; it stamps the name that it knows)"))
	if r.Me != "" {
		me = line(toned(Strong, r.Me))
	}
	if r.Involved() {
		me = me.and(toned(Bad, gap+"(you had a part in this: you may not review it)"))
	}
	fields := []field{
		{"You are", me},
		{"You review", line(toned(Strong, r.Record.Name), text(" in namespace "+r.Record.Namespace), toned(Faint, ", "+o.age(&r.Record.CreationTimestamp)+" ago"))},
		{"Release", plain(spec.ReleaseHash)},
	}
	for i, image := range spec.Images {
		name := ""
		if i == 0 {
			name = "Images"
		}
		fields = append(fields, field{name, plain(image.Reference())})
	}
	if spec.Emergency.Reason != "" {
		fields = append(fields, field{"Emergency", emergencyEntryLine(spec.Emergency)},
			field{"Requested by", plain(person(spec.Promotion.RequestedBy, spec.Promotion.OnBehalfOf))}, field{"Reason", plain(spec.Promotion.Reason)})
	}
	if spec.Result == v1alpha1.ResultOverridden {
		fields = append(fields, field{"By hand", plain(spec.Message)})
	}
	if len(r.Pending.Excluded) > 0 {
		fields = append(fields, field{"Not by", plain(strings.Join(r.Pending.Excluded, ", "))})
	}
	if !r.Pending.DueTime.IsZero() {
		fields = append(fields, field{"Due", plain(o.moment(r.Pending.DueTime.Time))})
	}
	root := node{label: line(toned(Strong, "Record")), children: []node{recordNode(o, r.Record)}}
	for _, a := range spec.Approvals {
		root.children = append(root.children, approvalNode(o, a))
	}
	return append(append(drawFields(fields), Line{}), drawTree(root)...)
}

// emergencyEntryLine says that a release came in as an emergency, why, and what was missing.
func emergencyEntryLine(e v1alpha1.EmergencyEntry) Line {
	l := line(toned(Bad, e.Reason))
	if len(e.Skipped) > 0 {
		l = l.and(text("; without " + skipWords(e.Skipped)))
	}
	return l
}

// asked is what an emergency would do without.
func asked(e v1alpha1.Emergency) []v1alpha1.EmergencySkip {
	if len(e.Skips) == 0 {
		return []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence, v1alpha1.SkipFreezes}
	}
	return e.Skips
}

func skipWords(skips []v1alpha1.EmergencySkip) string {
	text := make([]string, 0, len(skips))
	for _, skip := range skips {
		text = append(text, string(skip))
	}
	return strings.Join(text, " and ")
}

// emergencyWords says in words what emergencies take, and what they may do without.
func emergencyWords(r *v1alpha1.EmergencyRequirement) string {
	if r == nil {
		return "none allowed"
	}
	words := people(max(r.Count, 1)) + " of group " + strings.Join(r.Groups, " or ") + "; may do without " + skipWords(r.Skips)
	if r.Requester == v1alpha1.RequesterAllowed {
		words += "; the requester may approve"
	}
	return words
}

// reviews shows the records that have to be reviewed, each with the command.
func (e Environment) reviews(o Options) []node {
	if len(e.Object.Status.Reviews) == 0 {
		return nil
	}
	root := node{label: line(toned(Strong, "To review"))}
	for _, r := range e.Object.Status.Reviews {
		state := "Waiting"
		if !r.DueTime.IsZero() && !o.Now.Before(r.DueTime.Time) {
			state = "Expired"
		}
		n := node{
			label: line(glyph(state), text(r.RecordRef.Name)), cells: []Span{toned(toneOf(state), state), text(o.hash(r.ReleaseHash)), text("")},
			children: []node{{label: plain("kubectl sluice review " + r.RecordRef.Name + " -n " + e.Object.Namespace)}},
		}
		if !r.DueTime.IsZero() {
			n.note = plain("due " + o.moment(r.DueTime.Time))
		}
		root.children = append(root.children, n)
	}
	return []node{root}
}
