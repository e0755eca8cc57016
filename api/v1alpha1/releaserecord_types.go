package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReleaseRecord is what happened to one release in one environment. The operator writes it once, nobody changes it:
// it is the evidence that later environments ask for, and the history that auditors read.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=rr,categories=sluice
// +kubebuilder:selectablefield:JSONPath=`.spec.pipelineRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.releaseHash`
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=`.spec.pipelineRef.name`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.spec.result`
// +kubebuilder:printcolumn:name="Promotion",type=string,JSONPath=`.spec.promotion.name`
// +kubebuilder:printcolumn:name="Requested by",type=string,JSONPath=`.spec.promotion.requestedBy`
// +kubebuilder:printcolumn:name="Approved by",type=string,JSONPath=`.spec.approvedBy`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
type ReleaseRecord struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the record; it cannot be changed.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a ReleaseRecord cannot be changed: it is evidence"
	Spec ReleaseRecordSpec `json:"spec,omitzero"`
}

// ReleaseRecordList is a list of ReleaseRecords.
//
// +kubebuilder:object:root=true
type ReleaseRecordList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []ReleaseRecord `json:"items"`
}

// RecordResult says what became of a release in an environment.
// +kubebuilder:validation:Enum=Passed;Failed;RolledBack;Adopted;Revoked;Overridden
type RecordResult string

const (
	// ResultPassed means that the release was deployed and passed every gate.
	ResultPassed RecordResult = "Passed"
	// ResultFailed means that the release failed and was left in place, or that its rollback failed.
	ResultFailed RecordResult = "Failed"
	// ResultRolledBack means that the release failed, and that the release before it runs again.
	ResultRolledBack RecordResult = "RolledBack"
	// ResultAdopted means that the release ran before Sluice came.
	ResultAdopted RecordResult = "Adopted"
	// ResultOverridden means that somebody brought the release in by hand. It is no evidence for anything.
	ResultOverridden RecordResult = "Overridden"
	// ResultRevoked means that an earlier pass no longer counts.
	ResultRevoked RecordResult = "Revoked"
)

// ReleaseRecordSpec is the record itself.
type ReleaseRecordSpec struct {
	// pipelineRef names the DeliveryPipeline.
	// +required
	PipelineRef PipelineReference `json:"pipelineRef,omitzero"`

	// releaseHash of the release: 64 hexadecimal digits over its sorted repository@digest lines.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// images of the release.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Images []Image `json:"images,omitempty"`

	// environment as it was.
	// +required
	Environment RecordedEnvironment `json:"environment,omitzero"`

	// promotion that brought the release; absent where it was adopted.
	// +optional
	Promotion RecordedPromotion `json:"promotion,omitzero"`

	// emergency says that the release came in as one, and what was missing then.
	// +optional
	Emergency EmergencyEntry `json:"emergency,omitzero"`

	// override says who changed by hand what the namespace enforces, where the result is Overridden.
	// +optional
	Override Override `json:"override,omitzero"`

	// result of the release here.
	// +required
	Result RecordResult `json:"result,omitempty"`

	// cause of a result other than Passed and Adopted.
	// +optional
	Cause EnvironmentCause `json:"cause,omitempty"`

	// message that a person can read: which gate, which test, which figure.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`

	// gates that ran, in order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Gates []GateStatus `json:"gates,omitempty"`

	// approvals that were counted or ignored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Approvals []ApprovalStatus `json:"approvals,omitempty"`

	// approvedBy names those whose approvals counted, for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	ApprovedBy string `json:"approvedBy,omitempty"`

	// startTime is when the release entered the environment.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the result was known.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// sequence number of the record for this pipeline and environment, from 1: times may be equal, and are new after a restore.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Sequence int64 `json:"sequence,omitempty"`

	// previousHash over the record before, for this pipeline and environment: a removed or altered record shows.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	PreviousHash string `json:"previousHash,omitempty"`
}

// RecordedEnvironment is the Environment as it was when the record was made.
type RecordedEnvironment struct {
	// uid of the Environment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// generation of the Environment.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`

	// tier of the Environment.
	// +required
	Tier Tier `json:"tier,omitempty"`
}

// RecordedPromotion is the Promotion as it was: records outlive Promotions.
type RecordedPromotion struct {
	// namespace of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// uid of the Promotion.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// intent of the Promotion.
	// +optional
	Intent PromotionIntent `json:"intent,omitempty"`

	// requestedBy is who created it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	RequestedBy string `json:"requestedBy,omitempty"`

	// onBehalfOf are the persons for whom a machine created it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	OnBehalfOf []string `json:"onBehalfOf,omitempty"`

	// reason for the Promotion.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// changes that the Promotion carried.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Changes []Change `json:"changes,omitempty"`
}
