package admission_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// inbox makes a locked namespace whose Environment awaits the promotion shop/release, requested by dave.
func inbox(t *testing.T, name string, change func(*v1alpha1.AwaitingPromotion)) string {
	t.Helper()
	namespace := locked(t, name)
	entry := awaiting("release", "dave")
	if change != nil {
		change(&entry)
	}
	MakeEnvironment(namespace, v1alpha1.TierProduction).Awaits(entry).create(t)
	awaitInbox(t, namespace, "release")
	return namespace
}

func TestPromotionsAreStamped(t *testing.T) {
	namespace := open(t, "authors-promotions")
	dave := newActor(rest.ImpersonationConfig{UserName: "dave", UID: "42", Groups: []string{anything}})
	cases := []struct {
		name  string
		as    *actor
		write v1alpha1.Promotion
		want  string
	}{
		{name: "nothing written", as: dave, write: *MakePromotion(namespace, "plain").Obj(), want: "dave 42"},
		{name: "forged", as: dave, write: *MakePromotion(namespace, "forged").By("alice").Obj(), want: "dave 42"},
		{
			name: "a machine may ask", as: serviceAccount("ci", "builder"),
			write: *MakePromotion(namespace, "by-ci").Obj(), want: "system:serviceaccount:ci:builder ",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			promotion := c.write.DeepCopy()
			if err := c.as.Create(t.Context(), promotion); err != nil {
				t.Fatal(err)
			}
			if got := identity(promotion.Spec.RequestedBy.Username, promotion.Spec.RequestedBy.UID); got != c.want {
				t.Fatalf("requestedBy is %q, want %q", got, c.want)
			}
		})
	}
	t.Run("applied by a GitOps tool, over and over", func(t *testing.T) {
		flux := serviceAccount("flux-system", "kustomize-controller")
		promotion := MakePromotion(namespace, "from-git").Obj()
		for range 3 {
			if err := apply(t.Context(), flux, promotion.DeepCopy(), "kustomize-controller"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func identity(username string, uid *string) string {
	if uid == nil {
		return username + " "
	}
	return username + " " + *uid
}

func TestApprovalsAreStamped(t *testing.T) {
	namespace := inbox(t, "authors-approvals", func(entry *v1alpha1.AwaitingPromotion) {
		entry.Groups = []string{"release-managers", "qa"}
	})
	alice := newActor(rest.ImpersonationConfig{UserName: "alice", UID: "7", Groups: []string{anything, "qa", "other"}})
	for name, approval := range map[string]*v1alpha1.Approval{
		"nothing written": MakeApproval(namespace, "release").Obj(),
		"forged":          MakeApproval(namespace, "release").By("bob", "release-managers").Obj(),
		"more groups":     MakeApproval(namespace, "release").By("alice", "qa", "release-managers").Obj(),
	} {
		t.Run(name, func(t *testing.T) {
			if err := alice.Create(t.Context(), approval); err != nil {
				t.Fatal(err)
			}
			by := approval.Spec.Approver
			if got := identity(by.Username, by.UID); got != "alice 7" || !slices.Equal(by.Groups, []string{"qa"}) {
				t.Fatalf("stamped %s of %v, want alice 7 of [qa]", got, by.Groups)
			}
		})
	}
}

func TestScenario32FiveHundredGroups(t *testing.T) {
	namespace := inbox(t, "authors-groups", func(entry *v1alpha1.AwaitingPromotion) {
		entry.Groups = []string{"g17", "g499"}
		for n := range 62 { // as many as the schema holds
			entry.Groups = append(entry.Groups, fmt.Sprintf("elsewhere-%d", n))
		}
	})
	groups := make([]string, 500)
	for n := range groups {
		groups[n] = fmt.Sprintf("g%d", n)
	}
	approval := MakeApproval(namespace, "release").Obj()
	if err := person("alice", groups...).Create(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	if got := approval.Spec.Approver.Groups; !slices.Equal(got, []string{"g17", "g499"}) {
		t.Fatalf("stamped %v", got)
	}
}

func TestOnlyPeopleSign(t *testing.T) {
	namespace := inbox(t, "authors-people", nil)
	const people = "only people sign"
	write := creates(MakeApproval(namespace, "release").Obj())
	try(t, []attempt{
		{name: "a ServiceAccount", as: serviceAccount("shop", "builder"), write: write, policy: "sluice-authors", says: people},
		{name: "the operator", as: theOperator(), write: write, policy: "sluice-authors", says: people},
		{name: "a node", as: person("system:node:one"), write: write, policy: "sluice-authors", says: people},
		{name: "system:masters", as: person("alice", "system:masters"), write: write, policy: "sluice-authors", says: people},
		{name: "a person", as: person("alice"), write: write},
	})
}

// A webhook of somebody else runs after the stamp.
func TestTheStampIsVerified(t *testing.T) {
	namespace := inbox(t, "authors-webhook", func(entry *v1alpha1.AwaitingPromotion) { entry.Groups = []string{"qa"} })
	alice := person("alice")
	ok := MakePromotion(namespace, "untouched").Obj()
	attempt{name: "no webhook", as: alice, about: ok, write: creates(ok)}.run(t)

	mutate(t, namespace, "promotions", `[{"op":"replace","path":"/spec/requestedBy/username","value":"bob"}]`)
	eventually(t, func() error {
		err := alice.Create(t.Context(), MakePromotion(namespace, "changed").Obj())
		return refusal(err, "sluice-authors", "spec.requestedBy must name the caller, alice: leave it out")
	})
	mutate(t, namespace, "approvals", `[{"op":"add","path":"/spec/approver/groups","value":["qa"]}]`)
	eventually(t, func() error {
		err := alice.Create(t.Context(), MakeApproval(namespace, "release").Obj(), dryRun)
		return refusal(err, "sluice-authors", "spec.approver must name the caller, alice: leave it out")
	})
}

func TestScenario27RestoreWritesStampedFieldsBack(t *testing.T) {
	namespace := inbox(t, "authors-restore", nil)
	velero := with(t, "restore", namespace)
	past := func() *v1alpha1.Approval {
		return MakeApproval(namespace, "long-ago").Named("restored").By("alice", "qa").Obj()
	}
	finished := MakePromotion(namespace, "finished").By("dave").Label(v1alpha1.OutcomeLabel, "Succeeded").Obj()
	record := MakeRecord(namespace, "checkout-aaaaaaaa-00000")
	elsewhere := MakePromotion(open(t, "authors-restore-elsewhere"), "finished").By("dave").Label(v1alpha1.OutcomeLabel, "Succeeded").Obj()
	again := MakeNamespace("authors-restore-again", v1alpha1.LockEnforce).Obj()
	try(t, []attempt{
		{name: "a Promotion with its outcome", as: velero, write: creates(finished), about: finished},
		{name: "a record", as: velero, write: creates(record), about: record},
		{name: "an Approval that nothing awaits", as: velero, write: creates(past()), about: past()},
		{name: "not elsewhere", as: velero, write: creates(elsewhere), about: elsewhere, policy: "sluice-promotions", says: "the label sluice.dev/outcome is the operator's"},
		{name: "not by others", as: person("mallory"), write: creates(MakeRecord(namespace, "forged")), policy: "sluice-releaserecords", says: "the operator alone writes"},
		{name: "a Namespace with its lock", as: clusterRestore(t), write: creates(again), about: again},
	})
	stored := &v1alpha1.Promotion{}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(finished), stored); err != nil {
		t.Fatal(err)
	}
	if stored.Spec.RequestedBy.Username != "dave" {
		t.Fatalf("restored as requested by %q", stored.Spec.RequestedBy.Username)
	}
	t.Run("who restores signs as oneself otherwise", func(t *testing.T) {
		approval := MakeApproval(namespace, "release").Obj()
		if err := velero.Create(t.Context(), approval); err != nil {
			t.Fatal(err)
		}
		if approval.Spec.Approver.Username != velero.name {
			t.Fatalf("signed by %q", approval.Spec.Approver.Username)
		}
	})
}

func TestApprovalsStay(t *testing.T) {
	namespace := inbox(t, "authors-stay", nil)
	alice := person("alice")
	signed := MakeApproval(namespace, "release").Named("signed").Obj()
	if err := alice.Create(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	owner := func(o client.Object) {
		o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}})
	}
	finalizer := func(o client.Object) { o.SetFinalizers([]string{"example.com/stay"}) }
	owned, finalized := MakeApproval(namespace, "release").Named("owned").Obj(), MakeApproval(namespace, "release").Named("finalized").Obj()
	owner(owned)
	finalizer(finalized)
	const leaveOwners, leaveFinalizers = "leave metadata.ownerReferences out", "leave metadata.finalizers out"
	try(t, []attempt{
		{name: "made with an owner", as: alice, write: creates(owned), about: owned, policy: "sluice-approvals", says: leaveOwners},
		{name: "made with a finalizer", as: alice, write: creates(finalized), about: finalized, policy: "sluice-approvals", says: leaveFinalizers},
		{name: "deleted", as: alice, write: deletes(signed), about: signed, policy: "sluice-approvals", says: "create another one with decision: Rejected"},
		{
			name: "deleted with all others", as: alice, about: signed, policy: "sluice-approvals", says: "decision: Rejected",
			write: func(ctx context.Context, c client.Client) error {
				return c.DeleteAllOf(ctx, &v1alpha1.Approval{}, client.InNamespace(namespace))
			},
		},
		{name: "labelled", as: alice, write: merges(signed, label("seen", "yes")), about: signed},
	})
	tryWays(t, attempt{name: "given an owner", as: alice, about: signed, policy: "sluice-approvals", says: leaveOwners}, owner)
	tryWays(t, attempt{name: "given a finalizer", as: alice, about: signed, policy: "sluice-approvals", says: leaveFinalizers}, finalizer)
	attempt{name: "deleted with unlock", as: with(t, "unlock", namespace), write: deletes(signed), about: signed}.run(t)
}
