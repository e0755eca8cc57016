package admission_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestReviewsNeedSomethingToReview(t *testing.T) {
	namespace := locked(t, "reviews")
	MakeEnvironment(namespace, v1alpha1.TierProduction).Reviews("by-hand", "eve").Reviews("fix", "dave", "carol").create(t)
	witness := person("witness-of-the-reviews")
	eventually(t, func() error { return witness.Create(t.Context(), MakeReview(namespace, "fix").Obj(), dryRun) })
	review := func(change func(*v1alpha1.Approval)) *v1alpha1.Approval {
		return MakeReview(namespace, "by-hand").Change(change).Obj()
	}
	alice := person("alice")
	other := review(func(a *v1alpha1.Approval) { a.Spec.RecordRef.Name = "other" })
	release := review(func(a *v1alpha1.Approval) { a.Spec.ReleaseHash = hash("c") })
	content := review(func(a *v1alpha1.Approval) { a.Spec.EvidenceHash = hash("c") })
	good := review(func(*v1alpha1.Approval) {})
	const involved = "was involved in what this record tells of, and may not review it: ask somebody else"
	const hashes = "spec.releaseHash and spec.evidenceHash are not those of the record that waits for review"
	try(t, []attempt{
		{name: "another record", as: alice, write: creates(other), about: other, policy: "sluice-reviews", says: "no review of record other is pending in namespace reviews"},
		{name: "another release", as: alice, write: creates(release), about: release, policy: "sluice-reviews", says: hashes},
		{name: "another content", as: alice, write: creates(content), about: content, policy: "sluice-reviews", says: hashes},
		{name: "who did it, in capitals", as: person("Eve"), write: creates(good), about: good, policy: "sluice-reviews", says: "Eve " + involved},
		{name: "who did it", as: person("eve"), write: creates(good), about: good, policy: "sluice-reviews", says: "eve " + involved},
		{name: "who approved it", as: person("carol"), write: creates(MakeReview(namespace, "fix").Obj()), policy: "sluice-reviews", says: "carol " + involved},
		{name: "a machine", as: serviceAccount("ci", "bot"), write: creates(good), about: good, policy: "sluice-authors", says: "only people sign"},
		{name: "somebody else", as: alice, write: creates(good)},
		{name: "who did the other one", as: person("eve"), write: creates(MakeReview(namespace, "fix").Obj())},
	})
}

// badApproval is an Approval that its schema refuses, with what the refusal has to say.
type badApproval struct {
	name   string
	change func(*v1alpha1.Approval)
	says   string
}

func badApprovals() []badApproval {
	const one, which = "write exactly one of promotionRef and recordRef", "a record is Reviewed, a promotion is Approved or Rejected"
	return []badApproval{
		{"both", func(a *v1alpha1.Approval) { a.Spec.RecordRef.Name = "r" }, one},
		{"neither", func(a *v1alpha1.Approval) { a.Spec.PromotionRef = v1alpha1.PromotionReference{} }, one},
		{"a promotion reviewed", func(a *v1alpha1.Approval) { a.Spec.Decision = v1alpha1.DecisionReviewed }, which},
		{"a record approved", func(a *v1alpha1.Approval) {
			a.Spec.PromotionRef, a.Spec.RecordRef.Name = v1alpha1.PromotionReference{}, "r"
		}, which},
	}
}

func TestApprovalsAreAboutOneThing(t *testing.T) {
	namespace := inbox(t, "approvals-one-thing", nil)
	alice := person("alice")
	for _, c := range badApprovals() {
		t.Run(c.name, func(t *testing.T) {
			err := alice.Create(t.Context(), MakeApproval(namespace, "release").Change(c.change).Obj())
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want a refusal that says %q, got %v", c.says, err)
			}
		})
	}
}

// Of an emergency the entry alone says who may not sign: the Environment may let the requester.
func TestSignoffOfAnEmergency(t *testing.T) {
	emergency := func(excluded ...string) func(*v1alpha1.AwaitingPromotion) {
		return func(entry *v1alpha1.AwaitingPromotion) {
			entry.OnBehalfOf, entry.Excluded, entry.Groups = []string{"erin"}, excluded, []string{"sre"}
			entry.Emergency = v1alpha1.Emergency{Reason: "INC-77: refunds fail"}
		}
	}
	alone := inbox(t, "emergency-alone", emergency())
	watched := inbox(t, "emergency-watched", emergency("dave", "erin"))
	try(t, []attempt{
		{name: "the requester where the Environment lets him", as: person("dave", "sre"), write: creates(MakeApproval(alone, "release").Obj())},
		{name: "on whose behalf where the Environment lets her", as: person("erin", "sre"), write: creates(MakeApproval(alone, "release").Obj())},
		{name: "the requester", as: person("dave", "sre"), write: creates(MakeApproval(watched, "release").Obj()), policy: "sluice-signoff", says: "dave is excluded from approving this promotion"},
		{name: "on whose behalf", as: person("erin", "sre"), write: creates(MakeApproval(watched, "release").Obj()), policy: "sluice-signoff", says: "erin is excluded from approving this promotion"},
	})
	signed := MakeApproval(alone, "release").Obj()
	if err := person("alice", "sre", "staff").Create(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(signed.Spec.Approver.Groups); got != "[sre]" {
		t.Errorf("stamped groups %s", got)
	}
}
