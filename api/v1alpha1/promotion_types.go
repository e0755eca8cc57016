package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Promotion is one release on its way. It cannot be changed, only cancelled.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=promo,categories=sluice
// +kubebuilder:selectablefield:JSONPath=`.spec.pipelineRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.outcome`
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=`.spec.pipelineRef.name`
// +kubebuilder:printcolumn:name="Release",type=string,JSONPath=`.status.shortHash`
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="Requested by",type=string,JSONPath=`.spec.requestedBy.username`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="write a name of at most 63 characters"
type Promotion struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for; only lifecycle may change.
	// +required
	Spec PromotionSpec `json:"spec,omitzero"`

	// status is how far it came.
	// +optional
	// +kubebuilder:default={"conditions": {{"type": "Succeeded", "status": "Unknown", "reason": "Pending", "message": "waits for the operator", "lastTransitionTime": "1970-01-01T00:00:00Z"}, {"type": "Reconciling", "status": "True", "reason": "Pending", "message": "waits for the operator", "lastTransitionTime": "1970-01-01T00:00:00Z"}}}
	Status PromotionStatus `json:"status,omitzero"`
}

// PromotionList is a list of Promotions.
//
// +kubebuilder:object:root=true
type PromotionList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []Promotion `json:"items"`
}

// PromotionIntent says which way a Promotion goes.
// +kubebuilder:validation:Enum=Promote;Rollback
type PromotionIntent string

const (
	// IntentPromote brings a release forward, with all its evidence.
	IntentPromote PromotionIntent = "Promote"
	// IntentRollback brings back a release that ran in the very same environment.
	IntentRollback PromotionIntent = "Rollback"
)

// Lifecycle says whether a Promotion is wanted.
// +kubebuilder:validation:Enum=Active;Cancelled
type Lifecycle string

const (
	// LifecycleActive means that it is wanted.
	LifecycleActive Lifecycle = "Active"
	// LifecycleCancelled means that it is no longer wanted; there is no way back.
	LifecycleCancelled Lifecycle = "Cancelled"
)

// PromotionSpec is what is asked for, by whom, and why.
// +kubebuilder:validation:XValidation:rule="(has(self.intent) && self.intent == 'Rollback') ? (has(self.releaseHash) && has(self.environments) && !has(self.images)) : (has(self.images) && !has(self.releaseHash))",message="a Promotion needs images and no releaseHash; with intent: Rollback it needs releaseHash and environments, and no images"
// +kubebuilder:validation:XValidation:rule="self.pipelineRef == oldSelf.pipelineRef && self.reason == oldSelf.reason && has(self.intent) == has(oldSelf.intent) && (!has(self.intent) || self.intent == oldSelf.intent) && has(self.images) == has(oldSelf.images) && (!has(self.images) || self.images == oldSelf.images) && has(self.releaseHash) == has(oldSelf.releaseHash) && (!has(self.releaseHash) || self.releaseHash == oldSelf.releaseHash) && has(self.environments) == has(oldSelf.environments) && (!has(self.environments) || self.environments == oldSelf.environments) && has(self.changes) == has(oldSelf.changes) && (!has(self.changes) || self.changes == oldSelf.changes) && has(self.onBehalfOf) == has(oldSelf.onBehalfOf) && (!has(self.onBehalfOf) || self.onBehalfOf == oldSelf.onBehalfOf) && has(self.emergency) == has(oldSelf.emergency) && (!has(self.emergency) || self.emergency == oldSelf.emergency) && has(self.activeDeadlineSeconds) == has(oldSelf.activeDeadlineSeconds) && (!has(self.activeDeadlineSeconds) || self.activeDeadlineSeconds == oldSelf.activeDeadlineSeconds)",message="a Promotion cannot be changed, only cancelled (lifecycle: Cancelled); create another one"
// +kubebuilder:validation:XValidation:rule="has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",message="requestedBy is stamped by the API server and stays"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.lifecycle) && oldSelf.lifecycle == 'Cancelled') || (has(self.lifecycle) && self.lifecycle == 'Cancelled')",message="a cancelled Promotion stays cancelled; create another one"
type PromotionSpec struct {
	// pipelineRef names the DeliveryPipeline in this namespace.
	// +required
	PipelineRef LocalPipelineReference `json:"pipelineRef,omitzero"`

	// intent is Promote (default) or Rollback.
	// +optional
	Intent PromotionIntent `json:"intent,omitempty"`

	// images of the release, by the names that the pipeline gives them. One that is left out stays as it runs in
	// the first selected environment.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Images []PromotedImage `json:"images,omitempty"`

	// releaseHash to go back to, with intent Rollback.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-f0-9]{64}$')",message="write the 64 hexadecimal digits of the release; kubectl get releaserecords shows them"
	ReleaseHash string `json:"releaseHash,omitempty"`

	// environments of the pipeline to go through; default: all. An environment that is left out must have passed before.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	Environments []string `json:"environments,omitempty"`

	// reason says what changes, and why.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// changes link commits and tickets.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Changes []Change `json:"changes,omitempty"`

	// onBehalfOf names the persons for whom a machine creates this; they may not approve it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	OnBehalfOf []string `json:"onBehalfOf,omitempty"`

	// emergency asks to do without evidence, or not to wait for the end of a freeze, where an Environment allows that.
	// +optional
	Emergency Emergency `json:"emergency,omitzero"`

	// lifecycle is Active (default) or Cancelled. There is no way back from Cancelled.
	// +optional
	Lifecycle Lifecycle `json:"lifecycle,omitempty"`

	// activeDeadlineSeconds after which a Promotion that still waits expires; default: never.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ActiveDeadlineSeconds int32 `json:"activeDeadlineSeconds,omitempty"`

	// requestedBy is stamped by the API server; what a client writes here is replaced.
	// +optional
	RequestedBy Identity `json:"requestedBy,omitzero"`
}

// PromotedImage names one image of the release, by digest or by tag.
// +kubebuilder:validation:XValidation:rule="has(self.digest) != has(self.tag)",message="write exactly one of digest and tag"
type PromotedImage struct {
	// name of the image in the pipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// digest of the image.
	// +optional
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:XValidation:rule="self.matches('^sha256:[a-f0-9]{64}$')",message="write sha256: and 64 hexadecimal digits"
	Digest string `json:"digest,omitempty"`

	// tag of the image, resolved to a digest once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_][A-Za-z0-9_.-]*$')",message="write a tag: letters, digits, dots, dashes and underscores"
	Tag string `json:"tag,omitempty"`
}
