package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// maxApprovals is how many approvals the schema lets a status list.
const maxApprovals = 64

// tally is what the approvals of a promotion come to.
type tally struct {
	statuses []v1alpha1.ApprovalStatus
	// rejection is final; nil where nobody rejected.
	rejection *v1alpha1.Approval
	// missing says what is still needed; empty where enough people signed.
	missing string
}

// count judges every approval of this promotion: by person, by group, by what was signed, and when.
func (v *visit) count(needed v1alpha1.ApprovalRequirement, evidenceHash string) tally {
	approvals := slices.Clone(v.site.Approvals)
	slices.SortFunc(approvals, func(a, b *v1alpha1.Approval) int { return compareAge(a, b) })
	excluded := excludedPersons(v.promotion().Spec, needed.Excludes)
	var t tally
	persons := map[string]*v1alpha1.Approval{}
	for i, a := range approvals {
		status := approvalStatus(a)
		if a.Spec.Decision == v1alpha1.DecisionRejected && a.Spec.PromotionRef.UID == v.uid() {
			t.rejection = a
			t.statuses = append(t.statuses, status)
			continue
		}
		status.Reason = v.whyIgnored(a, approvals[i+1:], needed, evidenceHash)
		if status.Reason == "" && amongPersons(excluded, a.Spec.Approver.Username) {
			status.Reason = v1alpha1.IgnoredRequesterExcluded
		}
		if status.Reason == "" {
			status.Reason = v.rightLost(a)
		}
		if status.Reason != "" {
			status.State = v1alpha1.ApprovalIgnored
		} else {
			persons[person(a.Spec.Approver.Username)] = a
		}
		t.statuses = append(t.statuses, status)
	}
	t.missing = missing(persons, needed)
	t.statuses = listed(t.statuses)
	return t
}

// listed shortens a list of approvals to what a status holds. The oldest that do not count are left out first.
func listed(statuses []v1alpha1.ApprovalStatus) []v1alpha1.ApprovalStatus {
	surplus := len(statuses) - maxApprovals
	kept := slices.DeleteFunc(statuses, func(s v1alpha1.ApprovalStatus) bool {
		drop := surplus > 0 && s.State == v1alpha1.ApprovalIgnored
		if drop {
			surplus--
		}
		return drop
	})
	return kept[max(0, len(kept)-maxApprovals):]
}

// whyIgnored returns why an approval does not count; empty where nothing about it speaks against it.
func (v *visit) whyIgnored(a *v1alpha1.Approval, later []*v1alpha1.Approval, needed v1alpha1.ApprovalRequirement, evidenceHash string) string {
	again := func(other *v1alpha1.Approval) bool {
		return person(other.Spec.Approver.Username) == person(a.Spec.Approver.Username)
	}
	switch {
	case a.Spec.PromotionRef.UID != v.uid() || a.Spec.Approver.Username == "":
		return v1alpha1.IgnoredEvidenceChanged
	case slices.ContainsFunc(later, again):
		return v1alpha1.IgnoredReplaced
	case a.Spec.ReleaseHash != v.status.ReleaseHash || a.Spec.EvidenceHash != evidenceHash:
		return v1alpha1.IgnoredEvidenceChanged
	case len(needed.From) > 0 && !inAnyGroup(a, needed.From):
		return v1alpha1.IgnoredNotInRequiredGroup
	case v.tooOld(a, needed.MaxAgeSeconds):
		return v1alpha1.IgnoredTooOld
	}
	return ""
}

// rightLost says whether the author of an approval that would count otherwise may sign no more. What the API server has
// not answered is asked, and does not count until it is.
func (v *visit) rightLost(a *v1alpha1.Approval) string {
	v.wakeAt(v.snapshot.Rights.Next)
	switch v.snapshot.Rights.Answers[a.UID] {
	case RightHeld:
		return ""
	case RightLost:
		return v1alpha1.IgnoredRightLost
	}
	v.questions.Rights = append(v.questions.Rights, a)
	return v1alpha1.IgnoredRightUnknown
}

// person is a username in the form in which people are told apart: an identity provider may not care for case, and
// whoever signs in as Alice is not somebody else than alice. This can only make fewer people of several.
func person(username string) string { return strings.ToLower(username) }

// amongPersons says whether somebody is one of these people.
func amongPersons(people []string, username string) bool {
	return slices.ContainsFunc(people, func(other string) bool { return person(other) == person(username) })
}

// tooOld says whether an approval is older than the Environment allows. Its age is never negative, should the API
// server's clock be ahead of the operator's.
func (v *visit) tooOld(a *v1alpha1.Approval, maxAge int32) bool {
	created := a.CreationTimestamp
	return v.overdue(&created, time.Duration(maxAge)*time.Second)
}

func inAnyGroup(a *v1alpha1.Approval, quotas []v1alpha1.ApprovalQuota) bool {
	return slices.ContainsFunc(quotas, func(q v1alpha1.ApprovalQuota) bool { return slices.Contains(a.Spec.Approver.Groups, q.Name) })
}

// missing says how many persons are still needed, and of which groups; empty where none.
func missing(persons map[string]*v1alpha1.Approval, needed v1alpha1.ApprovalRequirement) string {
	if needed.Mode != v1alpha1.RequirementRequired {
		return ""
	}
	var groups []string
	for _, quota := range needed.From {
		members := int32(0)
		for _, a := range persons {
			if slices.Contains(a.Spec.Approver.Groups, quota.Name) {
				members++
			}
		}
		if members < quota.Count {
			groups = append(groups, fmt.Sprintf("%d from group %s", quota.Count-members, quota.Name))
		}
	}
	lacking := int(needed.Count) - len(persons)
	switch {
	case lacking > 0 && len(groups) > 0:
		return fmt.Sprintf("%d of %d approvals, among them %s", lacking, needed.Count, strings.Join(groups, " and "))
	case lacking > 0:
		return fmt.Sprintf("%d of %d approvals", lacking, needed.Count)
	case len(groups) > 0:
		return "approvals: " + strings.Join(groups, " and ")
	}
	return ""
}

func approvalStatus(a *v1alpha1.Approval) v1alpha1.ApprovalStatus {
	signed := a.CreationTimestamp
	return v1alpha1.ApprovalStatus{
		Approver: pick(a.Spec.Approver.Username == "", "(unknown)", a.Spec.Approver.Username),
		Decision: a.Spec.Decision, State: v1alpha1.ApprovalCounted,
		SignTime: &signed, Comment: a.Spec.Comment,
		ApprovalRef: v1alpha1.ApprovalReference{Name: a.Name, UID: string(a.UID)},
	}
}
