package promotion

import (
	"cmp"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	// defaultApprovalAge is how long an approval holds where the Environment does not say: a week.
	defaultApprovalAge int32 = 7 * 24 * 3600
	// maxAwaiting is how many promotions may await sign-off in one Environment: its schema holds as many.
	maxAwaiting = 512
	// maxStamped is how many groups the schema lets an entry of the inbox, and an Approval, hold.
	maxStamped = 64
)

// InForce returns what an Environment demands, with the defaults of its tier filled in.
func InForce(spec v1alpha1.EnvironmentSpec) v1alpha1.RequirementsInForce {
	given := v1alpha1.Requirements{}
	if spec.Requires != nil {
		given = *spec.Requires
	}
	production := spec.Tier == v1alpha1.TierProduction
	force := v1alpha1.RequirementsInForce{
		Evidence:          evidenceInForce(given, production),
		Approvals:         approvalsInForce(given.Approvals, production),
		RollbackApprovals: new(int32),
		RollbackFreezes:   v1alpha1.FreezesIgnore,
		Emergencies:       emergenciesInForce(spec.Emergencies),
		Lock:              spec.Lock,
		UnmanagedImages:   spec.UnmanagedImages,
		TeamGates:         spec.TeamGates,
	}
	if given.Rollback != nil && given.Rollback.Approvals != nil {
		*force.RollbackApprovals = *given.Rollback.Approvals
	}
	if given.Rollback != nil && given.Rollback.Freezes != "" {
		force.RollbackFreezes = given.Rollback.Freezes
	}
	if force.Lock == "" {
		force.Lock = pick(spec.Tier == v1alpha1.TierDevelopment, v1alpha1.LockOff, v1alpha1.LockEnforce)
	}
	if force.UnmanagedImages == "" {
		force.UnmanagedImages = pick(production, v1alpha1.UnmanagedDeny, v1alpha1.UnmanagedAllow)
	}
	if force.TeamGates == "" {
		force.TeamGates = pick(production, v1alpha1.TeamGatesRefuse, v1alpha1.TeamGatesAllow)
	}
	return force
}

func evidenceInForce(given v1alpha1.Requirements, production bool) []v1alpha1.EvidenceRequirement {
	if given.EvidenceMode == v1alpha1.RequirementNone {
		return nil
	}
	evidence := slices.Clone(given.Evidence)
	if len(evidence) == 0 && (production || given.EvidenceMode == v1alpha1.RequirementRequired) {
		evidence = []v1alpha1.EvidenceRequirement{{Purpose: v1alpha1.PurposeFunctional}, {Purpose: v1alpha1.PurposeStress}}
	}
	for i := range evidence {
		if evidence[i].DeclaredBy == "" {
			evidence[i].DeclaredBy = v1alpha1.DeclaredByPlatform
		}
	}
	return evidence
}

func approvalsInForce(given *v1alpha1.ApprovalRequirement, production bool) *v1alpha1.ApprovalRequirement {
	force := v1alpha1.ApprovalRequirement{}
	if given != nil {
		force = *given.DeepCopy()
	}
	if force.Mode == "" {
		force.Mode = pick(given != nil || production, v1alpha1.RequirementRequired, v1alpha1.RequirementNone)
	}
	if force.Mode == v1alpha1.RequirementRequired && force.Count == 0 {
		force.Count = 1
	}
	for i := range force.From {
		force.From[i].Count = cmp.Or(force.From[i].Count, 1)
	}
	if len(force.Excludes) == 0 {
		force.Excludes = []v1alpha1.Exclusion{v1alpha1.ExcludeRequester, v1alpha1.ExcludeOnBehalfOf}
		if production {
			force.Excludes = append(force.Excludes, v1alpha1.ExcludeChangeAuthors)
		}
	}
	if force.Unattended == "" {
		force.Unattended = pick(production, v1alpha1.UnattendedRefuse, v1alpha1.UnattendedAllow)
	}
	force.MaxAgeSeconds = cmp.Or(force.MaxAgeSeconds, defaultApprovalAge)
	return &force
}

// approvalsFor returns what a promotion needs: of a rollback, the number that the Environment sets for rollbacks.
func approvalsFor(force v1alpha1.RequirementsInForce, intent v1alpha1.PromotionIntent) v1alpha1.ApprovalRequirement {
	needed := *force.Approvals.DeepCopy()
	if intent != v1alpha1.IntentRollback {
		return needed
	}
	needed.From = nil
	needed.Count = *force.RollbackApprovals
	needed.Mode = pick(needed.Count > 0, v1alpha1.RequirementRequired, v1alpha1.RequirementNone)
	return needed
}

func pick[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}

func ptr[T any](value T) *T { return &value }
