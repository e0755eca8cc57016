package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GateState is how far a gate came.
// +kubebuilder:validation:Enum=Pending;Running;Passed;Failed;Inconclusive;Errored;Cancelled
type GateState string

const (
	// GatePending means that it has not started.
	GatePending GateState = "Pending"
	// GateRunning means that an attempt runs.
	GateRunning GateState = "Running"
	// GatePassed means that it passed.
	GatePassed GateState = "Passed"
	// GateFailed means that its last attempt failed.
	GateFailed GateState = "Failed"
	// GateInconclusive means that it measured too little to say.
	GateInconclusive GateState = "Inconclusive"
	// GateErrored means that it could not run.
	GateErrored GateState = "Errored"
	// GateCancelled means that it was stopped.
	GateCancelled GateState = "Cancelled"
)

// GateStatus is how far one gate came, and what it found.
type GateStatus struct {
	// name of the gate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// purpose of the gate.
	// +required
	Purpose GatePurpose `json:"purpose,omitempty"`

	// declaredBy is Platform for a gate of the Environment, Anyone for a gate of the pipeline.
	// +required
	DeclaredBy GateDeclarer `json:"declaredBy,omitempty"`

	// state of the gate.
	// +required
	State GateState `json:"state,omitempty"`

	// attempts made so far.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=11
	Attempts *int32 `json:"attempts,omitempty"`

	// earlierAttempts are those before the last, with how they ended.
	// +optional
	// +listType=map
	// +listMapKey=attempt
	// +kubebuilder:validation:MaxItems=10
	EarlierAttempts []GateAttempt `json:"earlierAttempts,omitempty"`

	// holdTime is when it first waited for a person, after an inconclusive attempt.
	// +optional
	HoldTime *metav1.Time `json:"holdTime,omitempty"`

	// message of the last attempt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// startTime of the last attempt.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// restartsAtStart counts the container restarts of the release when a soak began.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RestartsAtStart *int32 `json:"restartsAtStart,omitempty"`

	// completionTime of the last attempt.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// jobRef names the Job of the last attempt, in the environment's namespace.
	// +optional
	JobRef JobReference `json:"jobRef,omitzero"`

	// image that the kubelet says the test ran, by digest.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// tests are what the reports of a job gate with junit say.
	// +optional
	Tests TestFigures `json:"tests,omitzero"`

	// metric holds what a metric gate saw.
	// +optional
	Metric MetricFigures `json:"metric,omitzero"`

	// webhook holds what a webhook gate was told.
	// +optional
	Webhook WebhookFigures `json:"webhook,omitzero"`

	// load holds the figures of a load gate.
	// +optional
	Load LoadFigures `json:"load,omitzero"`

	// specHash over the gate as it was run, 64 hexadecimal digits; of a load gate with the generator's image.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SpecHash string `json:"specHash,omitempty"`

	// gateTemplate that the gate was made from; absent where it was written out.
	// +optional
	GateTemplate ObservedGateTemplate `json:"gateTemplate,omitzero"`

	// releaseHash of the release that was tested; set in the record.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// resultHash is SHA-256 over this result as JSON without resultHash itself, 64 hexadecimal digits; set in the record.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ResultHash string `json:"resultHash,omitempty"`
}

// GateAttempt is how an attempt ended that was repeated.
type GateAttempt struct {
	// attempt number, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=11
	Attempt int32 `json:"attempt,omitempty"`

	// state in which it ended: Failed or Inconclusive.
	// +required
	State GateState `json:"state,omitempty"`

	// message that says why it did not pass.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`

	// startTime of the attempt.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime of the attempt.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// jobRef names its Job, in the environment's namespace.
	// +optional
	JobRef JobReference `json:"jobRef,omitzero"`
}

// JobReference names a Job in the environment's namespace.
type JobReference struct {
	// name of the Job.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// uid of the Job.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// ApprovalState says whether an approval counts.
// +kubebuilder:validation:Enum=Counted;Ignored
type ApprovalState string

const (
	// ApprovalCounted means that it counts.
	ApprovalCounted ApprovalState = "Counted"
	// ApprovalIgnored means that it does not; reason says why.
	ApprovalIgnored ApprovalState = "Ignored"
)

// ApprovalStatus is one approval that was found, and whether it counts.
type ApprovalStatus struct {
	// approver is who signed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Approver string `json:"approver,omitempty"`

	// decision of the approver.
	// +required
	Decision ApprovalDecision `json:"decision,omitempty"`

	// state is Counted or Ignored.
	// +required
	State ApprovalState `json:"state,omitempty"`

	// reason why it was ignored.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// signTime is when it was made.
	// +optional
	SignTime *metav1.Time `json:"signTime,omitempty"`

	// comment of the approver.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Comment string `json:"comment,omitempty"`

	// approvalRef names the Approval in the environment's namespace.
	// +optional
	ApprovalRef ApprovalReference `json:"approvalRef,omitzero"`
}

// ApprovalReference names an Approval in the environment's namespace.
type ApprovalReference struct {
	// name of the Approval.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid of the Approval.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}
