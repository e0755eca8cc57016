package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EnvironmentStatus is what the operator observed of an environment, and how promotions take turns in it.
// +kubebuilder:validation:MinProperties=1
type EnvironmentStatus struct {
	// conditions are Accepted, Adopted, Locked, Converged, Ready; Reviewed where something was to review; Reconciling and
	// Stalled where true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=12
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// requires is what is in force, with the tier's defaults filled in.
	// +optional
	Requires *RequirementsInForce `json:"requires,omitempty"`

	// deployments says whether they may begin now, and until when; absent where no freezes are listed.
	// +optional
	Deployments DeploymentsStatus `json:"deployments,omitzero"`

	// pipelines that have run here, and how they stand.
	// +optional
	// +listType=map
	// +listMapKey=pipeline
	// +kubebuilder:validation:MaxItems=300
	Pipelines []DeliveredPipeline `json:"pipelines,omitempty"`

	// holders are the promotions at work here: the claim, taken by an optimistic write.
	// +optional
	// +listType=map
	// +listMapKey=pipeline
	// +kubebuilder:validation:MaxItems=300
	Holders []Holder `json:"holders,omitempty"`

	// awaiting are the promotions that wait for sign-off here: an approver's inbox.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Awaiting []AwaitingPromotion `json:"awaiting,omitempty"`

	// reviews are the records that somebody who was not involved has to review: emergencies, and changes by hand.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Reviews []PendingReview `json:"reviews,omitempty"`
}

// RequirementsInForce are the requirements with every default filled in.
type RequirementsInForce struct {
	// evidence demanded; absent where none is.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Evidence []EvidenceRequirement `json:"evidence,omitempty"`

	// approvals demanded of a Promotion with intent Promote.
	// +optional
	Approvals *ApprovalRequirement `json:"approvals,omitempty"`

	// rollbackApprovals demanded of a Promotion with intent Rollback.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16
	RollbackApprovals *int32 `json:"rollbackApprovals,omitempty"`

	// rollbackFreezes says whether freezes hold for a Promotion with intent Rollback.
	// +optional
	RollbackFreezes FreezeHandling `json:"rollbackFreezes,omitempty"`

	// emergencies allowed, and what they take; absent where none are.
	// +optional
	Emergencies *EmergencyRequirement `json:"emergencies,omitempty"`

	// lock in force.
	// +optional
	Lock Lock `json:"lock,omitempty"`

	// unmanagedImages in force.
	// +optional
	UnmanagedImages UnmanagedImages `json:"unmanagedImages,omitempty"`

	// teamGates in force.
	// +optional
	TeamGates TeamGates `json:"teamGates,omitempty"`
}

// DeliveredPipeline is how one pipeline stands in this environment.
type DeliveredPipeline struct {
	// pipeline as namespace/name.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=127
	Pipeline string `json:"pipeline,omitempty"`

	// state of the pipeline here.
	// +required
	State DeliveryState `json:"state,omitempty"`

	// releaseHash of what runs, or is being brought in.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// promotionRef names the Promotion that brings or brought it; absent where it was adopted.
	// +optional
	PromotionRef PromotionReference `json:"promotionRef,omitzero"`

	// sinceTime is when the state began.
	// +optional
	SinceTime *metav1.Time `json:"sinceTime,omitempty"`
}

// Holder is a promotion that is at work in the environment.
type Holder struct {
	// pipeline as namespace/name.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=127
	Pipeline string `json:"pipeline,omitempty"`

	// promotionRef names the Promotion.
	// +required
	PromotionRef PromotionReference `json:"promotionRef,omitzero"`

	// releaseHash that it brings.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// images that it brings: should the Promotion vanish, they say what has to go back.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Images []Image `json:"images,omitempty"`

	// onFailure says what happens should the Promotion fail or vanish.
	// +required
	OnFailure FailureAction `json:"onFailure,omitempty"`

	// emergency says that it came in as one.
	// +optional
	Emergency EmergencyEntry `json:"emergency,omitzero"`

	// sinceTime is when the slot was taken.
	// +optional
	SinceTime *metav1.Time `json:"sinceTime,omitempty"`
}

// AwaitingPromotion is one entry of the inbox: what an approver would sign.
type AwaitingPromotion struct {
	// promotionRef names the Promotion.
	// +required
	PromotionRef PromotionReference `json:"promotionRef,omitzero"`

	// pipeline as namespace/name.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=127
	Pipeline string `json:"pipeline,omitempty"`

	// requestedBy is who created the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	RequestedBy string `json:"requestedBy,omitempty"`

	// excluded are the persons who may not sign this: the requester, those it was requested for, the authors of its changes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=96
	// +kubebuilder:validation:items:MaxLength=512
	Excluded []string `json:"excluded,omitempty"`

	// onBehalfOf are the persons for whom a machine created the Promotion.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	OnBehalfOf []string `json:"onBehalfOf,omitempty"`

	// releaseHash that an Approval has to carry.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// evidenceHash that an Approval has to carry.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	EvidenceHash string `json:"evidenceHash,omitempty"`

	// groups whose membership is stamped into an Approval: those that the requirements name, and those that may sign here.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`

	// emergency that it asks for, where this Environment allows one: its groups approve then, and excluded alone says who
	// may not.
	// +optional
	Emergency Emergency `json:"emergency,omitzero"`

	// sinceTime is when the wait began.
	// +optional
	SinceTime *metav1.Time `json:"sinceTime,omitempty"`

	// environmentGeneration is the generation of the Environment when people were first asked to sign.
	// +optional
	// +kubebuilder:validation:Minimum=1
	EnvironmentGeneration int64 `json:"environmentGeneration,omitempty"`

	// changes of the Environment since then, as "what: then -> now"; absent where there are none. What decides is what it says now.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	Changes []string `json:"changes,omitempty"`
}
