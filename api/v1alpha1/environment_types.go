package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Environment says what a namespace demands of a release before it runs there. A namespace has at most one,
// named "environment"; it belongs to the platform team.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=env,categories=sluice
// +kubebuilder:printcolumn:name="Tier",type=string,JSONPath=`.spec.tier`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Locked",type=string,JSONPath=`.status.conditions[?(@.type=="Locked")].reason`
// +kubebuilder:printcolumn:name="Converged",type=string,JSONPath=`.status.conditions[?(@.type=="Converged")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +genclient
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'environment'",message="a namespace has one Environment, and its name is environment"
type Environment struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team demands here.
	// +required
	Spec EnvironmentSpec `json:"spec,omitzero"`

	// status is what the operator observed, who holds the slot, and who awaits sign-off.
	// +optional
	Status EnvironmentStatus `json:"status,omitzero"`
}

// EnvironmentList is a list of Environments.
//
// +kubebuilder:object:root=true
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items of the list.
	Items []Environment `json:"items"`
}

// Tier says how much is at stake in an environment; it decides the defaults.
// +kubebuilder:validation:Enum=Development;Test;Production
type Tier string

const (
	// TierDevelopment demands nothing and locks nothing by default.
	TierDevelopment Tier = "Development"
	// TierTest locks by default: what was tested there is what the promotion brought.
	TierTest Tier = "Test"
	// TierProduction demands evidence and sign-off, locks, and denies unmanaged images by default.
	TierProduction Tier = "Production"
)

// Lock says what the API server does with an image that was not promoted.
// +kubebuilder:validation:Enum=Enforce;Audit;Off
type Lock string

const (
	// LockEnforce refuses it.
	LockEnforce Lock = "Enforce"
	// LockAudit lets it in, warns, and writes it into the audit log.
	LockAudit Lock = "Audit"
	// LockOff lets it in; tags of owned repositories are pinned all the same.
	LockOff Lock = "Off"
)

// UnmanagedImages says what happens to images of no pipeline.
// +kubebuilder:validation:Enum=Deny;Allow
type UnmanagedImages string

const (
	// UnmanagedDeny refuses images of no pipeline, unless allowedImages lists them.
	UnmanagedDeny UnmanagedImages = "Deny"
	// UnmanagedAllow lets images of no pipeline run.
	UnmanagedAllow UnmanagedImages = "Allow"
)

// TeamGates says whether pipelines may run gates of their own in an environment.
// +kubebuilder:validation:Enum=Refuse;Allow
type TeamGates string

const (
	// TeamGatesRefuse keeps gates of pipelines out: they would run code of a team in this namespace.
	TeamGatesRefuse TeamGates = "Refuse"
	// TeamGatesAllow lets pipelines run gates of their own.
	TeamGatesAllow TeamGates = "Allow"
)

// Concurrency says how many promotions may be at work in an environment.
// +kubebuilder:validation:Enum=PerPipeline;Exclusive
type Concurrency string

const (
	// ConcurrencyPerPipeline lets one promotion of each pipeline work at a time.
	ConcurrencyPerPipeline Concurrency = "PerPipeline"
	// ConcurrencyExclusive lets one promotion work at a time.
	ConcurrencyExclusive Concurrency = "Exclusive"
)

// Queue says which of several promotions of a pipeline goes first.
// +kubebuilder:validation:Enum=Newest;InOrder
type Queue string

const (
	// QueueNewest lets the newest promotion that is ready go, and supersedes the older ones.
	QueueNewest Queue = "Newest"
	// QueueInOrder lets the oldest promotion go first.
	QueueInOrder Queue = "InOrder"
)

// EnvironmentSpec says who may deploy, and what a release must have shown before.
type EnvironmentSpec struct {
	// tier decides the defaults of everything below.
	// +required
	Tier Tier `json:"tier,omitempty"`

	// pipelines that may deploy here, each with the repositories it may bring. Nobody else may.
	// +required
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=300
	Pipelines []AdmittedPipeline `json:"pipelines,omitempty"`

	// requires is what a release must have shown before it enters.
	// +optional
	Requires *Requirements `json:"requires,omitempty"`

	// gates run here for every pipeline, after each deployment. They count as declared by the platform.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Gates []Gate `json:"gates,omitempty"`

	// teamGates is Refuse (default of Production) or Allow.
	// +optional
	TeamGates TeamGates `json:"teamGates,omitempty"`

	// webhookNetworks are private networks that webhook gates may call here, such as 10.20.0.0/16. Private, loopback and
	// link-local addresses of no such network are refused: who writes a URL could else reach what only the cluster can.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=4
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="self.all(n, isCIDR(n) && cidr(n).masked() == cidr(n) && cidr(n).prefixLength() >= (cidr(n).ip().family() == 4 ? 8 : 32))",message="write networks such as 10.20.0.0/16, 10.96.12.7/32 or fd00:20::/64, without bits beyond the length, and not wider than /8 (/32 of IPv6)"
	WebhookNetworks []string `json:"webhookNetworks,omitempty"`

	// lock is Enforce (default of Test and Production), Audit, or Off (default of Development).
	// +optional
	Lock Lock `json:"lock,omitempty"`

	// unmanagedImages is Deny (default of Production) or Allow.
	// +optional
	UnmanagedImages UnmanagedImages `json:"unmanagedImages,omitempty"`

	// allowedImages of no pipeline that may run: prefixes that end in a slash, or exact references.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=3
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.all(i, i.matches('^[a-z0-9.-]+(:[0-9]+)?/([a-z0-9._-]+/)*$') || i.matches('^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[a-f0-9]{64})?$'))",message="write a prefix that ends in a slash (registry.example.com/mesh/) or an exact reference"
	AllowedImages []string `json:"allowedImages,omitempty"`

	// repositories that are pulled from elsewhere here: a mirror, or the registry of a region. Releases, evidence and consent
	// keep the name that the pipeline gives; what runs here, and what the lock allows, has the other.
	// +optional
	// +listType=map
	// +listMapKey=from
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.all(b, a.from == b.from || !(b.from.endsWith('/') && a.from.startsWith(b.from))))",message="let no from lie below another: it would not be clear which entry counts"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.all(b, a.from == b.from || !(a.to == b.to || b.to.endsWith('/') && a.to.startsWith(b.to))))",message="let each to be listed once, and none lie below another: two repositories would become one"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.all(b, !(a.from == b.to || b.to.endsWith('/') && a.from.startsWith(b.to) || a.from.endsWith('/') && b.to.startsWith(a.from))))",message="let no from and to lie below one another: the same name would mean two repositories"
	Repositories []RepositoryMirror `json:"repositories,omitempty"`
	// freezes say when deployments may not begin or, with effect Allow, when alone they may.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Freezes []Freeze `json:"freezes,omitempty"`

	// emergencies allows a Promotion to do without evidence, or not to wait for the end of a freeze; absent: none may.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.groups)",message="write groups: [...], whose members approve emergencies"
	Emergencies *EmergencyRequirement `json:"emergencies,omitempty"`

	// concurrency is PerPipeline (default) or Exclusive.
	// +optional
	Concurrency Concurrency `json:"concurrency,omitempty"`

	// queue is Newest (default) or InOrder.
	// +optional
	Queue Queue `json:"queue,omitempty"`
}

// AdmittedPipeline lets one pipeline in, or every pipeline of a namespace.
type AdmittedPipeline struct {
	// namespace of the DeliveryPipeline.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the DeliveryPipeline, or "*" for every pipeline of that namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// repositories that the pipeline may bring: prefixes that end in a slash, or exact repositories.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=3
	// +kubebuilder:validation:items:MaxLength=255
	Repositories []string `json:"repositories,omitempty"`
}
