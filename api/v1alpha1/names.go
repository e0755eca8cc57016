package v1alpha1

// EnvironmentName is the name of every Environment: a namespace has at most one.
const EnvironmentName = "environment"

// Labels and annotations that Sluice writes and reads.
const (
	// LockLabel on a Namespace says how the API server treats images there; its values are those of Lock.
	LockLabel = "sluice.dev/lock"
	// EnvironmentLabel on a Namespace holds the tier of its Environment.
	EnvironmentLabel = "sluice.dev/environment"

	// ImagesAnnotation on a Namespace lists every exact reference (repository@digest) that may run, separated by spaces.
	ImagesAnnotation = "sluice.dev/images"
	// PinsAnnotation on a Namespace lists the current reference of each owned repository, separated by spaces.
	PinsAnnotation = "sluice.dev/pins"
	// AdoptedAnnotation on a Namespace lists image strings seen at adoption as string=digest, separated by spaces.
	AdoptedAnnotation = "sluice.dev/adopted"
	// OthersAnnotation on a Namespace lists exact references of unmanaged images that ran at adoption.
	OthersAnnotation = "sluice.dev/others"
	// PrefixesAnnotation on a Namespace lists the allowed prefixes and references of unmanaged images.
	PrefixesAnnotation = "sluice.dev/prefixes"
	// UnmanagedAnnotation on a Namespace says whether images of no pipeline may run: Allow or Deny.
	UnmanagedAnnotation = "sluice.dev/unmanaged"
	// MirrorsAnnotation on a Namespace lists repository=name for each other name under which an owned repository is, or was,
	// pulled there.
	MirrorsAnnotation = "sluice.dev/mirrors"
	// GateImagesAnnotation on a Namespace lists image=job for the Jobs of gates: that image may run in that Job only.
	GateImagesAnnotation = "sluice.dev/gate-images"
	// OwnersAnnotation on a Namespace lists repository=pipeline-namespace/pipeline-name for each owned repository.
	OwnersAnnotation = "sluice.dev/owners"

	// SealAnnotation on a Namespace holds a hash of each of the others: what does not fit was changed by hand.
	SealAnnotation = "sluice.dev/seal"
	// OverriddenByAnnotation on a Namespace names, one a line, who changed the others by hand since they were sealed; the
	// API server writes it.
	OverriddenByAnnotation = "sluice.dev/overridden-by"

	// ReleaseAnnotation on a workload is what Sluice touches to bring a release in: the release hash and the promotion.
	ReleaseAnnotation = "sluice.dev/release"
	// PinnedAnnotation on a workload says what the pin replaced.
	PinnedAnnotation = "sluice.dev/pinned"
	// DeliveryAnnotation on a workload, with the value DeliveryIgnore, keeps Sluice from touching it.
	DeliveryAnnotation = "sluice.dev/delivery"
	// DeliveryIgnore is the value of DeliveryAnnotation that keeps Sluice from touching a workload.
	DeliveryIgnore = "Ignore"

	// GateLabel on a gate's Job and its pods holds the name of the gate.
	GateLabel = "sluice.dev/gate"
	// PromotionUIDLabel on a gate's Job holds the uid of its Promotion.
	PromotionUIDLabel = "sluice.dev/promotion-uid"
	// AttemptLabel on a gate's Job holds the number of the attempt, from 1.
	AttemptLabel = "sluice.dev/attempt"
	// SpecHashAnnotation on a gate's Job holds the hash of the gate it was made from.
	SpecHashAnnotation = "sluice.dev/spec-hash"
	// PromotionAnnotation on a gate's Job holds namespace/name of its Promotion.
	PromotionAnnotation = "sluice.dev/promotion"

	// RepeatAnnotation on a Promotion names attempts of gates that wait for a person, as environment/gate/attempt, separated
	// by spaces: the next attempt of each may begin.
	RepeatAnnotation = "sluice.dev/repeat"

	// OutcomeLabel on a finished Promotion holds its outcome: such a Promotion never runs again,
	// not even after a restore that lost its status.
	OutcomeLabel = "sluice.dev/outcome"
	// PipelineLabel on a ReleaseRecord holds the name of its pipeline.
	PipelineLabel = "sluice.dev/pipeline"
)

// EnvironmentRole is the ClusterRole that a namespace's owner binds to the operator to let it work there.
const EnvironmentRole = "sluice-environment"
