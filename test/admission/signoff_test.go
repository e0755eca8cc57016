package admission_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestSignoffNeedsSomethingThatWaits(t *testing.T) {
	namespace := inbox(t, "signoff-waits", nil)
	alice := person("alice")
	sign := func(change func(*v1alpha1.Approval)) *v1alpha1.Approval {
		return MakeApproval(namespace, "release").Change(change).Obj()
	}
	const nothing = "nothing awaits approval in namespace signoff-waits under promotion "
	cases := []struct {
		name     string
		approval *v1alpha1.Approval
		says     string
	}{
		{"another promotion", MakeApproval(namespace, "other").Obj(), nothing + "shop/other with this uid; see what does: kubectl get environment"},
		{"the same name, another uid", sign(func(a *v1alpha1.Approval) { a.Spec.PromotionRef.UID = "again" }), nothing + "shop/release"},
		{"the same uid, another name", sign(func(a *v1alpha1.Approval) { a.Spec.PromotionRef.Name = "x" }), nothing + "shop/x"},
		{"another namespace", sign(func(a *v1alpha1.Approval) { a.Spec.PromotionRef.Namespace = "x" }), nothing + "x/release"},
		{"another release", sign(func(a *v1alpha1.Approval) { a.Spec.ReleaseHash = hash("c") }), "spec.releaseHash is not the release that waits (" + hash("a") + ")"},
		{"other evidence", sign(func(a *v1alpha1.Approval) { a.Spec.EvidenceHash = hash("c") }), "spec.evidenceHash is not the evidence that waits (" + hash("b") + "): it changed, read it again"},
	}
	for _, c := range cases {
		attempt{name: c.name, as: alice, write: creates(c.approval), about: c.approval, policy: "sluice-signoff", says: c.says}.run(t)
	}
	signed, rejected := sign(func(*v1alpha1.Approval) {}), sign(func(a *v1alpha1.Approval) { a.Spec.Decision = v1alpha1.DecisionRejected })
	try(t, []attempt{
		{name: "what waits", as: alice, write: creates(signed)},
		{name: "what waits, rejected", as: alice, write: creates(rejected)},
	})
}

func TestScenario33RequestersDoNotSign(t *testing.T) {
	namespace := inbox(t, "signoff-persons", func(entry *v1alpha1.AwaitingPromotion) {
		entry.RequestedBy, entry.OnBehalfOf = "system:serviceaccount:ci:builder", []string{"dave"}
		entry.Excluded = []string{"system:serviceaccount:ci:builder", "dave", "erin"}
	})
	write := creates(MakeApproval(namespace, "release").Obj())
	try(t, []attempt{
		{name: "on whose behalf a bot asked", as: person("dave"), write: write, policy: "sluice-signoff", says: "requested on behalf of dave, who may not approve it: ask somebody else"},
		{name: "the author of a change", as: person("erin"), write: write, policy: "sluice-signoff", says: "erin is excluded from approving this promotion"},
		{name: "on whose behalf a bot asked, in capitals", as: person("Dave"), write: write, policy: "sluice-signoff", says: "requested on behalf of Dave"},
		{name: "the author of a change, in capitals", as: person("ERIN"), write: write, policy: "sluice-signoff", says: "ERIN is excluded from approving this promotion"},
		{name: "somebody of another identity provider", as: person("oidc:erin"), write: write},
		{name: "somebody else", as: person("alice"), write: write},
	})
	own := inbox(t, "signoff-own", nil) // an entry that excludes nobody by name, and no requirements: the strictest hold
	write = creates(MakeApproval(own, "release").Obj())
	try(t, []attempt{
		{name: "the requester", as: person("dave"), write: write, policy: "sluice-signoff", says: "dave requested this promotion and may not approve it: ask somebody else"},
		{name: "the requester, in capitals", as: person("Dave"), write: write, policy: "sluice-signoff", says: "Dave requested this promotion and may not approve it: ask somebody else"},
		{name: "somebody else", as: person("alice"), write: write},
	})
}

// An Environment may let requesters sign, on purpose: excludes: [None].
func TestSignoffWhereNobodyIsExcluded(t *testing.T) {
	namespace := locked(t, "signoff-none")
	entry := awaiting("release", "dave")
	entry.OnBehalfOf = []string{"erin"}
	MakeEnvironment(namespace, v1alpha1.TierTest).Awaits(entry).Excludes(v1alpha1.ExcludeNone).create(t)
	awaitInbox(t, namespace, "release")
	write := creates(MakeApproval(namespace, "release").Obj())
	try(t, []attempt{
		{name: "the requester", as: person("dave"), write: write},
		{name: "on whose behalf", as: person("erin"), write: write},
	})
}

// Without an Environment there is nothing to sign. Two policies refuse, and the API server shows one of them: of
// sluice-signoff, whose parameter is missing, it has nothing to show but the name of the binding.
func TestSignoffWithoutEnvironment(t *testing.T) {
	forged := MakeApproval(open(t, "signoff-nowhere"), "release").By("alice").Obj()
	alice := person("alice")
	for name, approval := range map[string]*v1alpha1.Approval{"plain": MakeApproval(forged.Namespace, "release").Obj(), "forged": forged} {
		t.Run(name, func(t *testing.T) {
			err := alice.Create(t.Context(), approval)
			if err == nil {
				t.Fatal("let through")
			}
			named := apierrors.IsInvalid(err) && strings.Contains(err.Error(), "-an-environment-in-this-namespace")
			if !named && refusal(err, "sluice-authors", "create the Approval in the namespace of the environment that waits") != nil {
				t.Fatalf("the refusal does not say what is missing: %v", err)
			}
		})
	}
}

// What a mutating webhook adds after the stamp does not count towards a quota.
func TestSignoffVerifiesGroups(t *testing.T) {
	namespace := inbox(t, "signoff-groups", func(entry *v1alpha1.AwaitingPromotion) { entry.Groups = []string{"qa"} })
	mutate(t, namespace, "approvals", `[{"op":"add","path":"/spec/approver/groups","value":[]}]`)
	alice := person("alice", "qa")
	eventually(t, func() error {
		err := alice.Create(t.Context(), MakeApproval(namespace, "release").Obj(), dryRun)
		return refusal(err, "sluice-signoff", "leave spec.approver out, the API server writes it")
	})
}
