package promotion_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

var (
	withoutTheLock = promotion.Policies{Missing: []string{"ValidatingAdmissionPolicyBinding sluice-lock"}}
	alteredLock    = promotion.Policies{Altered: []string{"ValidatingAdmissionPolicy sluice-lock (spec.matchConditions)"}}
)

func TestPoliciesHoldBackWhatWaits(t *testing.T) {
	withPolicies := func(p promotion.Policies) func(*world) { return func(w *world) { w.policies = p } }
	waits := []string{"PoliciesNotWhole", "ApprovalsMissing"}
	playGate(t, []gateCase{
		{"all are whole", "", withPolicies(promotion.Policies{}), []string{"ApprovalsMissing"}},
		{"a binding is missing", "production is open", withPolicies(withoutTheLock), waits},
		{"a policy is altered", "production may be open", withPolicies(alteredLock), waits},
		{"production that is not locked", "it is guarded by more than the lock", func(w *world) {
			w.policies = withoutTheLock
			w.sites["shop-prod"].Environment.Spec.Lock = v1alpha1.LockOff
		}, waits},
	})
}

// A rollback is an entry like any other: what is mended with one command is mended first.
func TestPoliciesHoldBackARollback(t *testing.T) {
	w := newWorld(t)
	w.policies = withoutTheLock
	w.add(MakePromotion("back").Rollback("prod", promotion.ReleaseHash(Release("v1"))).Obj())
	w.run().wantReasons("back", "prod", "PoliciesNotWhole")
	w.policies = promotion.Policies{}
	if got := w.run().at("back", "prod").State; got != v1alpha1.StatePassed {
		t.Errorf("prod is %s, want Passed", got)
	}
}

// The first environment has no lock, and is entered; the second has one.
func TestPoliciesHoldBackLockedEnvironmentsOnly(t *testing.T) {
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.policies = withoutTheLock
	w.promote("v2")
	w.run().wantReasons("checkout-v2", "test", "PoliciesNotWhole")
	if got := w.at("checkout-v2", "dev").State; got != v1alpha1.StatePassed {
		t.Errorf("dev is %s, want Passed", got)
	}
	message := w.get("checkout-v2").Status.Message
	for _, part := range []string{"ValidatingAdmissionPolicyBinding sluice-lock", "kubectl apply -k config/admission"} {
		if !strings.Contains(message, part) {
			t.Errorf("the message does not say %q: %s", part, message)
		}
	}
	w.policies = promotion.Policies{}
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("mended, it must go on by itself; outcome %q", got)
	}
}

// What was entered before goes on to its end.
func TestPoliciesDoNotStopWhatIsAtWork(t *testing.T) {
	w := newWorld(t)
	w.hanging["test/functional"] = true
	w.promote("v2")
	w.run()
	if got := w.at("checkout-v2", "test").State; got != v1alpha1.StateVerifying {
		t.Fatalf("test is %s, want Verifying", got)
	}
	w.policies = alteredLock
	w.hanging["test/functional"] = false
	w.run().wantReasons("checkout-v2", "prod", "PoliciesNotWhole", "ApprovalsMissing")
	if got := w.at("checkout-v2", "test").State; got != v1alpha1.StatePassed {
		t.Errorf("test is %s, want Passed", got)
	}
}

// Nobody is asked to sign while what checks the signature may be missing.
func TestPoliciesCloseTheInbox(t *testing.T) {
	w := atTheGate(t)
	w.policies = withoutTheLock
	w.run()
	if awaiting := w.sites["shop-prod"].Environment.Status.Awaiting; len(awaiting) > 0 {
		t.Errorf("the inbox lists %v", awaiting)
	}
	w.policies = promotion.Policies{}
	w.run()
	if awaiting := w.sites["shop-prod"].Environment.Status.Awaiting; len(awaiting) != 1 {
		t.Errorf("the inbox lists %v, want the promotion again", awaiting)
	}
}

func TestWhatIsSaidOfPolicies(t *testing.T) {
	many := promotion.Policies{}
	for i := range 9 {
		many.Missing = append(many.Missing, fmt.Sprint("policy ", 9-i))
	}
	both := promotion.Policies{Missing: withoutTheLock.Missing, Altered: alteredLock.Altered}
	for _, c := range []struct {
		name     string
		policies promotion.Policies
		reason   string
		says     []string
	}{
		{"whole", promotion.Policies{}, "", nil},
		{"missing", withoutTheLock, v1alpha1.ReasonPolicyMissing, []string{"missing: ValidatingAdmissionPolicyBinding sluice-lock.", ": kubectl apply -k config/admission"}},
		{"altered", alteredLock, v1alpha1.ReasonPolicyAltered, []string{
			"not as this operator ships it: ValidatingAdmissionPolicy sluice-lock (spec.matchConditions).", ": kubectl replace -k config/admission",
		}},
		{"both: a missing one is the graver", both, v1alpha1.ReasonPolicyMissing, []string{
			"missing: ValidatingAdmissionPolicyBinding sluice-lock; not as this operator ships it: ValidatingAdmissionPolicy sluice-lock",
			"kubectl apply -k config/admission && kubectl replace -k config/admission",
		}},
		{"many, in an order of their own", many, v1alpha1.ReasonPolicyMissing, []string{"missing: policy 1, policy 2, policy 3, policy 4, policy 5, and more."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			reason := c.policies.Reason()
			if reason.Type != c.reason || c.policies.Whole() != (c.reason == "") {
				t.Errorf("reason %q, whole %v, want %q", reason.Type, c.policies.Whole(), c.reason)
			}
			for _, part := range c.says {
				if !strings.Contains(reason.Message, part) {
					t.Errorf("does not say %q: %s", part, reason.Message)
				}
			}
		})
	}
}
