package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EmergencySkip is something that an emergency may do without.
// +kubebuilder:validation:Enum=Evidence;Freezes
type EmergencySkip string

const (
	// SkipEvidence does without gates that passed elsewhere, and without the environments before.
	SkipEvidence EmergencySkip = "Evidence"
	// SkipFreezes does not wait for the end of a freeze, or for a window.
	SkipFreezes EmergencySkip = "Freezes"
)

// EmergencyRequester says whether who asks for an emergency may be among those who approve it.
// +kubebuilder:validation:Enum=Exclude;Allow
type EmergencyRequester string

const (
	// RequesterExcluded asks for somebody else.
	RequesterExcluded EmergencyRequester = "Exclude"
	// RequesterAllowed lets the requester approve too: at 3 am there is one person.
	RequesterAllowed EmergencyRequester = "Allow"
)

// EmergencyRequirement allows emergencies in an environment, and says what they take. Their gates run as those of any
// other, and somebody who was not involved has to review each of them.
type EmergencyRequirement struct {
	// groups whose members approve emergencies, in place of the ordinary approvals; at least one has to be named.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`

	// count of different people of these groups, taken together; default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	Count int32 `json:"count,omitempty"`

	// requester is Exclude (default) or Allow: whether who asks, on whose behalf, and who made the changes may approve.
	// +optional
	Requester EmergencyRequester `json:"requester,omitempty"`

	// skips is what an emergency may do without here; default Evidence and Freezes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Skips []EmergencySkip `json:"skips,omitempty"`

	// reviewSeconds within which somebody who was not involved has to review it; default 259200, three days.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	ReviewSeconds int32 `json:"reviewSeconds,omitempty"`
}

// Emergency asks to do without what an environment demands, where that environment allows it.
type Emergency struct {
	// reason why it cannot wait. It is kept for ever.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// skips is what it wants to do without; default Evidence and Freezes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Skips []EmergencySkip `json:"skips,omitempty"`
}

// EmergencyEntry says that a release entered an environment as an emergency.
type EmergencyEntry struct {
	// reason that the Promotion gave.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// skipped is what was missing when it entered; absent where nothing was.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	Skipped []EmergencySkip `json:"skipped,omitempty"`
}

// Override says that somebody changed by hand what a Namespace enforces.
// +kubebuilder:validation:MinProperties=1
type Override struct {
	// changedBy are those who did, as the API server knows them; absent where it did not say.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=512
	ChangedBy []string `json:"changedBy,omitempty"`

	// annotations and labels of the Namespace that were changed, such as sluice.dev/pins.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=64
	Annotations []string `json:"annotations,omitempty"`
}

// PendingReview is a record that somebody who was not involved has to review.
type PendingReview struct {
	// recordRef names the ReleaseRecord.
	// +required
	RecordRef RecordReference `json:"recordRef,omitzero"`

	// releaseHash that the review has to carry.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// evidenceHash over the record, that the review has to carry.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	EvidenceHash string `json:"evidenceHash,omitempty"`

	// excluded are the persons who may not review it: who asked for it or approved it, and who made the change by hand.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=512
	Excluded []string `json:"excluded,omitempty"`

	// dueTime by which it has to be reviewed.
	// +optional
	DueTime *metav1.Time `json:"dueTime,omitempty"`
}
