package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// testReviewer is an API server that says yes, no or nothing.
type testReviewer struct {
	may   bool
	fails error
	asked int
}

func (r *testReviewer) MaySign(context.Context, string, v1alpha1.Approver) (bool, error) {
	r.asked++
	return r.may, r.fails
}

func rbacGatherer(objects ...client.Object) (*Gatherer, client.Client) {
	c := fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(objects...).
		WithIndex(&rbacv1.ClusterRole{}, IndexSigningRole, signingRole).
		WithIndex(&rbacv1.Role{}, IndexSigningRole, signingRole).
		WithIndex(&rbacv1.ClusterRoleBinding{}, IndexBindingRole, bindingRole).Build()
	return &Gatherer{Reader: c}, c
}

func bind(kind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: role + "-" + fmt.Sprint(len(subjects))},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}, Subjects: subjects,
	}
}

func user(name string) rbacv1.Subject { return rbacv1.Subject{Kind: rbacv1.UserKind, Name: name} }

func group(name string) rbacv1.Subject { return rbacv1.Subject{Kind: rbacv1.GroupKind, Name: name} }

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func rule(verb, group, resource string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names}
}

func TestSignersAreFoundInRBAC(t *testing.T) {
	cases := []struct {
		name   string
		rule   rbacv1.PolicyRule
		groups []string
	}{
		{"the right itself", rule("create", "sluice.dev", "approvals"), []string{"approvers"}},
		{"everything", rule("*", "*", "*"), []string{"approvers"}},
		{"another verb", rule("get", "sluice.dev", "approvals"), nil},
		{"another resource", rule("create", "sluice.dev", "promotions"), nil},
		{"another group of resources", rule("create", "apps", "approvals"), nil},
		{"named objects: nothing that is created has a name yet", rule("create", "sluice.dev", "approvals", "x"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			elsewhere := bind("ClusterRole", "r", group("elsewhere"))
			elsewhere.Namespace = "shop-other"
			g, _ := rbacGatherer(clusterRole("r", c.rule), clusterRole("other", rule("get", "sluice.dev", "approvals")), elsewhere,
				bind("ClusterRole", "r", group("approvers"), user("alice")), bind("ClusterRole", "other", group("viewers")),
				// A Role of the same name is another role.
				bind("Role", "r", group("impostors"), user("mallory"), user("x")))
			found, err := g.signersIn(t.Context(), testSpace)
			if err != nil {
				t.Fatal(err)
			}
			if got := found.named(); !slices.Equal(got, c.groups) {
				t.Errorf("groups %v, want %v", got, c.groups)
			}
			if got := found.include(v1alpha1.Approver{Username: "alice"}); got != (c.groups != nil) {
				t.Errorf("alice may sign: %t", got)
			}
		})
	}
}

func TestSignersFromElsewhere(t *testing.T) {
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: "own"}, Rules: []rbacv1.PolicyRule{rule("create", "sluice.dev", "approvals")}}
	everywhere := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "admins"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{group("admins"), group("system:masters")},
	}
	g, _ := rbacGatherer(role, clusterRole("cluster-admin", rule("*", "*", "*")), everywhere, bind("Role", "own", group("qa")))
	found, err := g.signersIn(t.Context(), testSpace)
	if err != nil {
		t.Fatal(err)
	}
	if got := found.named(); !slices.Equal(got, []string{"admins", "qa"}) {
		t.Errorf("groups %v, want those of the Role and of the ClusterRoleBinding, without Kubernetes' own", got)
	}
}

// rightsBed is alice, who signed, and an API server.
type rightsBed struct {
	*ApproverRights
	reviewer *testReviewer
	clock    *testClock
	client   client.Client
}

func newRightsBed(bound bool) *rightsBed {
	objects := []client.Object{clusterRole("sluice-approver", rule("create", "sluice.dev", "approvals"))}
	if bound {
		objects = append(objects, bind("ClusterRole", "sluice-approver", user("alice")))
	}
	g, c := rbacGatherer(objects...)
	b := &rightsBed{reviewer: &testReviewer{may: bound}, clock: &testClock{now: time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)}, client: c}
	b.ApproverRights = &ApproverRights{Reviewer: b.reviewer, Gatherer: g, Clock: b.clock}
	return b
}

func (b *rightsBed) answer(t *testing.T) (right promotion.Right, next time.Duration) {
	t.Helper()
	approval := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: testSpace, Name: "a", UID: types.UID("a")},
		Spec:       v1alpha1.ApprovalSpec{Approver: v1alpha1.Approver{Username: "alice"}},
	}
	rights, err := b.Answer(t.Context(), []*v1alpha1.Approval{approval})
	if err != nil {
		t.Fatal(err)
	}
	if !rights.Next.IsZero() {
		next = rights.Next.Sub(b.clock.now)
	}
	return rights.Answers["a"], next
}

func (b *rightsBed) want(t *testing.T, what string, right promotion.Right, next time.Duration, asked int) {
	t.Helper()
	got, again := b.answer(t)
	if got != right || again != next || b.reviewer.asked != asked {
		t.Errorf("%s: answer %d, again in %v, asked %d times; want %d, %v, %d", what, got, again, b.reviewer.asked, right, next, asked)
	}
}

func TestRightsAreAskedOnceWhileNothingChanges(t *testing.T) {
	b := newRightsBed(true)
	b.want(t, "at first", promotion.RightHeld, 0, 1)
	b.want(t, "the next pass", promotion.RightHeld, 0, 1)
	b.clock.now = b.clock.now.Add(rightHolds)
	b.want(t, "a pass later", promotion.RightHeld, 0, 2)
	if err := b.client.Delete(t.Context(), bind("ClusterRole", "sluice-approver", user("alice"))); err != nil {
		t.Fatal(err)
	}
	b.reviewer.may = false
	b.want(t, "the binding is gone", promotion.RightLost, 0, 3)
	if err := b.client.Create(t.Context(), bind("ClusterRole", "sluice-approver", user("alice"))); err != nil {
		t.Fatal(err)
	}
	b.reviewer.may = true
	b.want(t, "the binding is back", promotion.RightHeld, 0, 4)
}

// The API server may not have seen yet what the operator saw: it is asked again, and its word stands in the end, as
// another authorizer than RBAC may have decided.
func TestRightsAreAskedAgainWhereRBACSaysSomethingElse(t *testing.T) {
	b := newRightsBed(true)
	b.reviewer.may = false
	wait, asked := firstReview, 1
	b.want(t, "it has not seen the binding", promotion.RightLost, wait, asked)
	b.want(t, "too early", promotion.RightLost, wait, asked)
	for range maxDoubts - 1 {
		b.clock.now = b.clock.now.Add(wait)
		wait, asked = 2*wait, asked+1
		b.want(t, "still not", promotion.RightLost, wait, asked)
	}
	b.clock.now = b.clock.now.Add(wait)
	asked++
	b.want(t, "its word stands", promotion.RightLost, 0, asked)
	b.clock.now = b.clock.now.Add(rightHolds)
	b.reviewer.may = true
	b.want(t, "the next pass after that", promotion.RightHeld, 0, asked+1)
}

func TestRightsAreUnknownWhileTheAPIServerFails(t *testing.T) {
	b := newRightsBed(true)
	b.reviewer.fails = errors.New("down")
	b.want(t, "at first", promotion.RightUnknown, firstReview, 1)
	total := time.Duration(0)
	for range 20 {
		b.clock.now = b.clock.now.Add(lastReview)
		_, again := b.answer(t)
		total = again
	}
	if total != lastReview {
		t.Errorf("asked again in %v, want %v at most", total, lastReview)
	}
	b.clock.now = b.clock.now.Add(lastReview)
	b.reviewer.fails = nil
	b.want(t, "it is back", promotion.RightHeld, 0, 22)
}
