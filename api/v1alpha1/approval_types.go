package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Approval is one sign-off, or one rejection, of one release in one environment, or the review of a record there. Its
// author is stamped by the API server.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=sluice
// +kubebuilder:selectablefield:JSONPath=`.spec.promotionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.releaseHash`
// +kubebuilder:printcolumn:name="Promotion",type=string,JSONPath=`.spec.promotionRef.name`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.spec.approver.username`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
type Approval struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what was signed; it cannot be changed. A rejection is also how one withdraws an approval.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an Approval cannot be changed; to withdraw one, create another with decision: Rejected"
	Spec ApprovalSpec `json:"spec,omitzero"`
}

// ApprovalList is a list of Approvals.
//
// +kubebuilder:object:root=true
type ApprovalList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []Approval `json:"items"`
}

// ApprovalDecision is what a person decided.
// +kubebuilder:validation:Enum=Approved;Rejected;Reviewed
type ApprovalDecision string

const (
	// DecisionApproved is a sign-off.
	DecisionApproved ApprovalDecision = "Approved"
	// DecisionRejected ends the promotion.
	DecisionRejected ApprovalDecision = "Rejected"
	// DecisionReviewed says that somebody who was not involved looked at an emergency, or at a change by hand.
	DecisionReviewed ApprovalDecision = "Reviewed"
)

// ApprovalSpec is what was signed, and by whom.
// +kubebuilder:validation:XValidation:rule="has(self.promotionRef) != has(self.recordRef)",message="write exactly one of promotionRef and recordRef"
// +kubebuilder:validation:XValidation:rule="has(self.recordRef) == (self.decision == 'Reviewed')",message="a record is Reviewed, a promotion is Approved or Rejected"
type ApprovalSpec struct {
	// promotionRef names the Promotion that is approved or rejected.
	// +optional
	PromotionRef PromotionReference `json:"promotionRef,omitzero"`

	// recordRef names the ReleaseRecord that is reviewed, in this namespace.
	// +optional
	RecordRef RecordReference `json:"recordRef,omitzero"`

	// releaseHash of the release, as the Environment's status.awaiting or status.reviews shows it: one signs what one saw.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// evidenceHash of the evidence, as the Environment's status.awaiting or status.reviews shows it.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	EvidenceHash string `json:"evidenceHash,omitempty"`

	// decision is Approved, Rejected or, of a record, Reviewed.
	// +required
	Decision ApprovalDecision `json:"decision,omitempty"`

	// comment for whoever reads the record later.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Comment string `json:"comment,omitempty"`

	// approver is stamped by the API server; what a client writes here is replaced.
	// +optional
	Approver Approver `json:"approver,omitzero"`
}

// Approver is the author of an Approval as the API server authenticated the person.
type Approver struct {
	// username as the API server knows it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Username string `json:"username,omitempty"`

	// uid of the user, where the authenticator gives one.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=256
	UID *string `json:"uid,omitempty"`

	// groups of the user, of those that the Environment names.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=0
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`
}
