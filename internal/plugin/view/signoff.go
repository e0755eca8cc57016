package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// SignOff is everything that an approver looks at before signing.
type SignOff struct {
	// Me is the username of who signs, as the API server knows it; empty where it does not say.
	Me string
	// Groups of mine that count here.
	Groups []string
	// Decision that is to be signed.
	Decision v1alpha1.ApprovalDecision
	// Promotion that is decided.
	Promotion *v1alpha1.Promotion
	// Step is the environment, as the promotion sees it.
	Step v1alpha1.EnvironmentProgress
	// Environment that it is to enter.
	Environment *v1alpha1.Environment
	// Requires is what is in force there.
	Requires v1alpha1.RequirementsInForce
	// Awaiting is the entry of the inbox.
	Awaiting v1alpha1.AwaitingPromotion
	// Before is what runs there.
	Before Running
	// Evidence are the records of this very release, newest first.
	Evidence []v1alpha1.ReleaseRecord
	// Unread are the namespaces whose records the reader may not see.
	Unread []string
}

// Lines shows what is signed.
func (s SignOff) Lines(o Options) []Line {
	p := s.Promotion
	what := p.Name
	if p.Spec.Intent == v1alpha1.IntentRollback {
		what += ", a rollback"
	}
	fields := []field{
		{"You are", s.me()},
		{string(s.Decision), line(toned(Strong, what), text(" of pipeline "+s.Awaiting.Pipeline))},
		{"Into", line(toned(Strong, s.Step.Name), toned(Faint, ", namespace "+s.Environment.Namespace+", tier "+string(s.Environment.Spec.Tier)))},
		{"Release", plain(s.Awaiting.ReleaseHash)},
		{"Evidence", plain(s.Awaiting.EvidenceHash)},
		{"Requested by", line(text(person(s.Awaiting.RequestedBy, s.Awaiting.OnBehalfOf)), toned(Faint, ", "+o.age(&p.CreationTimestamp)+" ago"))},
		{"Reason", plain(p.Spec.Reason)},
	}
	if s.Decision == v1alpha1.DecisionRejected {
		fields[1].name = "You reject"
	} else {
		fields[1].name = "You approve"
	}
	if s.Awaiting.Emergency.Reason != "" {
		fields = append(fields, field{"Emergency", line(toned(Bad, s.Awaiting.Emergency.Reason), text("; asks to do without "+skipWords(asked(s.Awaiting.Emergency))))})
	}
	fields = append(fields, changeFields(p.Spec.Changes)...)
	fields = append(fields, imageFields(o, p, s.Before)...)
	lines := append(drawFields(fields), Line{})
	trees := []node{s.evidence(o), s.approvals(o)}
	if len(s.Awaiting.Changes) > 0 {
		trees = []node{s.evidence(o), s.changes(), s.approvals(o)}
	}
	return append(lines, drawTree(trees...)...)
}

// changes shows what the environment says otherwise than when people were first asked to sign.
func (s SignOff) changes() node {
	root := node{label: line(toned(Waits, "The environment changed since the wait began"), toned(Faint, gap+"what it says now decides"))}
	for _, change := range s.Awaiting.Changes {
		root.children = append(root.children, node{label: plain(change)})
	}
	return root
}

// me says who signs, and what speaks against it.
func (s SignOff) me() Line {
	if s.Me == "" {
		return line(toned(Waits, "(the API server does not say; it stamps the name that it knows)"))
	}
	l := line(toned(Strong, s.Me))
	if len(s.Groups) > 0 {
		l = l.and(text(", of " + strings.Join(s.Groups, ", ")))
	}
	if s.Decision == v1alpha1.DecisionApproved && s.Excluded() {
		l = l.and(toned(Bad, gap+"(you asked for this or made its changes: you may not approve it)"))
	}
	mine := func(a v1alpha1.ApprovalStatus) bool {
		return strings.EqualFold(a.Approver, s.Me) && a.State == v1alpha1.ApprovalCounted
	}
	if slices.ContainsFunc(s.Step.Approvals, mine) {
		l = l.and(toned(Waits, gap+"(you have signed this already, and one person counts once)"))
	}
	return l
}

// Excluded says whether who signs is among those who may not.
func (s SignOff) Excluded() bool {
	return s.Me != "" && slices.ContainsFunc(s.Awaiting.Excluded, func(person string) bool { return strings.EqualFold(person, s.Me) })
}

// evidence shows what happened to this very release elsewhere, failures included.
func (s SignOff) evidence(o Options) node {
	root := node{label: line(toned(Strong, "Evidence of this release"))}
	for i := range s.Evidence {
		root.children = append(root.children, recordNode(o, &s.Evidence[i]))
	}
	for _, namespace := range s.Unread {
		root.children = append(root.children, node{label: line(toned(Waits, "you may not read the records in "+namespace))})
	}
	return orNone(root)
}

func recordNode(o Options, r *v1alpha1.ReleaseRecord) node {
	result := string(r.Spec.Result)
	n := node{
		label: line(glyph(result), toned(Strong, r.Namespace), toned(Faint, " "+string(r.Spec.Environment.Tier))),
		cells: []Span{toned(toneOf(result), result), toned(Faint, o.age(&r.CreationTimestamp))},
		note:  plain(strings.TrimPrefix(r.Spec.Message, ": ")),
	}
	if r.Spec.Cause != "" {
		n.note = plain(string(r.Spec.Cause) + ": " + r.Spec.Message)
	}
	for _, g := range r.Spec.Gates {
		child := gateNode(o, g)
		if len(child.note) > 0 {
			child.note = child.note.and(text(", "))
		}
		child.note = child.note.and(toned(Faint, "declared by "+declarer(g.DeclaredBy)))
		if promotion.Altered(g) {
			child.note = child.note.and(toned(Bad, ", not as it was recorded: resultHash does not fit"))
		}
		n.children = append(n.children, child)
	}
	n.children = append(n.children, node{label: line(toned(Faint, "record "+r.Name))})
	return n
}

// approvals shows who signed, and what is missing.
func (s SignOff) approvals(o Options) node {
	root := node{label: line(toned(Strong, "Approvals"), toned(Faint, gap+"needed: "+s.needed()))}
	for _, a := range s.Step.Approvals {
		root.children = append(root.children, approvalNode(o, a))
	}
	missing := Missing(s.Step)
	if missing == "" {
		missing = "the operator has not said what is missing"
	}
	root.children = append(root.children, node{label: line(glyph("Waiting"), text(missing))})
	return root
}

func (s SignOff) needed() string {
	if s.Awaiting.Emergency.Reason != "" {
		return emergencyWords(s.Requires.Emergencies)
	}
	if s.Promotion.Spec.Intent == v1alpha1.IntentRollback {
		return people(value(s.Requires.RollbackApprovals)) + ", for a rollback"
	}
	return approvalWords(s.Requires.Approvals)
}

// Missing is what an environment says of the signatures that it lacks; empty where it lacks none.
func Missing(e v1alpha1.EnvironmentProgress) string {
	for _, r := range e.Reasons {
		if r.Type == v1alpha1.ReasonApprovalsMissing {
			message, _ := splitCommand(r.Message)
			return clean(message)
		}
	}
	return ""
}

// WaitsInstead says what an environment waits for that awaits no sign-off.
func WaitsInstead(p *v1alpha1.Promotion, e v1alpha1.EnvironmentProgress) []Line {
	nothing := fmt.Sprintf("nothing of promotion %s awaits sign-off in %s", p.Name, e.Name)
	switch {
	case p.Status.Outcome != "":
		return []Line{plain(nothing + ": it has ended, " + string(p.Status.Outcome) + ": " + p.Status.Message)}
	case len(e.Reasons) == 0:
		return []Line{plain(nothing + ": it is " + string(e.State) + " there")}
	}
	root := node{label: plain(nothing + ", which is " + string(e.State) + ":")}
	for _, r := range e.Reasons {
		root.children = append(root.children, reasonNode(e, r))
	}
	return drawTree(root)
}
