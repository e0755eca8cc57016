package plugin

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func makePipeline() *v1alpha1.DeliveryPipeline {
	return &v1alpha1.DeliveryPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout"},
		Spec: v1alpha1.DeliveryPipelineSpec{
			Images: []v1alpha1.PipelineImage{{Name: "api", Repository: apiRepository}},
			Environments: []v1alpha1.PipelineEnvironment{
				{Name: "test", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: "shop-test"}},
				{Name: "prod-eu", EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: "shop-prod-eu"}},
			},
		},
	}
}

func TestGet(t *testing.T) {
	objects := append(shop(), makePipeline())
	for _, tc := range []struct {
		reason          string
		args            string
		status          int
		says, complains []string
	}{
		{reason: "promotions as a table", args: "get promotions -n shop", says: []string{"NAME ", "checkout-1.4.2   checkout   7f3a9c21   Waiting   prod-eu       ApprovalsMissing   20m"}},
		{reason: "one promotion as a tree", args: "get promo checkout-1.4.2 -n shop", says: []string{"026e5c1d0a44 → 1.4.2 9c1a77d01e55", "├─ ✓ test", "kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu"}},
		{reason: "one promotion, all of it", args: "get promotion checkout-1.4.2 -n shop -o wide", says: []string{release(), "namespace shop-prod-eu"}},
		{reason: "promotions of all namespaces", args: "get promotions -A", says: []string{"NAMESPACE", "shop        checkout-1.4.2"}},
		{reason: "promotions by name", args: "get promotions -n shop -o name", says: []string{"promotion.sluice.dev/checkout-1.4.2\n"}},
		{reason: "promotions for programs", args: "get promotions -n shop -o json", says: []string{`"kind": "PromotionList"`, `"kind": "Promotion"`}},
		{reason: "one promotion for programs", args: "get promotion checkout-1.4.2 -n shop -o jsonpath={.status.shortHash}", says: []string{"7f3a9c21"}},
		{reason: "one environment for programs", args: "get environment shop-prod-eu -o yaml", says: []string{"kind: Environment", "tier: Production"}},
		{reason: "pipelines as a table", args: "get pipelines -n shop", says: []string{"checkout   Unknown   -        test=NotDeployed,prod-eu=NotDeployed"}},
		{reason: "one pipeline as a tree", args: "get pipeline checkout -n shop", says: []string{"├─ ○ test", "awaits sign-off", "└─ … checkout-1.4.2"}},
		{reason: "environments as a table", args: "get environments -A", says: []string{"shop-prod-eu   Production", "shop-test"}},
		{reason: "one environment by its namespace", args: "get environment shop-prod-eu", says: []string{"Approvals:    2 people", "approve checkout-1.4.2 -n shop -e shop-prod-eu"}},
		{reason: "one environment by its name", args: "get env environment -n shop-prod-eu", says: []string{"Environment:  shop-prod-eu"}},
		{reason: "no environment", args: "get env shop", status: 1, complains: []string{"namespace shop has no Environment"}},
		{reason: "nothing there", args: "get promotions -n other", complains: []string{"Nothing found in namespace other"}},
		{reason: "an unknown promotion", args: "get promotion x -n shop", status: 1, complains: []string{"there is no promotion x in namespace shop; kubectl sluice get promotions -n shop"}},
		{reason: "an unknown promotion, watched", args: "get promotion x -n shop -w", status: 1, complains: []string{"there is no promotion x in namespace shop"}},
		{reason: "an unknown pipeline", args: "get pipeline x -n shop", status: 1, complains: []string{"there is no pipeline x in namespace shop"}},
		{reason: "a name in all namespaces", args: "get promotion x -A", status: 1, complains: []string{"instead of -A"}},
		{reason: "watching what programs read", args: "get promotions -w -o json", status: 1, complains: []string{"--watch shows trees and tables"}},
		{reason: "an unknown kind", args: "get approvals", status: 1, complains: []string{"approvals is not shown here"}},
		{reason: "an unknown format", args: "get promotions -n shop -o xml", status: 1, complains: []string{`"xml"`}},
		{reason: "an unknown flag", args: "get promotions --bogus", status: 1, complains: []string{"unknown flag: --bogus", "kubectl sluice get promotions --help"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			console := newTerminal("")
			status := app(t, console.Console, cluster{objects: objects}.client()).Run(t.Context(), strings.Fields(tc.args))
			if status != tc.status {
				t.Errorf("exit status %d, want %d: %s", status, tc.status, console.err)
			}
			contains(t, console.out.String(), tc.says)
			contains(t, console.err.String(), tc.complains)
		})
	}
}

// TestGateFromItsJob shows a gate as its Job has it, and as the status has it to who may not see Jobs.
func TestGateFromItsJob(t *testing.T) {
	p := makePromotion(makeProgress("test", v1alpha1.StateVerifying).Gate("contract", v1alpha1.GateRunning))
	done := makeJob("shop-test", "contract", batchv1.JobCondition{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: ago(30 * time.Second)})
	for reason, tc := range map[string]struct {
		forbidden bool
		want      string
	}{
		"who may see Jobs":     {false, "✓ contract Functional  Passed     30s"},
		"who may not see Jobs": {true, "● contract Functional  Running"},
	} {
		t.Run(reason, func(t *testing.T) {
			c := cluster{objects: []client.Object{p, done}}
			c.funcs.List = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				if _, ok := list.(*batchv1.JobList); ok && tc.forbidden {
					return apierrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "jobs"}, "", nil)
				}
				return api.List(ctx, list, options...)
			}
			console := newTerminal("")
			if status := app(t, console.Console, c.client()).Run(t.Context(), []string{"get", "promotion", p.Name, "-n", "shop"}); status != 0 {
				t.Errorf("exit status %d: %s", status, console.err)
			}
			contains(t, console.out.String(), []string{tc.want})
		})
	}
}

// TestWhatAGateSays shows how far a gate is that runs, to who may see that.
func TestWhatAGateSays(t *testing.T) {
	p := makePromotion(makeProgress("test", v1alpha1.StateVerifying).Gate("contract", v1alpha1.GateRunning))
	c := cluster{objects: append(atWork("shop-test", "contract"), p)}
	for reason, tc := range map[string]struct {
		err  error
		want bool
	}{
		"who may read logs":     {nil, true},
		"who may not read logs": {apierrors.NewForbidden(schema.GroupResource{Resource: "pods/log"}, "", nil), false},
	} {
		t.Run(reason, func(t *testing.T) {
			console := newTerminal("")
			a := app(t, console.Console, c.client())
			a.ConnectLogs = func(*genericclioptions.ConfigFlags) (LastLine, error) {
				return func(_ context.Context, namespace, pod string) (string, error) {
					return " 50 %  200/s of " + namespace + "/" + pod, tc.err
				}, nil
			}
			if status := a.Run(t.Context(), []string{"get", "promotion", p.Name, "-n", "shop"}); status != 0 {
				t.Errorf("exit status %d: %s", status, console.err)
			}
			contains(t, console.out.String(), []string{"● contract Functional  Running"})
			if got := strings.Contains(console.out.String(), "50 %  200/s of shop-test/sl-contract-x"); got != tc.want {
				t.Errorf("it says how far it is: %v, want %v\n%s", got, tc.want, console.out)
			}
		})
	}
}

// TestRecordBefore finds what ran before a promotion, whatever came after it.
func TestRecordBefore(t *testing.T) {
	record := func(name string, result v1alpha1.RecordResult, promotionUID string, age time.Duration) v1alpha1.ReleaseRecord {
		r := makeRecord("shop-prod-eu", name, name, result, age)
		r.Spec.Promotion.UID = promotionUID
		return *r
	}
	foreign := record("foreign", v1alpha1.ResultPassed, "f", time.Minute)
	foreign.Spec.PipelineRef.Namespace = "other"
	finished := awaitingPromotion()
	over := ago(time.Hour)
	finished.Status.CompletionTime = &over
	for _, tc := range []struct {
		reason  string
		p       *v1alpha1.Promotion
		records []v1alpha1.ReleaseRecord
		want    string
	}{
		{"no record", awaitingPromotion(), nil, ""},
		{"the newest that passed", awaitingPromotion(), []v1alpha1.ReleaseRecord{record("b", v1alpha1.ResultFailed, "b", 1), record("a", v1alpha1.ResultAdopted, "a", 2)}, "a"},
		{"another team's pipeline of the same name", awaitingPromotion(), []v1alpha1.ReleaseRecord{foreign}, ""},
		{"before its own", awaitingPromotion(), []v1alpha1.ReleaseRecord{record("c", v1alpha1.ResultPassed, "c", 1), record("own", v1alpha1.ResultPassed, uid, 2), record("a", v1alpha1.ResultPassed, "a", 3)}, "a"},
		{"what came after it ended", finished, []v1alpha1.ReleaseRecord{record("later", v1alpha1.ResultPassed, "l", time.Minute), record("a", v1alpha1.ResultPassed, "a", 2*time.Hour)}, "a"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := ""
			if r := recordBefore(tc.records, tc.p); r != nil {
				got = r.Name
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		reason string
		err    error
		want   string
	}{
		{"the API server is not there", &url.Error{Op: "Get", URL: "https://10.0.0.1:6443/apis", Err: syscall.ECONNREFUSED}, "The connection to the server 10.0.0.1:6443 was refused"},
		{"the name is not known", &url.Error{Op: "Get", URL: "https://k8s/apis", Err: errors.New("dial tcp: lookup k8s: no such host")}, "Unable to connect to the server: tcp: lookup k8s: no such host"},
		{"nothing is configured", clientcmd.ErrEmptyConfig, "no cluster is configured"},
		{"Sluice is not installed", &meta.NoKindMatchError{GroupKind: v1alpha1.GroupVersion.WithKind("Promotion").GroupKind()}, "Sluice is not installed in it"},
		{"a right is missing", apierrors.NewForbidden(v1alpha1.Resource("promotions"), "x", errors.New("no")), `Error from server (Forbidden): promotions.sluice.dev "x" is forbidden: no`},
		{"anything else", errors.New("a thing"), "error: a thing"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if got := explain(tc.err); !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q in it", got, tc.want)
			}
		})
	}
}
