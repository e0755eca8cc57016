package promotion

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// DefaultReviewSeconds is how long an emergency may wait for its review where the Environment does not say: three days.
const DefaultReviewSeconds int32 = 3 * 24 * 3600

// emergenciesInForce fills in the defaults; nil where an Environment allows no emergencies.
func emergenciesInForce(given *v1alpha1.EmergencyRequirement) *v1alpha1.EmergencyRequirement {
	if given == nil {
		return nil
	}
	force := given.DeepCopy()
	force.Count = cmp.Or(force.Count, 1)
	force.Requester = cmp.Or(force.Requester, v1alpha1.RequesterExcluded)
	force.ReviewSeconds = cmp.Or(force.ReviewSeconds, DefaultReviewSeconds)
	if len(force.Skips) == 0 {
		force.Skips = []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence, v1alpha1.SkipFreezes}
	}
	return force
}

// emergency says whether the Promotion comes in as one here: it asks for that, and the Environment allows emergencies.
func (v *visit) emergency() bool {
	return v.promotion().Spec.Emergency.Reason != "" && v.force.Emergencies != nil
}

// asksToSkip says whether the Promotion wants to do without something. A rollback goes to what ran well here, always.
func (v *visit) asksToSkip(what v1alpha1.EmergencySkip) bool {
	spec := v.promotion().Spec
	if spec.Emergency.Reason == "" || what == v1alpha1.SkipEvidence && spec.Intent == v1alpha1.IntentRollback {
		return false
	}
	return len(spec.Emergency.Skips) == 0 || slices.Contains(spec.Emergency.Skips, what)
}

// maySkip says whether the Environment lets it.
func (v *visit) maySkip(what v1alpha1.EmergencySkip) bool {
	return v.asksToSkip(what) && v.emergency() && slices.Contains(v.force.Emergencies.Skips, what)
}

// unlessSkipped passes a verdict on, unless the emergency does without what it is about. What it does without is kept for
// the record; what it would like to do without and may not is kept for emergencyAllowed.
func (v *visit) unlessSkipped(what v1alpha1.EmergencySkip, verdict Verdict) Verdict {
	list := &v.skipped
	switch {
	case verdict.State == Ready || !v.asksToSkip(what):
		return verdict
	case v.maySkip(what):
		verdict = ready()
	default:
		list = &v.refusedSkips
	}
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
	return verdict
}

// afterPredecessors checks the edges of the graph; they rest on evidence, and so an emergency may do without them. One that
// is on its way to pass is waited for without a word about emergencies.
func (v *visit) afterPredecessors() Verdict {
	verdict := v.predecessorsPassed()
	leftOut := slices.ContainsFunc(Predecessors(v.status.Pipeline.Environments, v.index), func(name string) bool {
		i := slices.IndexFunc(v.status.Environments, func(p v1alpha1.EnvironmentProgress) bool { return p.Name == name })
		return v.status.Environments[i].Cause == v1alpha1.CauseNotSelected
	})
	if !leftOut && !v.maySkip(v1alpha1.SkipEvidence) {
		return verdict
	}
	return v.unlessSkipped(v1alpha1.SkipEvidence, verdict)
}

// emergencyAllowed says that the Environment does not allow what the Promotion asks for, where that stands in its way.
func (v *visit) emergencyAllowed() Verdict {
	if len(v.refusedSkips) == 0 {
		return ready()
	}
	allows := "allows no emergencies"
	if v.emergency() {
		allows = "lets an emergency do without " + words(v.force.Emergencies.Skips) + " only"
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEmergencyNotAllowed,
		"the Environment of %s %s, and this one asks to do without %s; bring what is missing, or let the platform team allow it in spec.emergencies; kubectl edit environment environment -n %s",
		v.namespace(), allows, words(v.refusedSkips), v.namespace()))
}

func words(skips []v1alpha1.EmergencySkip) string {
	text := make([]string, 0, len(skips))
	for _, skip := range skips {
		text = append(text, string(skip))
	}
	return strings.Join(text, " and ")
}

// needed is what has to be signed here.
func (v *visit) needed() v1alpha1.ApprovalRequirement {
	if v.emergency() {
		return emergencyApprovals(*v.force.Emergencies, *v.force.Approvals)
	}
	return approvalsFor(v.force, v.promotion().Spec.Intent)
}

// emergencyApprovals take the place of the ordinary ones: a number of members of the emergency groups together.
func emergencyApprovals(allowed v1alpha1.EmergencyRequirement, ordinary v1alpha1.ApprovalRequirement) v1alpha1.ApprovalRequirement {
	needed := v1alpha1.ApprovalRequirement{
		Mode: v1alpha1.RequirementRequired, Count: allowed.Count, Unattended: ordinary.Unattended, MaxAgeSeconds: ordinary.MaxAgeSeconds,
		Excludes: []v1alpha1.Exclusion{v1alpha1.ExcludeRequester, v1alpha1.ExcludeOnBehalfOf, v1alpha1.ExcludeChangeAuthors},
	}
	if allowed.Requester == v1alpha1.RequesterAllowed {
		needed.Excludes = []v1alpha1.Exclusion{v1alpha1.ExcludeNone}
	}
	for _, group := range allowed.Groups {
		// No number of its own: members of any of them count.
		needed.From = append(needed.From, v1alpha1.ApprovalQuota{Kind: v1alpha1.QuotaGroup, Name: group})
	}
	return needed
}

// emergencyEntry is what the record will say of how it entered; the zero value where it is no emergency here.
func (v *visit) emergencyEntry() v1alpha1.EmergencyEntry {
	if !v.emergency() {
		return v1alpha1.EmergencyEntry{}
	}
	return v1alpha1.EmergencyEntry{Reason: v.promotion().Spec.Emergency.Reason, Skipped: v.skipped}
}

// asEmergency adds to what is missing that members of the emergency groups sign.
func (v *visit) asEmergency(missing string) string {
	if !v.emergency() {
		return missing
	}
	return missing + " of an emergency, from group " + strings.Join(v.force.Emergencies.Groups, " or ")
}
