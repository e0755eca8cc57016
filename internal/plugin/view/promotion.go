package view

import (
	"cmp"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Running is what runs of a pipeline's repositories in one environment, and where that is known from.
type Running struct {
	// Digests by repository.
	Digests map[string]string
	// Where it runs, for people; empty where that is not known.
	Where string
}

// Promotion is one promotion with what belongs to it.
type Promotion struct {
	// Object is the Promotion.
	Object *v1alpha1.Promotion
	// Jobs of its gates, as far as the reader may see them.
	Jobs []batchv1.Job
	// Saying holds the last line of the log of Jobs that run, as far as the reader may see them.
	Saying map[types.NamespacedName]string
	// Before is what runs, or ran, in the last environment before this release came.
	Before Running
}

// Lines shows a promotion: what it is, what it changes, its environments as a tree, and what it waits for.
func (p Promotion) Lines(o Options) []Line {
	lines := drawFields(p.fields(o))
	if images := imageFields(o, p.Object, p.Before); len(images) > 0 {
		lines = append(lines, drawFields(images)...)
	}
	if len(p.Object.Status.Environments) > 0 {
		lines = append(lines, Line{})
		lines = append(lines, drawTree(p.tree(o))...)
	}
	if message := p.closing(); message != "" {
		lines = append(lines, Line{}, line(Span{Text: message, Tone: p.tone()}))
	}
	return lines
}

// closing is the last line: what the operator says of it all.
func (p Promotion) closing() string {
	said := p.Object.Status.Message
	if said == "" {
		said = condition(p.Object.Status.Conditions, v1alpha1.ConditionSucceeded).Message
	}
	return clean(cmp.Or(said, "waits for the operator"))
}

func (p Promotion) tone() Tone {
	if p.Object.Status.Outcome == "" {
		return Waits
	}
	return toneOf(string(p.Object.Status.Outcome))
}

func (p Promotion) fields(o Options) []field {
	object := p.Object
	pipeline := object.Spec.PipelineRef.Name
	if object.Spec.Intent == v1alpha1.IntentRollback {
		pipeline += ", rollback"
	}
	release := cmp.Or(object.Status.ReleaseHash, object.Spec.ReleaseHash)
	fields := []field{
		{"Promotion", line(toned(Strong, object.Name), toned(Faint, " in namespace "+object.Namespace))},
		{"Pipeline", plain(pipeline)},
		{"Release", plain(o.hash(release))},
		{"Requested by", line(text(person(object.Spec.RequestedBy.Username, object.Spec.OnBehalfOf)), toned(Faint, ", "+o.age(&object.CreationTimestamp)+" ago"))},
		{"Reason", plain(object.Spec.Reason)},
	}
	if object.Spec.Emergency.Reason != "" {
		fields = append(fields, field{"Emergency", line(toned(Bad, object.Spec.Emergency.Reason))})
	}
	fields = append(fields, changeFields(object.Spec.Changes)...)
	return append(fields, field{"Status", p.statusLine(o)})
}

func changeFields(changes []v1alpha1.Change) []field {
	fields := make([]field, 0, len(changes))
	for i, change := range changes {
		name := ""
		if i == 0 {
			name = "Changes"
		}
		fields = append(fields, field{name, changeLine(change)})
	}
	return fields
}

// statusLine is the state of the whole in a word, and how long it took or takes.
func (p Promotion) statusLine(o Options) Line {
	status := p.Object.Status
	state, reason := string(status.Outcome), ""
	if state == "" {
		state, _ = stateOf(p.Object)
		reason = condition(status.Conditions, v1alpha1.ConditionSucceeded).Reason
	}
	l := line(glyph(state), toned(toneOf(state), state))
	if reason != "" && reason != state {
		l = l.and(text(", " + reason))
	}
	if took := o.took(status.StartTime, status.CompletionTime); took != "" {
		word := " for "
		if status.Outcome != "" {
			word = " after "
		}
		l = l.and(toned(Faint, word+took))
	}
	if p.Object.Spec.Lifecycle == v1alpha1.LifecycleCancelled && status.Outcome == "" {
		l = l.and(toned(Bad, ", is being cancelled"))
	}
	return l
}

// stateOf returns the state of a promotion that has not ended, and the environment that decides it.
func stateOf(p *v1alpha1.Promotion) (state, environment string) {
	busy := []v1alpha1.EnvironmentState{v1alpha1.StateRollingBack, v1alpha1.StateDeploying, v1alpha1.StateVerifying}
	for _, e := range p.Status.Environments {
		if slices.Contains(busy, e.State) {
			return string(e.State), e.Name
		}
	}
	for _, e := range p.Status.Environments {
		if e.State == v1alpha1.StateWaiting && !waitsForOthers(e) {
			return string(e.State), e.Name
		}
	}
	for _, e := range p.Status.Environments {
		if e.State == v1alpha1.StateWaiting {
			return string(e.State), e.Name
		}
	}
	return string(v1alpha1.StatePending), ""
}

// waitsForOthers says whether an environment waits for those before it only: that is its turn, and nothing to see to.
func waitsForOthers(e v1alpha1.EnvironmentProgress) bool {
	return len(e.Reasons) > 0 && !slices.ContainsFunc(e.Reasons, func(r v1alpha1.Reason) bool { return r.Type != v1alpha1.ReasonPredecessorPending })
}

// imageFields shows each image, old and new; as long as the digests are not known, what was asked for.
func imageFields(o Options, p *v1alpha1.Promotion, before Running) []field {
	type image struct {
		name  string
		shown Line
	}
	var images []image
	for _, i := range p.Status.Images {
		images = append(images, image{i.Name, imageChange(o, p, i, before)})
	}
	if len(images) == 0 {
		for _, asked := range p.Spec.Images {
			images = append(images, image{asked.Name, plain(cmp.Or(asked.Tag, o.digest(asked.Digest)))})
		}
	}
	names := 0
	for _, i := range images {
		names = max(names, columnsOf(clean(i.name)))
	}
	fields := make([]field, 0, len(images)+1)
	for i, shown := range images {
		title := ""
		if i == 0 {
			title = "Images"
		}
		fields = append(fields, field{title, pad(plain(shown.name), names).and(text(gap)).and(shown.shown...)})
	}
	if before.Where != "" && len(before.Digests) > 0 {
		fields = append(fields, field{"", line(toned(Faint, "compared with what ran in "+before.Where))})
	}
	return fields
}

func imageChange(o Options, p *v1alpha1.Promotion, image v1alpha1.Image, before Running) Line {
	next := o.digest(image.Digest)
	if tag := tagOf(p, image.Name); tag != "" {
		next = tag + " " + next
	}
	old, known := before.Digests[image.Repository]
	l := line(toned(Strong, next))
	switch {
	case known && old == image.Digest:
		l = line(text(next), toned(Faint, " (unchanged)"))
	case known:
		l = line(text(o.digest(old)+" → "), toned(Strong, next))
	case len(before.Digests) > 0:
		l = line(text("new → "), toned(Strong, next))
	}
	return l.and(toned(Faint, gap+image.Repository))
}

func tagOf(p *v1alpha1.Promotion, image string) string {
	i := slices.IndexFunc(p.Spec.Images, func(asked v1alpha1.PromotedImage) bool { return asked.Name == image })
	if i < 0 {
		return ""
	}
	return p.Spec.Images[i].Tag
}

func (p Promotion) tree(o Options) node {
	root := node{label: line(toned(Strong, p.Object.Name))}
	for _, e := range p.Object.Status.Environments {
		root.children = append(root.children, p.environment(o, e))
	}
	return root
}

// environment shows one environment with what it waits for, who signed, its gates and its record.
func (p Promotion) environment(o Options, e v1alpha1.EnvironmentProgress) node {
	n := node{
		label: line(glyph(string(e.State)), toned(Strong, e.Name)),
		cells: []Span{toned(toneOf(string(e.State)), string(e.State)), toned(Faint, o.took(e.StartTime, e.CompletionTime))},
		note:  environmentNote(o, e),
	}
	if e.Emergency.Reason != "" {
		n.children = append(n.children, node{label: line(toned(Bad, "Emergency"), text(": ")).and(emergencyEntryLine(e.Emergency)...)})
	}
	for _, reason := range e.Reasons {
		n.children = append(n.children, reasonNode(e, reason))
	}
	for _, a := range e.Approvals {
		n.children = append(n.children, approvalNode(o, a))
	}
	for _, g := range overlay(e, p.Jobs) {
		n.children = append(n.children, gateNode(o, g).saying(g, p.Saying[types.NamespacedName{Namespace: e.EnvironmentRef.Namespace, Name: g.JobRef.Name}]))
	}
	if e.RecordRef.Name != "" {
		n.children = append(n.children, node{label: line(toned(Faint, "record "+e.RecordRef.Name))})
	}
	return n
}

// environmentNote says when it was at work, and why it ended otherwise than Passed.
func environmentNote(o Options, e v1alpha1.EnvironmentProgress) Line {
	var l Line
	if e.Cause != "" {
		l = line(toned(toneOf(string(e.State)), string(e.Cause)))
		if e.Message != "" {
			l = l.and(text(": " + e.Message))
		}
	}
	var times []string
	add := func(word string, t *metav1.Time) {
		if !t.IsZero() {
			times = append(times, word+" "+o.clockTime(t))
		}
	}
	add("entered", e.StartTime)
	add("deployed", e.DeployTime)
	add("rolled back", e.RollbackTime)
	add("done", e.CompletionTime)
	if o.Wide {
		times = append([]string{"namespace " + e.EnvironmentRef.Namespace}, times...)
	}
	if len(times) == 0 {
		return l
	}
	if len(l) > 0 {
		l = l.and(text("  "))
	}
	return l.and(toned(Faint, strings.Join(times, ", ")))
}

// reasonNode shows one reason, and the command that unblocks it on a line of its own.
func reasonNode(e v1alpha1.EnvironmentProgress, reason v1alpha1.Reason) node {
	tone := Waits
	if e.State != v1alpha1.StateWaiting {
		tone = Busy
	}
	message, command := splitCommand(reason.Message)
	n := node{label: line(Span{Text: glyphWaits + " ", Tone: tone}, toned(tone, reason.Type), text(": "+message))}
	if command != "" {
		n.children = []node{{label: plain(command)}}
	}
	return n
}

func approvalNode(o Options, a v1alpha1.ApprovalStatus) node {
	decided := " approved"
	if a.Decision == v1alpha1.DecisionRejected {
		decided = " rejected"
	}
	sign := string(a.State)
	if a.Decision == v1alpha1.DecisionRejected {
		sign = "Rejected"
	}
	n := node{
		label: line(glyph(sign), text(a.Approver+decided)),
		cells: []Span{toned(toneOf(sign), string(a.State)), toned(Faint, o.age(a.SignTime))},
	}
	if a.Reason != "" {
		n.note = line(toned(toneOf(sign), a.Reason+" "))
	}
	if a.Comment != "" {
		n.note = n.note.and(text("“" + a.Comment + "”"))
	}
	return n
}
