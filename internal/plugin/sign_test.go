package plugin

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// counting answers "who am I" and stands in for the operator, which says at once what it makes of a signature.
func counting(t *testing.T, name string, then func(*v1alpha1.EnvironmentProgress, *v1alpha1.Promotion)) func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
	t.Helper()
	create := withName(name, "system:authenticated", "qa")
	return func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if err := create(ctx, c, object, options...); err != nil {
			return err
		}
		signed, ok := object.(*v1alpha1.Approval)
		if !ok {
			return nil
		}
		p := &v1alpha1.Promotion{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "checkout-1.4.2"}, p); err != nil {
			return err
		}
		i := slices.IndexFunc(p.Status.Environments, func(e v1alpha1.EnvironmentProgress) bool { return e.EnvironmentRef.Namespace == signed.Namespace })
		step := &p.Status.Environments[i]
		step.Approvals = append(step.Approvals, v1alpha1.ApprovalStatus{
			Approver: name, Decision: signed.Spec.Decision, State: v1alpha1.ApprovalCounted, ApprovalRef: v1alpha1.ApprovalReference{Name: signed.Name},
		})
		then(step, p)
		return c.Status().Update(ctx, p)
	}
}

func stillOneMissing(step *v1alpha1.EnvironmentProgress, _ *v1alpha1.Promotion) {
	step.Reasons[0].Message = strings.ReplaceAll(missingTwo, "2 of 2", "1 of 2")
}

// signCase is one run of approve or reject.
type signCase struct {
	reason  string
	objects []client.Object
	args    string
	answer  string
	// silent says that nobody can be asked.
	silent bool
	create func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error
	// patience of approve, where it is not a minute.
	patience time.Duration

	status int
	// signed is what is created; zero where nothing is.
	signed v1alpha1.ApprovalSpec
	in     string
	// says and complains must be found on the two outputs.
	says, complains []string
}

func signedSpec(decision v1alpha1.ApprovalDecision, comment string) v1alpha1.ApprovalSpec {
	return v1alpha1.ApprovalSpec{
		PromotionRef: entry().PromotionRef, ReleaseHash: release(), EvidenceHash: evidence(), Decision: decision, Comment: comment,
	}
}

func shop() []client.Object {
	return []client.Object{
		awaitingPromotion(), makeEnvironment("shop-prod-eu", entry()), makeEnvironment("shop-prod-us"), makeEnvironment("shop-test"),
		makeRecord("shop-test", "now", "7f3a9c21", v1alpha1.ResultPassed, time.Hour), makeRecord("shop-test", "then", "7f3a9c21", v1alpha1.ResultRolledBack, 2*time.Hour),
		makeRecord("shop-prod-eu", "older", "0ddba11", v1alpha1.ResultPassed, 100*time.Hour), makeRecord("shop-prod-eu", "old", "026e5c1d0a44", v1alpha1.ResultAdopted, 50*time.Hour),
	}
}

// but returns the shop with its Environments replaced.
func but(environments ...*v1alpha1.Environment) []client.Object {
	objects := shop()
	for _, env := range environments {
		i := slices.IndexFunc(objects, func(o client.Object) bool { return o.GetNamespace() == env.Namespace && o.GetName() == env.Name })
		objects[i] = env
	}
	return objects
}

func ended() *v1alpha1.Promotion {
	p := awaitingPromotion()
	p.Status.Outcome, p.Status.Message = v1alpha1.OutcomeRejected, "erin rejected it in prod-eu"
	return p
}

func defaced() *v1alpha1.Promotion {
	p := ended()
	p.Status.Message = "\x1b[2J"
	return p
}

func (tc signCase) run(t *testing.T) {
	t.Helper()
	c := cluster{objects: tc.objects}
	c.funcs.Create = tc.create
	api := c.client()
	console := newTerminal(tc.answer)
	console.Asks = !tc.silent
	a := app(t, console.Console, api)
	if tc.patience > 0 {
		a.CountedWithin = tc.patience
	}
	if status := a.Run(t.Context(), strings.Split(tc.args, "|")); status != tc.status {
		t.Errorf("exit status %d, want %d", status, tc.status)
	}
	contains(t, console.out.String(), tc.says)
	contains(t, console.err.String(), tc.complains)
	tc.checkSigned(t, api)
}

// contains checks that every text was written.
func contains(t *testing.T, written string, wanted []string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(written, want) {
			t.Errorf("it does not say %q, but:\n%s", want, written)
		}
	}
}

func (tc signCase) checkSigned(t *testing.T, api client.Client) {
	t.Helper()
	list := &v1alpha1.ApprovalList{}
	if err := api.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if want := tc.signed.Decision != ""; (len(list.Items) == 1) != want {
		t.Errorf("%d approvals were created, want one: %v", len(list.Items), want)
	}
	for _, signed := range list.Items {
		if !reflect.DeepEqual(signed.Spec, tc.signed) || signed.Namespace != tc.in || !strings.HasPrefix(signed.Name, "checkout-1.4.2-") {
			t.Errorf("signed %s/%s %+v, want %+v in %s", signed.Namespace, signed.Name, signed.Spec, tc.signed, tc.in)
		}
	}
}

func TestSign(t *testing.T) {
	approved, rejected := signedSpec(v1alpha1.DecisionApproved, ""), signedSpec(v1alpha1.DecisionRejected, "no")
	for _, tc := range []signCase{
		{
			reason: "shows who signs what, asks, signs, and says what is missing", objects: shop(), create: counting(t, "erin", stillOneMissing),
			args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu", answer: "yes\n", signed: approved, in: "shop-prod-eu",
			says: []string{
				"You are:      erin, of qa", "Release:      " + release(), "Evidence:     " + evidence(), "Requested by: dave, 20m ago",
				"SHOP-812", "026e5c1d0a44 → 1.4.2 9c1a77d01e55", "✓ shop-test", "✗ shop-test", "record then", "Approve this release? [y/N]",
				"created in namespace shop-prod-eu", "It counts. Still missing: it waits in prod-eu for 1 of 2 approvals.",
			},
		},
		{
			reason: "y is yes", objects: shop(), create: counting(t, "erin", stillOneMissing),
			args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu|-m|read", answer: " Y \n", signed: signedSpec(v1alpha1.DecisionApproved, "read"), in: "shop-prod-eu",
		},
		{
			reason: "no is no", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu", answer: "no\n", status: 1, says: []string{"Nothing was signed."},
		},
		{
			reason: "no answer is no", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu", status: 1, says: []string{"Nothing was signed."},
		},
		{
			reason: "nobody to ask, and not told to go on", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu", answer: "yes\n", silent: true, status: 1,
			says: []string{"You approve:"}, complains: []string{"standard input is not a terminal", "--yes"},
		},
		{
			reason: "nobody to ask, and told to go on", objects: shop(), create: counting(t, "erin", stillOneMissing),
			args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu|--yes", silent: true, signed: approved, in: "shop-prod-eu",
		},
		{
			reason: "the only environment that awaits need not be named", objects: shop(), create: counting(t, "erin", stillOneMissing),
			args: "approve|checkout-1.4.2|-n|shop|--yes", signed: approved, in: "shop-prod-eu",
		},
		{
			reason: "an environment may be named by its namespace", objects: shop(), create: counting(t, "erin", stillOneMissing),
			args: "approve|checkout-1.4.2|-n|shop|-e|shop-prod-eu|--yes", signed: approved, in: "shop-prod-eu",
		},
		{
			reason: "of several that await, one has to be named", objects: but(makeEnvironment("shop-prod-us", entry())),
			args: "approve|checkout-1.4.2|-n|shop|--yes", status: 1, complains: []string{"several environments: name one with -e, of: prod-eu, prod-us"},
		},
		{
			reason: "the last signature lets it go on", objects: shop(),
			create: counting(t, "erin", func(step *v1alpha1.EnvironmentProgress, _ *v1alpha1.Promotion) {
				step.State, step.Reasons = v1alpha1.StateDeploying, nil
			}),
			args: "approve|checkout-1.4.2|-n|shop|--yes", signed: approved, in: "shop-prod-eu", says: []string{"It counts. No signature is missing: prod-eu is Deploying."},
		},
		{
			reason: "a signature may be ignored", objects: shop(),
			create: counting(t, "erin", func(step *v1alpha1.EnvironmentProgress, _ *v1alpha1.Promotion) {
				step.Approvals[0].State, step.Approvals[0].Reason = v1alpha1.ApprovalIgnored, v1alpha1.IgnoredNotInRequiredGroup
			}),
			args: "approve|checkout-1.4.2|-n|shop|--yes", signed: approved, in: "shop-prod-eu", says: []string{"It does not count: NotInRequiredGroup.", "2 of 2 approvals"},
		},
		{
			reason: "the operator is away", objects: shop(), create: withName("erin"), patience: time.Millisecond,
			args: "approve|checkout-1.4.2|-n|shop|--yes", signed: approved, in: "shop-prod-eu", says: []string{"The operator has not counted it yet"},
		},
		{
			reason: "a rejection ends it", objects: shop(),
			create: counting(t, "erin", func(_ *v1alpha1.EnvironmentProgress, p *v1alpha1.Promotion) {
				p.Status.Outcome = v1alpha1.OutcomeRejected
			}),
			args: "reject|checkout-1.4.2|-n|shop|-m|no", answer: "y\n", signed: rejected, in: "shop-prod-eu",
			says: []string{"You reject:", "It ends the promotion. Promotion checkout-1.4.2 ended: Rejected."},
		},
		{reason: "a rejection says why", objects: shop(), args: "reject|checkout-1.4.2|-n|shop|--yes", status: 1, complains: []string{"reject needs -m COMMENT"}},
	} {
		t.Run(tc.reason, tc.run)
	}
}

func TestNothingToSign(t *testing.T) {
	for _, tc := range []signCase{
		{
			reason: "an unknown promotion", objects: shop(), args: "approve|checkout-1|-n|shop|--yes", status: 1,
			complains: []string{"there is no promotion checkout-1 in namespace shop", "kubectl sluice get promotions -n shop"},
		},
		{
			reason: "an unknown environment", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|prod|--yes", status: 1,
			complains: []string{"no environment prod; it goes through: test, prod-eu, prod-us"},
		},
		{
			reason: "an environment that waits for something else", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|prod-us|--yes", status: 1,
			complains: []string{"nothing of promotion checkout-1.4.2 awaits sign-off in prod-us", "PredecessorPending: waits for prod-eu to pass"},
		},
		{
			reason: "an environment that is done", objects: shop(), args: "approve|checkout-1.4.2|-n|shop|-e|test|--yes", status: 1,
			complains: []string{"awaits sign-off in test: it is Passed there"},
		},
		{
			reason: "none awaits, and none is named", objects: but(makeEnvironment("shop-prod-eu")), args: "approve|checkout-1.4.2|-n|shop|--yes", status: 1,
			complains: []string{"awaits sign-off in prod-eu", "awaits sign-off in prod-us", "kubectl sluice get promotion checkout-1.4.2 -n shop"},
		},
		{
			reason: "a promotion that has ended", objects: []client.Object{ended(), makeEnvironment("shop-prod-eu")}, args: "approve|checkout-1.4.2|-n|shop|--yes", status: 1,
			complains: []string{"it has ended, Rejected: erin rejected it in prod-eu"},
		},
		{
			reason: "a promotion that the operator has not looked at", objects: []client.Object{makePromotion()}, args: "approve|checkout-1.4.2|-n|shop|--yes", status: 1,
			complains: []string{"awaits sign-off in any environment: it is Pending there"},
		},
		{
			reason: "a namespace without Environment", objects: []client.Object{awaitingPromotion()}, args: "approve|checkout-1.4.2|-n|shop|-e|prod-eu|--yes", status: 1,
			complains: []string{"namespace shop-prod-eu has no Environment"},
		},
		{
			reason: "who rejected it cannot draw on the terminal", objects: []client.Object{defaced(), makeEnvironment("shop-prod-eu")}, args: "approve|checkout-1.4.2|-n|shop|--yes", status: 1,
			complains: []string{"Rejected: \uFFFD[2J"},
		},
		{reason: "no promotion is named", args: "approve", status: 1, complains: []string{"name one promotion"}},
	} {
		t.Run(tc.reason, tc.run)
	}
}

// refusing answers "who am I", and refuses to create an Approval after something has happened.
func refusing(name, message string, happens func(context.Context, client.WithWatch) error) func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
	create := withName(name)
	return func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if _, ok := object.(*v1alpha1.Approval); !ok {
			return create(ctx, c, object, options...)
		}
		if err := happens(ctx, c); err != nil {
			return err
		}
		return apierrors.NewForbidden(schema.GroupResource{Group: "sluice.dev", Resource: "approvals"}, "", errors.New(message))
	}
}

// inbox replaces the inbox of shop-prod-eu.
func inbox(entries ...v1alpha1.AwaitingPromotion) func(context.Context, client.WithWatch) error {
	return func(ctx context.Context, c client.WithWatch) error {
		env := &v1alpha1.Environment{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: "shop-prod-eu", Name: v1alpha1.EnvironmentName}, env); err != nil {
			return err
		}
		env.Status.Awaiting = entries
		return c.Status().Update(ctx, env)
	}
}

func TestRefused(t *testing.T) {
	other := entry()
	other.EvidenceHash = hash("beef")
	for _, tc := range []signCase{
		{
			reason: "who asked for it", create: refusing("dave", "dave requested this promotion and may not approve it", inbox(entry())),
			says:      []string{"dave  (you asked for this or made its changes: you may not approve it)"},
			complains: []string{"Error from server (Forbidden)", "dave requested this promotion and may not approve it", "Somebody else has to sign: not one of dave."},
		},
		{
			reason: "the evidence changed", create: refusing("erin", "spec.evidenceHash is not the evidence that waits", inbox(other)),
			complains: []string{"spec.evidenceHash is not the evidence that waits", "The evidence changed while you read it"},
		},
		{
			reason: "it awaits nothing any more", create: refusing("erin", "nothing awaits approval", inbox()),
			complains: []string{"nothing awaits approval", "It awaits no sign-off any more: kubectl sluice get promotion checkout-1.4.2 -n shop"},
		},
		{
			reason: "no right to sign", create: refusing("erin", `User "erin" cannot create resource "approvals" in API group "sluice.dev"`, inbox(entry())),
			complains: []string{"cannot create resource", "kubectl create rolebinding sluice-approver -n shop-prod-eu --clusterrole=sluice-approver --user=erin"},
		},
		{
			reason: "another webhook", create: refusing("erin", "not on Fridays", inbox(entry())),
			complains: []string{"not on Fridays", "Nothing was signed"},
		},
	} {
		tc.objects, tc.args, tc.status = shop(), "approve|checkout-1.4.2|-n|shop|-e|prod-eu|--yes", 1
		t.Run(tc.reason, tc.run)
	}
}

func TestSignWithoutRightToReadEvidence(t *testing.T) {
	c := cluster{objects: append(shop(), makeNamespace("shop-prod-eu", apiRepository+"@sha256:"+hash("abcdef012345")))}
	c.funcs.Create = counting(t, "erin", stillOneMissing)
	c.funcs.List = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if _, ok := list.(*v1alpha1.ReleaseRecordList); ok {
			return apierrors.NewForbidden(schema.GroupResource{Group: "sluice.dev", Resource: "releaserecords"}, "", nil)
		}
		return api.List(ctx, list, options...)
	}
	console := newTerminal("y\n")
	if status := app(t, console.Console, c.client()).Run(t.Context(), []string{"approve", "checkout-1.4.2", "-n", "shop"}); status != 0 {
		t.Errorf("exit status %d: %s", status, console.err)
	}
	contains(t, console.out.String(), []string{
		"you may not read the records in shop-prod-eu", "you may not read the records in shop-test", "abcdef012345 → 1.4.2 9c1a77d01e55",
	})
}
