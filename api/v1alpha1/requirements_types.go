package v1alpha1

// RequirementMode says whether something is demanded; an omitted field means the tier's default, never "nothing".
// +kubebuilder:validation:Enum=Required;None
type RequirementMode string

const (
	// RequirementRequired demands it.
	RequirementRequired RequirementMode = "Required"
	// RequirementNone demands nothing, on purpose.
	RequirementNone RequirementMode = "None"
)

// Requirements are what a release must have shown before it enters an environment.
// +kubebuilder:validation:XValidation:rule="!has(self.evidence) || !has(self.evidenceMode) || self.evidenceMode != 'None'",message="evidenceMode: None leaves no place for evidence: remove one of the two"
type Requirements struct {
	// evidenceMode is Required (default where evidence is listed, and of Production) or None.
	// +optional
	EvidenceMode RequirementMode `json:"evidenceMode,omitempty"`

	// evidence demanded. Default of Production: one Functional and one Stress gate, declared by the platform,
	// passed in a locked Environment of tier Test.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Evidence []EvidenceRequirement `json:"evidence,omitempty"`

	// approvals demanded. Default of Production: one.
	// +optional
	Approvals *ApprovalRequirement `json:"approvals,omitempty"`

	// rollback is what a Promotion with intent Rollback needs instead.
	// +optional
	Rollback *RollbackRequirement `json:"rollback,omitempty"`
}

// GateDeclarer says who declared a gate.
// +kubebuilder:validation:Enum=Platform;Anyone
type GateDeclarer string

const (
	// DeclaredByPlatform is a gate of an Environment. One of a GateTemplate counts as such where it is demanded by name.
	DeclaredByPlatform GateDeclarer = "Platform"
	// DeclaredByAnyone is any gate, the team's own included.
	DeclaredByAnyone GateDeclarer = "Anyone"
)

// EvidenceRequirement asks for one passed gate in the newest record of the release.
// +kubebuilder:validation:XValidation:rule="!has(self.gateTemplateRef) || !has(self.declaredBy) || self.declaredBy == 'Platform'",message="a GateTemplate is the platform team's: leave declaredBy out"
type EvidenceRequirement struct {
	// purpose of the gate that must have passed.
	// +required
	Purpose GatePurpose `json:"purpose,omitempty"`

	// declaredBy is Platform (default) or Anyone.
	// +optional
	DeclaredBy GateDeclarer `json:"declaredBy,omitempty"`

	// gateTemplateRef demands a gate that was made from this GateTemplate, whoever listed it; declaredBy is left out then.
	// +optional
	GateTemplateRef GateTemplateRequirement `json:"gateTemplateRef,omitzero"`

	// from names the environments whose records count; default: every locked Environment of tier Test.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	From []EnvironmentReference `json:"from,omitempty"`

	// maxAgeSeconds after which the record no longer counts; default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`
}

// Exclusion names persons who may not approve.
// +kubebuilder:validation:Enum=None;Requester;OnBehalfOf;ChangeAuthors
type Exclusion string

const (
	// ExcludeNone excludes nobody, on purpose; it stands alone.
	ExcludeNone Exclusion = "None"
	// ExcludeRequester excludes who created the Promotion.
	ExcludeRequester Exclusion = "Requester"
	// ExcludeOnBehalfOf excludes the persons for whom a machine created it.
	ExcludeOnBehalfOf Exclusion = "OnBehalfOf"
	// ExcludeChangeAuthors excludes the authors of its changes.
	ExcludeChangeAuthors Exclusion = "ChangeAuthors"
)

// Unattended says what happens to a Promotion that a machine requested without naming a person.
// +kubebuilder:validation:Enum=Refuse;Allow
type Unattended string

const (
	// UnattendedRefuse makes it wait until it is made again with onBehalfOf.
	UnattendedRefuse Unattended = "Refuse"
	// UnattendedAllow lets it in.
	UnattendedAllow Unattended = "Allow"
)

// ApprovalRequirement says how many people have to sign, who may, and for how long it holds.
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'None' || (!has(self.count) && !has(self.from))",message="mode: None leaves no place for count and from: remove one of the two"
type ApprovalRequirement struct {
	// mode is Required (default) or None.
	// +optional
	Mode RequirementMode `json:"mode,omitempty"`

	// count of different people; default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	Count int32 `json:"count,omitempty"`

	// from lists quotas. One person may fill several, but counts once in the total.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	From []ApprovalQuota `json:"from,omitempty"`

	// excludes says who may not approve. Default of Production: Requester, OnBehalfOf and ChangeAuthors; elsewhere Requester and OnBehalfOf.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule="self.size() == 1 || !('None' in self)",message="None stands alone"
	Excludes []Exclusion `json:"excludes,omitempty"`

	// unattended is Refuse (default of Production) or Allow.
	// +optional
	Unattended Unattended `json:"unattended,omitempty"`

	// maxAgeSeconds after which an approval no longer counts; default 604800, a week.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`
}

// QuotaKind says what a quota counts.
// +kubebuilder:validation:Enum=Group
type QuotaKind string

// QuotaGroup counts members of a group, as the API server authenticates them.
const QuotaGroup QuotaKind = "Group"

// ApprovalQuota demands a number of approvals from a group.
type ApprovalQuota struct {
	// kind is Group.
	// +required
	Kind QuotaKind `json:"kind,omitempty"`

	// name of the group.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// count of approvals from this group; default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	Count int32 `json:"count,omitempty"`
}

// RollbackRequirement is what a rollback needs: it goes back to a release that ran here, and needs no other evidence.
type RollbackRequirement struct {
	// approvals is how many people have to sign a rollback; default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16
	Approvals *int32 `json:"approvals,omitempty"`

	// freezes is Ignore (default) or Respect: whether a rollback waits for the end of a freeze.
	// +optional
	Freezes FreezeHandling `json:"freezes,omitempty"`
}
