package promotion

import (
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Plan is the answer to a Snapshot: effects to perform in order, then one status write, then the events.
// A controller that fails in the middle stops there and decides again.
type Plan struct {
	// Effects in the order in which they have to happen. Each may be repeated without harm.
	Effects []Effect
	// Status that the Promotion shall have after the effects.
	Status v1alpha1.PromotionStatus
	// Events to publish once the status is written.
	Events []Event
	// Questions that have to be answered before the plan is good: ask, and decide again.
	Questions Questions
	// Wake is when to look again though nothing changed; zero where nothing but a change matters.
	Wake time.Time
}

// Questions are what the snapshot leaves open, and somebody else has to answer. Only what decides is asked.
type Questions struct {
	// Rights of the authors of approvals that would count otherwise, to be asked of the API server.
	Rights []*v1alpha1.Approval
	// GateImages given by tag, to be asked of their registries, where a Promotion would enter otherwise.
	GateImages []string
	// Mirrored images, as a mirror names them, to be looked up there before a Promotion can enter an environment.
	Mirrored []v1alpha1.Image
	// Expressions that say when a gate passes, to be read before a Promotion enters.
	Expressions []string
}

// None says whether nothing is asked.
func (q Questions) None() bool {
	return len(q.Rights) == 0 && len(q.GateImages) == 0 && len(q.Mirrored) == 0 && len(q.Expressions) == 0
}

// Event is published with the Promotion as its object.
type Event struct {
	// Warning says that somebody should look.
	Warning bool
	// Reason in one word.
	Reason string
	// Action that the operator took.
	Action string
	// Note for people.
	Note string
}

// Effect is one thing to do. Effects are idempotent: their names are deterministic, and preconditions guard the rest.
type Effect interface{ effect() }

// UpdateEnvironment writes the status of an Environment: a claim, its release, or the inbox. The write carries the
// resourceVersion of the Environment that was decided on, so that of two promotions one wins and the other looks again.
type UpdateEnvironment struct {
	// Namespace of the Environment.
	Namespace string
	// ResourceVersion that the decision rests on.
	ResourceVersion string
	// Status to write.
	Status v1alpha1.EnvironmentStatus
}

// Pin writes the enforced copy into the Namespace, in one write with a precondition.
type Pin struct {
	// Namespace to write.
	Namespace string
	// ResourceVersion that the decision rests on.
	ResourceVersion string
	// Copy to enforce from now on.
	Copy EnforcedCopy
}

// Touch sets the annotation sluice.dev/release of a workload; admission then writes its images from the pins.
type Touch struct {
	// Namespace of the workload.
	Namespace string
	// Kind of the workload.
	Kind string
	// Name of the workload.
	Name string
	// ResourceVersion that the decision rests on.
	ResourceVersion string
	// Release is the new value of the annotation.
	Release string
	// References that the workload has to carry after the write, by each name of a repository: anything else means that the
	// pin has not reached every API server yet.
	References map[string]string
}

// StartGate creates the Job of one attempt.
type StartGate struct {
	// Namespace to run in.
	Namespace string
	// Job name, deterministic for promotion, environment, gate, gate spec and attempt.
	Job string
	// Gate to run; its Job or its Load member is set.
	Gate v1alpha1.Gate
	// Generator is the image that a gate that measures runs: the operator's own.
	Generator string
	// Attempt number, from 1.
	Attempt int32
	// SpecHash of the gate.
	SpecHash string
	// KeepSeconds for which the finished Job has to stay: its result is read from it.
	KeepSeconds int32
	// Promotion that the gate runs for.
	Promotion v1alpha1.PromotionReference
	// Pipeline as namespace/name.
	Pipeline string
	// Environment is the pipeline's name of the environment.
	Environment string
	// ReleaseHash under test.
	ReleaseHash string
	// Images under test, as they are pulled.
	Images []v1alpha1.Image
	// WebhookNetworks are the private networks that a webhook gate may call.
	WebhookNetworks []string
}

// StopGate deletes the Job of an attempt that is no longer wanted.
type StopGate struct {
	// Namespace of the Job.
	Namespace string
	// Job name.
	Job string
}

// CreateRecord writes the ReleaseRecord of what happened in an environment. Its arrival is what ends the stay there.
type CreateRecord struct {
	// Record to create.
	Record *v1alpha1.ReleaseRecord
}

// LabelOutcome marks a finished Promotion for good.
type LabelOutcome struct {
	// Outcome to write as the label sluice.dev/outcome.
	Outcome v1alpha1.PromotionOutcome
}

func (UpdateEnvironment) effect() {}
func (Pin) effect()               {}
func (Touch) effect()             {}
func (StartGate) effect()         {}
func (StopGate) effect()          {}
func (CreateRecord) effect()      {}
func (LabelOutcome) effect()      {}
