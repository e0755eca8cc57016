package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// emergencies is a shop whose production demands evidence and two approvals, is frozen, and allows emergencies.
func emergencies() recipe {
	return recipe{environments: []string{"dev", "prod"}, environment: func(name string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional()
		if name == "prod" {
			e.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
			e.Spec.Freezes = []v1alpha1.Freeze{frozenFor(100 * time.Hour)}
			e.Spec.Emergencies = &v1alpha1.EmergencyRequirement{Groups: []string{"on-call"}, Requester: v1alpha1.RequesterAllowed}
		}
	}}
}

// reviewed waits until the Environment says something of reviews.
func (s *shop) awaitReviewed(environment string, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	s.awaitCondition(environment, s.environmentConditions(environment), v1alpha1.ConditionReviewed, status, reason)
}

// At 3 am there is one person: who asks for the emergency approves it. Somebody else reviews it in the morning.
func TestAnEmergencyWithTheCommandsOfThePage(t *testing.T) {
	t.Parallel()
	p := openPage(t, "break-glass.md")
	s := openShop(t, "emergency", emergencies())
	s.bind(s.name, "sluice-developer", "dave")
	s.bind(s.namespace("prod"), "sluice-approver", "dave")
	s.bind(s.namespace("prod"), "sluice-approver", "alice")
	s.bind(s.name, "sluice-viewer", "alice")
	values := map[string]string{"TEAM": s.name, "NAME": "fix", "DIGEST": digest(1), "ENVIRONMENT": "prod", "NAMESPACE": s.namespace("prod")}
	const section = "With the operator"
	onCall := []string{"on-call"}
	s.awaitAllowed("dave", s.name, "promotions")
	p.run("dave", onCall, p.part(section, "", "kubectl sluice approve"), values)
	s.awaitMessage("fix", "prod", v1alpha1.ReasonApprovalsMissing, "waits in prod for 1 of 1 approvals of an emergency, from group on-call")
	s.awaitAllowed("dave", s.namespace("prod"), "approvals")
	p.run("dave", onCall, p.part(section, "kubectl sluice approve", ""), values)
	s.awaitOutcome("fix", v1alpha1.OutcomeSucceeded)
	want := v1alpha1.EmergencyEntry{
		Reason: "refunds fail since 02:40; the fix is one line, and test is down", Skipped: []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence, v1alpha1.SkipFreezes},
	}
	record := s.awaitRecord("prod", v1alpha1.ResultPassed)
	if fmt.Sprint(record.Spec.Emergency) != fmt.Sprint(want) || record.Spec.ApprovedBy != "dave" || len(record.Spec.Gates) != 1 {
		t.Errorf("the record says %+v", record.Spec)
	}
	if got := s.progress("fix", "prod").Emergency; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the status says %+v", got)
	}
	s.awaitReviewed("prod", metav1.ConditionFalse, v1alpha1.ReasonReviewPending)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	s.awaitAllowed("alice", s.namespace("prod"), "approvals")
	p.run("alice", nil, p.part("Afterwards: the review", "", ""), values)
	s.awaitReviewed("prod", metav1.ConditionTrue, v1alpha1.ReasonReviewed)
}

func TestAnEmergencyWhereNoneIsAllowed(t *testing.T) {
	t.Parallel()
	s := openShop(t, "noemergency", recipe{environments: []string{"dev", "prod"}, environment: func(_ string, e *v1alpha1.Environment) { e.Spec.Gates = nil }})
	s.promote("fix", digest(1), only("prod"), func(p *v1alpha1.Promotion) { p.Spec.Emergency.Reason = "INC-77" })
	s.awaitMessage("fix", "prod", v1alpha1.ReasonEmergencyNotAllowed, "allows no emergencies")
	if got := s.templateImage("prod"); got != ":v1" {
		t.Errorf("prod runs %s", got)
	}
}

// Not parallel: every other test would stand still. The glass is broken while the operator is away; when it is back it
// writes that down, has it reviewed, and undoes nothing. A promotion that was at work there ends.
func TestBreakGlassByHandWithTheCommandsOfThePage(t *testing.T) {
	p := openPage(t, "break-glass.md")
	s := openShop(t, "byhand", recipe{environments: []string{"prod"}, environment: func(_ string, e *v1alpha1.Environment) {
		e.Spec.Gates = functional("wait")
		e.Spec.Requires = &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone, Approvals: &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone}}
	}})
	s.bind(s.namespace("prod"), "sluice-break-glass", "erin")
	s.promote("first", digest(1))
	s.awaitGatePod("prod", "functional", corev1.PodRunning)
	operator.Stop()
	s.awaitAllowed("erin", s.namespace("prod"), "namespaces")
	values := map[string]string{"NAMESPACE": s.namespace("prod"), "WORKLOAD": "deployment/api", "IMAGE": s.repository + "@" + digest(9)}
	p.run("erin", nil, p.part("Without the operator", "", ""), values)
	if got := s.templateImage("prod"); got != "@"+digest(9) {
		t.Fatalf("prod runs %s", got)
	}
	s.endGate("prod", "functional", "0")
	var err error
	if operator, err = startOperator(operations); err != nil {
		t.Fatal(err)
	}
	record := s.awaitRecord("prod", v1alpha1.ResultOverridden)
	if got := record.Spec; !slices.Equal(got.Override.ChangedBy, []string{"erin"}) || got.Images[0].Digest != digest(9) ||
		!slices.Equal(got.Override.Annotations, []string{v1alpha1.ImagesAnnotation, v1alpha1.PinsAnnotation}) || got.PreviousHash == "" {
		t.Errorf("the record says %+v", got)
	}
	s.awaitOutcome("first", v1alpha1.OutcomeFailed)
	s.assertProgress("first", "prod", v1alpha1.StateFailed, v1alpha1.CauseOverridden)
	s.awaitReviewed("prod", metav1.ConditionFalse, v1alpha1.ReasonReviewPending)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionFalse, v1alpha1.ReasonOverridden)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	ns := &corev1.Namespace{}
	s.get("", s.namespace("prod"), ns)
	if got := s.templateImage("prod"); got != "@"+digest(9) || ns.Annotations[v1alpha1.PinsAnnotation] != s.repository+"@"+digest(9) || ns.Annotations[v1alpha1.OverriddenByAnnotation] != "" {
		t.Errorf("prod runs %s, pinned %v", got, ns.Annotations)
	}
	s.bind(s.namespace("prod"), "sluice-approver", "alice")
	s.awaitAllowed("alice", s.namespace("prod"), "approvals")
	p.run("alice", nil, p.part("Afterwards: the review", "", ""), values)
	s.awaitReviewed("prod", metav1.ConditionTrue, v1alpha1.ReasonReviewed)
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionLocked, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	// What fails next goes back to what ran.
	s.promote("second", digest(2))
	s.endGate("prod", "functional", "1")
	s.awaitOutcome("second", v1alpha1.OutcomeFailed)
	s.awaitTemplate("prod", "@"+digest(9))
}

// The operator notices a change by hand while it runs, too.
func TestAnOverrideWhileTheOperatorRuns(t *testing.T) {
	t.Parallel()
	s := openShop(t, "watched", recipe{environments: []string{"prod"}, bare: true})
	// Before that there is no release that a record could be about.
	s.awaitCondition("prod", s.environmentConditions("prod"), v1alpha1.ConditionAdopted, metav1.ConditionTrue, v1alpha1.ReasonAdopted)
	ns := &corev1.Namespace{}
	s.change("", s.namespace("prod"), ns, func() {
		ns.Annotations[v1alpha1.ImagesAnnotation] += " " + s.repository + "@" + digest(9)
	})
	record := s.awaitRecord("prod", v1alpha1.ResultOverridden)
	if len(record.Spec.Override.ChangedBy) != 1 || !strings.Contains(record.Spec.Message, "sluice.dev/images") {
		t.Errorf("the record says %+v", record.Spec)
	}
	s.awaitReviewed("prod", metav1.ConditionFalse, v1alpha1.ReasonReviewPending)
	s.get("", s.namespace("prod"), ns)
	if !strings.Contains(ns.Annotations[v1alpha1.ImagesAnnotation], digest(9)) {
		t.Errorf("images: %s", ns.Annotations[v1alpha1.ImagesAnnotation])
	}
}
