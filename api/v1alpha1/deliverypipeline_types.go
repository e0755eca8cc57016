package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeliveryPipeline is one application: its images, its environments in order, and the team's own gates.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pipe,categories=sluice
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="write a name of at most 63 characters: it becomes a label of records"
type DeliveryPipeline struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the team wants delivered, and where to.
	// +required
	Spec DeliveryPipelineSpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	Status DeliveryPipelineStatus `json:"status,omitzero"`
}

// DeliveryPipelineList is a list of DeliveryPipelines.
//
// +kubebuilder:object:root=true
type DeliveryPipelineList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []DeliveryPipeline `json:"items"`
}

// DeliveryPipelineSpec says what moves together, and through which environments.
type DeliveryPipelineSpec struct {
	// images of the release: every image that moves together. Repositories are unique.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(i, self.exists_one(j, j.repository == i.repository))",message="each repository may be listed once: one image, one digest, everywhere"
	Images []PipelineImage `json:"images,omitempty"`

	// registryCredentials say whose imagePullSecrets resolve tags; default: none, anonymous.
	// +optional
	RegistryCredentials RegistryCredentials `json:"registryCredentials,omitzero"`

	// environments in order. Each follows the one listed before it, unless after says otherwise.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(e, self.exists_one(f, f.environmentRef.__namespace__ == e.environmentRef.__namespace__))",message="each namespace may be listed once"
	Environments []PipelineEnvironment `json:"environments,omitempty"`

	// historyLimit is how many finished Promotions are kept; default 50. Records are kept regardless. Those that entered no
	// environment, and so left no record, have the limit to themselves; and the one that passed last in an environment is
	// always kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	HistoryLimit int32 `json:"historyLimit,omitempty"`
}

// WorkloadsMode says whether an environment has to have a workload that runs an image.
// +kubebuilder:validation:Enum=Required;Optional
type WorkloadsMode string

const (
	// WorkloadsRequired makes a promotion wait until a workload runs the repository.
	WorkloadsRequired WorkloadsMode = "Required"
	// WorkloadsOptional lets an environment have no workload that runs the repository.
	WorkloadsOptional WorkloadsMode = "Optional"
)

// PipelineImage is one image of the application.
type PipelineImage struct {
	// name of the image in this pipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="write lower case letters, digits and dashes"
	Name string `json:"name,omitempty"`

	// repository in its canonical form: lower case host, no :443, no tag, no digest.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?[.][a-z0-9-]+|localhost)(:[0-9]+)?(/[a-z0-9]+((__|[._]|-+)[a-z0-9]+)*)+$|^[a-z0-9]([-a-z0-9.]*[a-z0-9])?:[0-9]+(/[a-z0-9]+((__|[._]|-+)[a-z0-9]+)*)+$')",message="write host/path in lower case, without tag and digest, such as registry.example.com/shop/api"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*:443/')",message="leave :443 out: the same repository under two names could not be guarded"
	Repository string `json:"repository,omitempty"`

	// workloads says whether each environment has to have a workload that runs this image; default Required.
	// +optional
	Workloads WorkloadsMode `json:"workloads,omitempty"`
}

// RegistryCredentials say with whose pull secrets the operator asks a registry.
type RegistryCredentials struct {
	// serviceAccountName in the pipeline's namespace, whose imagePullSecrets are used.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
}

// FailureAction says what happens to a release that failed in an environment.
// +kubebuilder:validation:Enum=Rollback;Hold
type FailureAction string

const (
	// RollbackOnFailure brings the last good release back.
	RollbackOnFailure FailureAction = "Rollback"
	// HoldOnFailure leaves the failed release in place for somebody to look at.
	HoldOnFailure FailureAction = "Hold"
)

// PipelineEnvironment is one step on the way.
type PipelineEnvironment struct {
	// name of the step, unique in the pipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="write lower case letters, digits and dashes"
	Name string `json:"name,omitempty"`

	// environmentRef names the namespace whose Environment this is.
	// +required
	EnvironmentRef EnvironmentReference `json:"environmentRef,omitzero"`

	// after names the environments that the release has to pass before; default: the one listed before this one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=31
	// +kubebuilder:validation:items:MaxLength=40
	After []string `json:"after,omitempty"`

	// gates of the team, run here after those of the Environment.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Gates []Gate `json:"gates,omitempty"`

	// onFailure says what happens to a release that fails here; default Rollback.
	// +optional
	OnFailure FailureAction `json:"onFailure,omitempty"`

	// rolloutTimeoutSeconds bounds the rollout here; default 600.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	RolloutTimeoutSeconds int32 `json:"rolloutTimeoutSeconds,omitempty"`
}

// DeliveryState says how a pipeline stands in an environment.
// +kubebuilder:validation:Enum=Current;Changing;Drifted;Held;RollbackFailed;NotDeployed
type DeliveryState string

const (
	// DeliveryCurrent means that the release runs.
	DeliveryCurrent DeliveryState = "Current"
	// DeliveryChanging means that a promotion is at work.
	DeliveryChanging DeliveryState = "Changing"
	// DeliveryDrifted means that something else runs than was promoted.
	DeliveryDrifted DeliveryState = "Drifted"
	// DeliveryHeld means that a failed release was left in place.
	DeliveryHeld DeliveryState = "Held"
	// DeliveryRollbackFailed means that a rollback did not succeed.
	DeliveryRollbackFailed DeliveryState = "RollbackFailed"
	// DeliveryNotDeployed means that no release of the pipeline came here yet.
	DeliveryNotDeployed DeliveryState = "NotDeployed"
)

// DeliveryPipelineStatus is what the operator observed of a pipeline.
// +kubebuilder:validation:MinProperties=1
type DeliveryPipelineStatus struct {
	// conditions are Accepted, Admitted, Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// environments of the pipeline, and how the pipeline stands in each. Which release runs stands in the Environment, and only there.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Environments []DeliveredEnvironment `json:"environments,omitempty"`
}

// DeliveredEnvironment is how a pipeline stands in one of its environments.
type DeliveredEnvironment struct {
	// name of the environment in the pipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// state of the pipeline there. While a promotion is at work it stays as it was; the Environment says Changing.
	// +required
	State DeliveryState `json:"state,omitempty"`
}
