package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PromotionOutcome is how a Promotion ended.
// +kubebuilder:validation:Enum=Succeeded;Failed;Rejected;Superseded;Cancelled;Expired
type PromotionOutcome string

const (
	// OutcomeSucceeded means that every selected environment passed.
	OutcomeSucceeded PromotionOutcome = "Succeeded"
	// OutcomeFailed means that an environment failed.
	OutcomeFailed PromotionOutcome = "Failed"
	// OutcomeRejected means that an approver said no.
	OutcomeRejected PromotionOutcome = "Rejected"
	// OutcomeSuperseded means that a newer Promotion took its place.
	OutcomeSuperseded PromotionOutcome = "Superseded"
	// OutcomeCancelled means that it was no longer wanted.
	OutcomeCancelled PromotionOutcome = "Cancelled"
	// OutcomeExpired means that it waited longer than activeDeadlineSeconds.
	OutcomeExpired PromotionOutcome = "Expired"
)

// PromotionStatus is how far a Promotion came.
// +kubebuilder:validation:MinProperties=1
type PromotionStatus struct {
	// conditions are Succeeded, Resolved; Reconciling and Stalled where true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// outcome once it ended.
	// +optional
	Outcome PromotionOutcome `json:"outcome,omitempty"`

	// message says in one line what it waits for or how it ended, who can unblock it, and with which command.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`

	// releaseHash over the sorted repository@digest lines of the release: what evidence and approvals are bound to.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	ReleaseHash string `json:"releaseHash,omitempty"`

	// shortHash is the first 8 digits of releaseHash, for people.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=8
	ShortHash string `json:"shortHash,omitempty"`

	// images of the release, exact.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Images []Image `json:"images,omitempty"`

	// pipeline as it was when this Promotion started; later edits apply to the next one.
	// +optional
	Pipeline PipelineSnapshot `json:"pipeline,omitzero"`

	// environments in the order of the pipeline.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Environments []EnvironmentProgress `json:"environments,omitempty"`

	// startTime is when the release was resolved.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when it ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// PipelineSnapshot is a DeliveryPipeline at the start of a Promotion.
type PipelineSnapshot struct {
	// uid of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// generation of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`

	// images of the pipeline.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Images []PipelineImage `json:"images,omitempty"`

	// environments of the pipeline.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Environments []PipelineEnvironment `json:"environments,omitempty"`
}

// EnvironmentState is how far a Promotion came in one environment. States move forward only.
// +kubebuilder:validation:Enum=Pending;Waiting;Deploying;Verifying;RollingBack;Passed;RolledBack;RollbackFailed;Failed;NotEntered
type EnvironmentState string

const (
	// StatePending means that the Promotion has not looked at it yet.
	StatePending EnvironmentState = "Pending"
	// StateWaiting means that something still stands in the way; reasons say what.
	StateWaiting EnvironmentState = "Waiting"
	// StateDeploying means that the release is rolled out.
	StateDeploying EnvironmentState = "Deploying"
	// StateVerifying means that gates run.
	StateVerifying EnvironmentState = "Verifying"
	// StateRollingBack means that the release before is brought back.
	StateRollingBack EnvironmentState = "RollingBack"
	// StatePassed means that the release was deployed and passed every gate.
	StatePassed EnvironmentState = "Passed"
	// StateRolledBack means that the release failed and the one before runs again.
	StateRolledBack EnvironmentState = "RolledBack"
	// StateRollbackFailed means that the release before could not be brought back; the slot is free for the fix.
	StateRollbackFailed EnvironmentState = "RollbackFailed"
	// StateFailed means that the release failed and was left in place.
	StateFailed EnvironmentState = "Failed"
	// StateNotEntered means that the release never came here.
	StateNotEntered EnvironmentState = "NotEntered"
)

// EnvironmentCause says why an environment ended as it did.
// +kubebuilder:validation:Enum=GateFailed;GateInconclusive;RolloutFailed;Drifted;Cancelled;Quarantined;EvidenceRevoked;PromotionDeleted;Overridden;NotSelected;PredecessorFailed;PromotionFailed;Rejected;Superseded;Expired
type EnvironmentCause string

const (
	// CauseGateFailed means that a gate failed.
	CauseGateFailed EnvironmentCause = "GateFailed"
	// CauseGateInconclusive means that a gate measured too little to say.
	CauseGateInconclusive EnvironmentCause = "GateInconclusive"
	// CauseRolloutFailed means that the rollout did not end in time.
	CauseRolloutFailed EnvironmentCause = "RolloutFailed"
	// CauseDrifted means that something else ran while gates ran.
	CauseDrifted EnvironmentCause = "Drifted"
	// CauseCancelled means that somebody cancelled the Promotion.
	CauseCancelled EnvironmentCause = "Cancelled"
	// CauseQuarantined means that an image of the release is compromised.
	CauseQuarantined EnvironmentCause = "Quarantined"
	// CauseEvidenceRevoked means that evidence the release rested on was revoked.
	CauseEvidenceRevoked EnvironmentCause = "EvidenceRevoked"
	// CausePromotionDeleted means that the Promotion was deleted while it was at work.
	CausePromotionDeleted EnvironmentCause = "PromotionDeleted"
	// CauseOverridden means that somebody changed by hand what the namespace enforces, while the Promotion was at work.
	CauseOverridden EnvironmentCause = "Overridden"
	// CauseNotSelected means that the Promotion did not ask for this environment.
	CauseNotSelected EnvironmentCause = "NotSelected"
	// CausePredecessorFailed means that an environment before it failed.
	CausePredecessorFailed EnvironmentCause = "PredecessorFailed"
	// CausePromotionFailed means that another branch failed.
	CausePromotionFailed EnvironmentCause = "PromotionFailed"
	// CauseRejected means that an approver said no.
	CauseRejected EnvironmentCause = "Rejected"
	// CauseSuperseded means that a newer Promotion took its place.
	CauseSuperseded EnvironmentCause = "Superseded"
	// CauseExpired means that it waited too long.
	CauseExpired EnvironmentCause = "Expired"
)

// EnvironmentProgress is how far a Promotion came in one environment.
type EnvironmentProgress struct {
	// name of the environment in the pipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// environmentRef names the Environment.
	// +required
	EnvironmentRef ObservedEnvironmentReference `json:"environmentRef,omitzero"`

	// state of the Promotion there.
	// +required
	State EnvironmentState `json:"state,omitempty"`

	// cause of a state that is not Passed.
	// +optional
	Cause EnvironmentCause `json:"cause,omitempty"`

	// message that explains the cause: which gate, which workload, who.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// reasons are all that it waits for, or does; the first decides.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Reasons []Reason `json:"reasons,omitempty"`

	// startTime is when the slot was claimed.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// deployTime is when every live pod ran the release.
	// +optional
	DeployTime *metav1.Time `json:"deployTime,omitempty"`

	// rollbackTime is when the way back began.
	// +optional
	RollbackTime *metav1.Time `json:"rollbackTime,omitempty"`

	// completionTime is when the state became final.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// gates in order. Between the start of the first and the end of the last, a gate that may take at most two minutes
	// is not written of its own; its Job shows it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Gates []GateStatus `json:"gates,omitempty"`

	// gateImages are the tags of gates' images as they were resolved here, once for all attempts.
	// +optional
	// +listType=map
	// +listMapKey=image
	// +kubebuilder:validation:MaxItems=64
	GateImages []ResolvedGateImage `json:"gateImages,omitempty"`
	// emergency says that it entered as one, and what was missing then.
	// +optional
	Emergency EmergencyEntry `json:"emergency,omitzero"`

	// approvals that were found, counted or not.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Approvals []ApprovalStatus `json:"approvals,omitempty"`

	// signOff is what the Environment demanded when people were first asked to sign; absent where nobody was.
	// +optional
	SignOff *SignOffStart `json:"signOff,omitempty"`

	// recordRef names the ReleaseRecord in the environment's namespace.
	// +optional
	RecordRef RecordReference `json:"recordRef,omitzero"`
}

// RecordReference names a ReleaseRecord in the environment's namespace.
type RecordReference struct {
	// name of the ReleaseRecord.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// Reason is one thing that an environment waits for, or does.
type Reason struct {
	// type is a stable word that troubleshooting.md explains.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Type string `json:"type,omitempty"`

	// message says what exactly, who can unblock it, and how.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
