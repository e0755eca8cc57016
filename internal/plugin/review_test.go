package plugin

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// glass is a production in which eve broke the glass.
func glass() []client.Object {
	record := makeRecord("shop-prod-eu", "by-hand", "026e5c1d0a44", v1alpha1.ResultOverridden, time.Hour)
	record.Spec.Message = "eve changed by hand what namespace shop-prod-eu enforces: sluice.dev/pins"
	env := makeEnvironment("shop-prod-eu")
	env.Status.Reviews = []v1alpha1.PendingReview{{
		RecordRef: v1alpha1.RecordReference{Name: "by-hand"}, ReleaseHash: record.Spec.ReleaseHash, EvidenceHash: evidence(), Excluded: []string{"eve"},
	}}
	return []client.Object{record, env, makeEnvironment("shop-test")}
}

func TestReview(t *testing.T) {
	refusing := func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if _, ok := object.(*authenticationv1.SelfSubjectReview); ok {
			return withName("eve")(ctx, c, object, options...)
		}
		return apierrors.NewForbidden(schema.GroupResource{Group: "sluice.dev", Resource: "approvals"}, "", nil)
	}
	signed := v1alpha1.ApprovalSpec{
		RecordRef: v1alpha1.RecordReference{Name: "by-hand"}, ReleaseHash: hash("026e5c1d0a44"), EvidenceHash: evidence(),
		Decision: v1alpha1.DecisionReviewed, Comment: "rightly so",
	}
	for _, tc := range []struct {
		reason, args, answer string
		create               func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error
		status               int
		signs                bool
		says, complains      []string
	}{
		{
			reason: "shows what is reviewed, asks, and signs", args: "review|by-hand|-n|shop-prod-eu|-m|rightly so", answer: "yes\n", create: withName("alice"), signs: true,
			says: []string{"You are:      alice", "You review:   by-hand in namespace shop-prod-eu", "By hand:      eve changed by hand", "Not by:       eve",
				"Say that you reviewed this? [y/N]", "created in namespace shop-prod-eu"},
		},
		{reason: "no is no", args: "review|by-hand|-n|shop-prod-eu", answer: "no\n", create: withName("alice"), status: 1, says: []string{"Nothing was signed."}},
		{
			reason: "who did it is told so, and the refusal is shown", args: "review|by-hand|-n|shop-prod-eu|--yes", create: refusing, status: 1,
			says: []string{"you had a part in this"}, complains: []string{"Forbidden", "Somebody else has to review it: not one of eve."},
		},
		{
			reason: "another record", args: "review|other|-n|shop-prod-eu", status: 1,
			complains: []string{"record other does not have to be reviewed in namespace shop-prod-eu; these do: by-hand"},
		},
		{reason: "nothing to review", args: "review|by-hand|-n|shop-test", status: 1, complains: []string{"nothing has to be reviewed in namespace shop-test"}},
		{reason: "no Environment", args: "review|by-hand|-n|shop", status: 1, complains: []string{"namespace shop has no Environment"}},
		{reason: "no record named", args: "review|-n|shop-prod-eu", status: 1, complains: []string{"name one record: kubectl sluice review RECORD"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			c := cluster{objects: glass()}
			c.funcs.Create = tc.create
			api, console := c.client(), newTerminal(tc.answer)
			if status := app(t, console.Console, api).Run(t.Context(), strings.Split(tc.args, "|")); status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			contains(t, console.out.String(), tc.says)
			contains(t, console.err.String(), tc.complains)
			list := &v1alpha1.ApprovalList{}
			if err := api.List(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			if (len(list.Items) == 1) != tc.signs || tc.signs && !reflect.DeepEqual(list.Items[0].Spec, signed) {
				t.Errorf("signed %+v", list.Items)
			}
		})
	}
}
