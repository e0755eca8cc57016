package admission_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/internal/policy"
)

// static is what the loader of the API server wants the names of static policies to end in.
const static = ".static.k8s.io"

// staticFlags puts the static form into a folder, as docs/install.md says, and returns the flags that make an API server
// read it, and the folder.
func staticFlags(t *testing.T) (flags []string, folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(config("admission-static"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "admission-configuration.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/etc/kubernetes/sluice", folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--admission-control-config-file=" + path}, folder
}

// The static form alone refuses and changes what the API-defined policies do, without any of them.
func TestStaticPolicies(t *testing.T) {
	flags, folder := staticFlags(t)
	onPlane(t, flags, []string{"crd", "rbac"}, func() {
		suffix = static // of the policy that says no: static ones come first
		defer func() { suffix = "" }()
		// A mutating policy on a CRD that was just made answers 503 for a moment.
		namespace := open(t, "probes")
		eventually(t, func() error { return stampProbe(t.Context(), person("prober"), namespace) })
		for name, test := range map[string]func(*testing.T){
			"status": TestStatusIsTheOperators, "records": TestRecordsAreTheOperators, "outcome": TestTheOutcomeIsTheOperators,
			"environments": TestUnlockOnEnvironments, "requesters": TestPromotionsAreStamped,
			"crds": TestEveryCRDIsKept, "crds deleted": TestCRDsAreNotDeleted, "crds upgraded": TestCRDsAreUpgraded, "status of crds": TestStatusOfCRDs,
			"apiservice":  TestTheWayToTheKinds,
			"gate images": TestGateImages, "gates": TestGateJobsAreTheOperators, "pods of gates": TestPodsOfJobsAreTheControllers,
			"access to gates": TestNobodyEntersATest, "inside gates": TestNobodyChangesATest,
			"lock on kinds": TestLockOnEveryKind, "lock on images": TestLockOnEveryImageOfAPod, "lock on updates": TestLockLeavesWhatWasThere,
			"touch":      TestTheTouchBringsTheReleaseIn,
			"namespaces": TestNamespaceGuardKeepsTheLock, "namespaces' subresources": TestNamespaceGuardSeesSubresources, "namespaces made": TestNamespaceGuardOnCreate,
			"namespaces and the operator": TestNamespaceGuardOnTheOperator, "locked namespaces": TestScenario28DeletingALockedNamespace,
		} {
			t.Run(name, test)
		}
		if err := plane.Install(t.Context(), config(), "admission"); err != nil {
			t.Fatal(err)
		}
		t.Run("policies", staticPoliciesGuardPolicies)
		t.Run("with both forms", func(t *testing.T) {
			t.Run("terminating namespaces", TestScenario40TerminatingNamespaces)
			t.Run("foreground and orphan deletion", TestScenario40ForegroundAndOrphanDeletion)
			t.Run("warnings", TestScenario20SetImageBecomesThePinWithAWarning)
			t.Run("pods are exact", TestScenario19PodsAreExact)
			t.Run("ignored", TestScenario44Ignore)
			t.Run("restart", TestScenario29RestartOfTheAPIServer)
		})
		t.Run("lifted", func(t *testing.T) { theGuardCanBeLifted(t, folder) })
	})
}

// staticPoliciesGuardPolicies is what no policy of the API can do.
func staticPoliciesGuardPolicies(t *testing.T) {
	const guard = "sluice-policies"
	const instead = "the owner of the control plane takes policies.yaml out of the folder of static manifests"
	kubectlApplies(t)
	for _, object := range policy.Shipped().Objects() {
		for who, somebody := range map[string]*actor{"mallory": person("mallory"), "the administrator": admin} {
			name := fmt.Sprintf("%T/%s/%s", object, object.GetName(), who)
			attempt{name: name, as: somebody, about: object, write: deletes(object), policy: guard, says: object.GetName() + " keeps production closed, and is not deleted through the API"}.run(t)
		}
	}
	weaker := map[client.Object]func(client.Object){
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "sluice-lock"}}: on(func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.MatchConditions = append(p.Spec.MatchConditions, admissionv1.MatchCondition{Name: "never", Expression: "false"})
		}),
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "sluice-lock"}}: on(func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Audit}
		}),
		&admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "sluice-pin"}}: on(func(p *admissionv1.MutatingAdmissionPolicy) {
			p.Spec.MatchConditions = append(p.Spec.MatchConditions, admissionv1.MatchCondition{Name: "never", Expression: "false"})
		}),
		&admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "sluice-pin"}}: on(func(b *admissionv1.MutatingAdmissionPolicyBinding) {
			b.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"not": "there"}}}
		}),
	}
	orphaned := func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{danglingOwner}) }
	for object, change := range weaker {
		for who, somebody := range map[string]*actor{"mallory": person("mallory"), "the administrator": admin} {
			a := attempt{name: fmt.Sprintf("%T weakened by %s", object, who), as: somebody, about: object, policy: guard, says: instead}
			tryWays(t, a, change)
			a.name = fmt.Sprintf("%T given an owner that is gone by %s", object, who)
			tryWays(t, a, orphaned)
			a.name, a.write = fmt.Sprintf("all %T deleted by %s", object, who), func(ctx context.Context, c client.Client) error {
				return c.DeleteAllOf(ctx, copyOf(object), client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"})
			}
			t.Run(a.name, a.run)
		}
		attempt{name: fmt.Sprintf("%T annotated", object), as: admin, about: object, write: merges(object, annotate("seen", "yes"))}.run(t)
	}
	kubectlApplies(t)
	policiesOfOthers(t)
}

// kubectlApplies is what a GitOps tool does all the time: nothing changes, and nothing is refused.
func kubectlApplies(t *testing.T) {
	t.Helper()
	if output, err := kubectl(t.Context(), "apply", "-k", config("admission")); err != nil {
		t.Fatalf("applying what is there must be let through: %v\n%s", err, output)
	}
}

func policiesOfOthers(t *testing.T) {
	t.Helper()
	theirs := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "of-others"},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "of-others", ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}
	dave := person("dave")
	try(t, []attempt{
		{name: "of others, made", as: dave, about: theirs, write: creates(theirs)},
		{name: "of others, changed", as: dave, about: theirs, write: merges(theirs, on(func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		}))},
		{name: "of others, deleted", as: dave, about: theirs, write: deletes(theirs)},
	})
	forged := theirs.DeepCopy()
	forged.Name = "sluice-policies" + static
	if err := admin.Create(t.Context(), forged); !apierrors.IsInvalid(err) {
		t.Errorf("names of static policies are not for the API: %v", err)
	}
}

// theGuardCanBeLifted is how one upgrades and uninstalls: whoever owns the control plane takes a file away, and puts it back.
func theGuardCanBeLifted(t *testing.T, folder string) {
	path := filepath.Join(folder, "validating", "policies.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "sluice-lock"}}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return admin.Delete(t.Context(), copyOf(binding), dryRun) })
	attempt{name: "deleted", as: admin, about: binding, write: deletes(binding)}.run(t)
	// The static lock holds meanwhile.
	namespace := locked(t, "static-lifted")
	pod := MakePod("nginx").Pod(namespace, "p")
	attempt{name: "the lock", as: person("mallory"), about: pod, write: creates(pod), policy: "sluice-lock", says: bringItIn}.run(t)
	kubectlApplies(t)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		return refusal(admin.Delete(t.Context(), copyOf(binding), dryRun), "sluice-policies", "not deleted")
	})
}
