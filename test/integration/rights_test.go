package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// unbind takes a role from somebody.
func (s *shop) unbind(namespace, role, user string) {
	s.t.Helper()
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role + "-" + user}}
	if err := s.admin.Delete(s.t.Context(), binding); err != nil {
		s.t.Fatal(err)
	}
}

// Who lost the right in the meantime has not signed; who has it back, has. Nothing else happens in between that would
// make the operator look.
func TestAnApproverLosesTheRightAndRegainsIt(t *testing.T) {
	t.Parallel()
	s := openShop(t, "right-lost", signing(v1alpha1.ApprovalRequirement{Count: 2}, "prod"))
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
	for range 2 {
		s.unbind(s.namespace("prod"), "sluice-approver", "alice")
		s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredRightLost)
		s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 2 approvals")
		s.bind(s.namespace("prod"), "sluice-approver", "alice")
		s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	}
	s.unbind(s.namespace("prod"), "sluice-approver", "alice")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredRightLost)
	s.mustSign("bob", "first", "prod")
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
	if got := s.templateImage("prod"); got != ":v1" {
		t.Errorf("prod runs %s on one signature that holds", got)
	}
	s.mustSign("carol", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}

// The right may come from a group, by any binding: the Approval holds that group, and it fills no quota.
func TestARightThatComesFromAGroup(t *testing.T) {
	t.Parallel()
	s := openShop(t, "right-group", signing(v1alpha1.ApprovalRequirement{Count: 1, From: []v1alpha1.ApprovalQuota{
		{Kind: v1alpha1.QuotaGroup, Name: "release-managers", Count: 1},
	}}, "prod"))
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "right-group-signers"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"sluice.dev"}, Resources: []string{"approvals"}, Verbs: []string{"create"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "right-group-staff"}},
	}
	s.promote("first", digest(1))
	s.awaitReason("first", "prod", v1alpha1.ReasonApprovalsMissing)
	s.create(role)
	s.create(binding)
	eventually(t, "the inbox names the group", func() error {
		for _, entry := range s.environment("prod").Status.Awaiting {
			if slices.Equal(entry.Groups[:1], []string{"release-managers"}) && slices.Contains(entry.Groups, "right-group-staff") {
				return nil
			}
		}
		return fmt.Errorf("inbox: %+v", s.environment("prod").Status.Awaiting)
	})
	signAs := func(user string, groups ...string) {
		eventually(t, user+" signs", func() error { return s.signUnbound(user, "first", "prod", v1alpha1.DecisionApproved, groups...) })
	}
	signAs("erin", "right-group-staff")
	s.awaitApproval("first", "prod", "erin", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredNotInRequiredGroup)
	// The rule goes, and comes back: nobody's bindings change.
	rules := role.Rules
	s.changeEnvironment("prod", func(e *v1alpha1.Environment) { e.Spec.Requires.Approvals.Count = 2 })
	signAs("alice", "right-group-staff", "release-managers")
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	s.change("", role.Name, role, func() { role.Rules = nil })
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredRightLost)
	s.change("", role.Name, role, func() { role.Rules = rules })
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalCounted, "")
	if err := s.admin.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	s.awaitApproval("first", "prod", "alice", v1alpha1.ApprovalIgnored, v1alpha1.IgnoredRightLost)
	s.cancel("first")
	s.awaitOutcome("first", v1alpha1.OutcomeCancelled)
}

func TestScenario9AChangeOfTheEnvironmentMidWaitShows(t *testing.T) {
	t.Parallel()
	s := openShop(t, "mid-wait", signing(v1alpha1.ApprovalRequirement{Count: 3}, "prod"))
	s.promote("first", digest(1))
	s.mustSign("alice", "first", "prod")
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 3 approvals")
	s.changeEnvironment("prod", func(e *v1alpha1.Environment) { e.Spec.Requires.Approvals.Count = 2 })
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "approvals.count: 3 -> 2")
	s.awaitMessage("first", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
	entry := s.environment("prod").Status.Awaiting[0]
	if entry.EnvironmentGeneration != 1 || !slices.Equal(entry.Changes, []string{"generation: 1 -> 2", "approvals.count: 3 -> 2"}) {
		t.Errorf("the inbox shows %q since generation %d", entry.Changes, entry.EnvironmentGeneration)
	}
	if message := s.promotion(t.Context(), "first").Status.Message; !strings.Contains(message, "approvals.count: 3 -> 2") {
		t.Errorf("message: %s", message)
	}
	s.mustSign("bob", "first", "prod")
	s.awaitOutcome("first", v1alpha1.OutcomeSucceeded)
}
