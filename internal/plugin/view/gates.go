package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// overlay returns the gates of an environment as they stand now. The status of a Promotion is not written for each short
// gate; where its Job is further, the Job is shown.
func overlay(e v1alpha1.EnvironmentProgress, jobs []batchv1.Job) []v1alpha1.GateStatus {
	gates := slices.Clone(e.Gates)
	if e.State != v1alpha1.StateVerifying {
		return gates
	}
	for i := range gates {
		if over := gates[i].State != v1alpha1.GatePending && gates[i].State != v1alpha1.GateRunning; over {
			continue
		}
		if job := lastJob(e.EnvironmentRef.Namespace, gates[i], jobs); job != nil {
			gates[i] = fromJob(gates[i], job)
		}
	}
	return gates
}

// lastJob is the Job of a gate's newest attempt; nil where there is none, or where the reader may not see it.
func lastJob(namespace string, gate v1alpha1.GateStatus, jobs []batchv1.Job) *batchv1.Job {
	var last *batchv1.Job
	for i := range jobs {
		job := &jobs[i]
		made := job.Annotations[v1alpha1.SpecHashAnnotation]
		if job.Namespace != namespace || job.Labels[v1alpha1.GateLabel] != gate.Name || (gate.SpecHash != "" && made != "" && made != gate.SpecHash) {
			continue
		}
		if last == nil || attempt(job) > attempt(last) {
			last = job
		}
	}
	return last
}

func attempt(job *batchv1.Job) int32 {
	n, err := strconv.ParseInt(job.Labels[v1alpha1.AttemptLabel], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// fromJob returns a gate as its Job shows it. An attempt that failed may be repeated: the operator decides that, so the
// gate counts as running until it did.
func fromJob(gate v1alpha1.GateStatus, job *batchv1.Job) v1alpha1.GateStatus {
	if n := attempt(job); n > 0 {
		gate.Attempts = &n
	}
	gate.State, gate.Message, gate.CompletionTime = v1alpha1.GateRunning, "", nil
	gate.StartTime = cmp.Or(job.Status.StartTime, gate.StartTime)
	gate.JobRef = v1alpha1.JobReference{Name: job.Name, UID: string(job.UID)}
	if c := jobCondition(job, batchv1.JobComplete); c != nil {
		gate.CompletionTime = ended(job, c)
		// What was measured, the operator has yet to judge.
		if !measures(job) {
			gate.State = v1alpha1.GatePassed
		}
	}
	if c := jobCondition(job, batchv1.JobFailed); c != nil {
		gate.Message = fmt.Sprintf("attempt %d failed: %s", attempt(job), cmp.Or(c.Message, c.Reason))
		gate.CompletionTime = ended(job, c)
	}
	return gate
}

func ended(job *batchv1.Job, c *batchv1.JobCondition) *metav1.Time {
	return cmp.Or(job.Status.CompletionTime, &c.LastTransitionTime)
}

func jobCondition(job *batchv1.Job, conditionType batchv1.JobConditionType) *batchv1.JobCondition {
	i := slices.IndexFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == conditionType && c.Status == corev1.ConditionTrue
	})
	if i < 0 {
		return nil
	}
	return &job.Status.Conditions[i]
}

// gateNode shows one gate: what it is for, how it stands, how long it took, how often it was tried, what it says.
func gateNode(o Options, g v1alpha1.GateStatus) node {
	n := node{
		label: line(glyph(string(g.State)), text(g.Name), toned(Faint, " "+string(g.Purpose))),
		cells: []Span{toned(toneOf(string(g.State)), string(g.State)), toned(Faint, o.took(g.StartTime, g.CompletionTime))},
	}
	var said []Span
	add := func(s Span) {
		if len(said) > 0 {
			said = append(said, text(", "))
		}
		said = append(said, s)
	}
	if g.Attempts != nil && *g.Attempts > 1 {
		add(toned(Waits, fmt.Sprintf("%d attempts", *g.Attempts)))
	}
	if g.Message != "" {
		add(text(g.Message))
	}
	if template := g.GateTemplate; template.Name != "" {
		add(toned(Faint, fmt.Sprintf("template %s (generation %d)", template.Name, template.Generation)))
	}
	if o.Wide {
		add(toned(Faint, "declared by "+declarer(g.DeclaredBy)))
		if g.JobRef.Name != "" {
			add(toned(Faint, "job "+g.JobRef.Name))
		}
		if g.Image != "" {
			add(toned(Faint, g.Image))
		}
	}
	n.note = said
	n.children = slices.Concat(attemptNodes(g.EarlierAttempts), testNodes(g.Tests), loadNodes(g.Load), metricNodes(g.Metric), webhookNodes(g.Webhook))
	return n
}

// maxSaying is how much is shown of a line of a log.
const maxSaying = 160

// saying adds what the pod of a gate says while it runs: how far a load is, which sample was taken.
func (n node) saying(gate v1alpha1.GateStatus, words string) node {
	if gate.State == v1alpha1.GateRunning && words != "" {
		n.children = append(n.children, node{label: line(toned(Faint, v1alpha1.Clip(words, maxSaying)))})
	}
	return n
}

// testNodes show the first tests that failed, with why.
func testNodes(f v1alpha1.TestFigures) []node {
	nodes := make([]node, 0, len(f.Failures))
	for _, failure := range f.Failures {
		nodes = append(nodes, node{label: line(toned(Bad, failure.Name)), note: []Span{toned(Faint, v1alpha1.Clip(failure.Message, 200))}})
	}
	return nodes
}

// attemptNodes show the attempts that were repeated, with why.
func attemptNodes(attempts []v1alpha1.GateAttempt) []node {
	nodes := make([]node, 0, len(attempts))
	for _, a := range attempts {
		nodes = append(nodes, node{
			label: line(toned(Faint, fmt.Sprintf("attempt %d", a.Attempt))),
			cells: []Span{toned(toneOf(string(a.State)), string(a.State))},
			note:  []Span{text(a.Message)},
		})
	}
	return nodes
}

// declarer says whose gate it is.
func declarer(by v1alpha1.GateDeclarer) string {
	if by == v1alpha1.DeclaredByPlatform {
		return "the platform"
	}
	return "the team"
}
