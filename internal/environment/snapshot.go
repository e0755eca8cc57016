package environment

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Snapshot is everything that bears on one Environment, as observed at one moment. Nothing in it is modified.
type Snapshot struct {
	// Now is the operator's clock.
	Now time.Time
	// Environment to decide about.
	Environment *v1alpha1.Environment
	// Namespace of the Environment, which holds the enforced copy.
	Namespace *corev1.Namespace
	// Zones are the time zones that the Environment's freezes name; a name that is missing is not known.
	Zones map[string]*time.Location
	// Permitted says that a RoleBinding lets the operator work here.
	Permitted bool
	// Refused is what the API server said when an effect of this very plan was tried; the zero value where nothing was refused.
	Refused v1alpha1.Reason
	// Pipelines that list this namespace among their environments, whether they are admitted or not.
	Pipelines []*v1alpha1.DeliveryPipeline
	// Sightings of images in the namespace, but for those of gates.
	Sightings []Sighting
	// Records of the namespace, of all pipelines.
	Records []*v1alpha1.ReleaseRecord
	// Promotions of the pipelines, where the Namespace enforces nothing; nil elsewhere.
	Promotions []*v1alpha1.Promotion
	// Reviews are the Approvals of the namespace with the decision Reviewed.
	Reviews []*v1alpha1.Approval
	// Answers of registries.
	Answers map[Question]Answer
	// Policies that are not as they should be.
	Policies promotion.Policies
	// NextAnswer is when a registry that failed is asked again; zero where none failed.
	NextAnswer time.Time
}

// Source says where an image was seen.
type Source int

const (
	// SourceTemplate is the pod template of a Deployment, StatefulSet, DaemonSet or CronJob: what is to run.
	SourceTemplate Source = iota
	// SourcePod is a live pod of such a workload.
	SourcePod
	// SourceOther is a live pod of nobody or of a Job, or the template of an unfinished Job.
	SourceOther
)

// Sighting is one image string, seen in one place.
type Sighting struct {
	// Image string as the spec has it.
	Image string
	// Digest that the kubelet reports; empty where it reports none.
	Digest string
	// Where it was seen, for people, such as "Deployment api".
	Where string
	// Source says what kind of place that is.
	Source Source
	// Ignored says that the annotation sluice.dev/delivery asks to leave the workload alone.
	Ignored bool
}

// runs returns the digest that is meant to run or runs: the one that the spec names, else the one of the pod.
func (s Sighting) runs() string {
	if digest := Digest(s.Image); digest != "" {
		return digest
	}
	return s.Digest
}

// Question to a registry: what does a reference of a repository stand for?
type Question struct {
	// Pipeline as namespace/name, whose registryCredentials to use.
	Pipeline string
	// Repository without tag and digest.
	Repository string
	// Reference is a tag or a digest.
	Reference string
}

// Answer of a registry.
type Answer struct {
	// Digest that the reference stands for; empty where there is no answer.
	Digest string
	// Platforms are the digests listed in it, if it is an index.
	Platforms []string
	// Reason why there is no digest: TagNotFound, RegistryDenied or RegistryUnavailable.
	Reason string
	// Message of the registry, with what to do.
	Message string
}

// Plan is the answer to a Snapshot: effects to perform in order, then one status write, then the events.
type Plan struct {
	// Effects in the order in which they have to happen. Each may be repeated without harm.
	Effects []promotion.Effect
	// Status that the Environment shall have after the effects.
	Status v1alpha1.EnvironmentStatus
	// Questions whose answers are missing, or were failures that may pass. With other answers the plan may be another.
	Questions []Question
	// Events to publish once the status is written.
	Events []promotion.Event
	// Wake is when to look again though nothing changed; zero where nothing but a change matters.
	Wake time.Time
}
