package admission_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unlockEverywhere is somebody of the platform team who holds unlock in all namespaces.
func unlockEverywhere(t *testing.T, name string) *actor {
	t.Helper()
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "sluice-platform"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	})
	holder := person(name)
	eventually(t, func() error { return canI(t.Context(), holder, "unlock", "") })
	return holder
}

// kinds of Sluice, as the CRDs that define them.
func definition(plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + ".sluice.dev"}}
}

// inVersion is a change of the version of a CRD.
func inVersion(change func(*apiextensionsv1.CustomResourceDefinitionVersion)) func(client.Object) {
	return on(func(d *apiextensionsv1.CustomResourceDefinition) { change(&d.Spec.Versions[0]) })
}

// inSpecOf is a change of the schema of .spec.
func inSpecOf(change func(*apiextensionsv1.JSONSchemaProps)) func(client.Object) {
	return inVersion(func(v *apiextensionsv1.CustomResourceDefinitionVersion) {
		properties := v.Schema.OpenAPIV3Schema.Properties
		spec := properties["spec"]
		change(&spec)
		properties["spec"] = spec
	})
}

func rewritten(o client.Object) {
	as[*apiextensionsv1.CustomResourceDefinition](o).Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
		Strategy: apiextensionsv1.WebhookConverter,
		Webhook: &apiextensionsv1.WebhookConversion{
			ClientConfig:             &apiextensionsv1.WebhookClientConfig{URL: ptr.To("https://mallory.example.com/rewrite")},
			ConversionReviewVersions: []string{"v1"},
		},
	}
}

// weakenings of a CRD.
func weakenings() map[string]func(client.Object) {
	return map[string]func(client.Object){
		"validations dropped":        inSpecOf(func(s *apiextensionsv1.JSONSchemaProps) { s.XValidations = nil }),
		"a validation that holds":    inSpecOf(func(s *apiextensionsv1.JSONSchemaProps) { s.XValidations[0].Rule = "true" }),
		"a required field dropped":   inSpecOf(func(s *apiextensionsv1.JSONSchemaProps) { s.Required = s.Required[1:] }),
		"unknown fields kept":        inSpecOf(func(s *apiextensionsv1.JSONSchemaProps) { s.XPreserveUnknownFields = ptr.To(true) }),
		"not served":                 inVersion(func(v *apiextensionsv1.CustomResourceDefinitionVersion) { v.Served = false }),
		"no selectable fields":       inVersion(func(v *apiextensionsv1.CustomResourceDefinitionVersion) { v.SelectableFields = nil }),
		"status no subresource":      inVersion(func(v *apiextensionsv1.CustomResourceDefinitionVersion) { v.Subresources = nil }),
		"a scale subresource":        inVersion(scaled),
		"rewritten by a webhook":     rewritten,
		"another version beside it":  on(versioned),
		"another short name":         on(func(d *apiextensionsv1.CustomResourceDefinition) { d.Spec.Names.ShortNames = []string{"po"} }),
		"an owner that is gone":      func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{danglingOwner}) },
		"a finalizer of somebody's":  func(o client.Object) { o.SetFinalizers([]string{"example.com/stay"}) },
		"the finalizer of the API's": func(o client.Object) { o.SetFinalizers([]string{"customresourcecleanup.apiextensions.k8s.io"}) },
	}
}

// danglingOwner is a cluster-scoped owner that does not exist: the garbage collector deletes what it owns.
var danglingOwner = metav1.OwnerReference{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "gone", UID: "00000000-0000-0000-0000-000000000001"}

func scaled(v *apiextensionsv1.CustomResourceDefinitionVersion) {
	v.Subresources = v.Subresources.DeepCopy()
	if v.Subresources == nil {
		v.Subresources = &apiextensionsv1.CustomResourceSubresources{}
	}
	v.Subresources.Scale = &apiextensionsv1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas"}
}

func versioned(d *apiextensionsv1.CustomResourceDefinition) {
	beside := *d.Spec.Versions[0].DeepCopy()
	beside.Name, beside.Storage = "v1", false
	beside.Schema.OpenAPIV3Schema = &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)}
	beside.SelectableFields, beside.AdditionalPrinterColumns = nil, nil
	d.Spec.Versions = append(d.Spec.Versions, beside)
}

const takesUnlock = "changing it takes the verb unlock on environments in all namespaces"

func TestCRDsAreKept(t *testing.T) {
	crd, withStatus := definition("approvals"), definition("promotions")
	locally := with(t, "unlock", locked(t, "crds-unlock"))
	for name, change := range weakenings() {
		a := attempt{name: name, as: person("mallory"), about: crd, policy: "sluice-crds", says: takesUnlock}
		if name == "status no subresource" {
			a.about, a.write = withStatus, merges(withStatus, change)
			t.Run(a.name, a.run)
			continue
		}
		tryWays(t, a, change)
	}
	attempt{
		name: "unlock in one namespace is not enough", as: locally, about: crd, write: merges(crd, weakenings()["validations dropped"]),
		policy: "sluice-crds", says: takesUnlock,
	}.run(t)
	// Not even the API server lets everything in.
	before := stored(t, crd)
	err := merges(crd, on(func(d *apiextensionsv1.CustomResourceDefinition) { d.Spec.PreserveUnknownFields = true }))(t.Context(), person("mallory"))
	if err == nil || stored(t, crd) != before {
		t.Errorf("preserveUnknownFields: must be refused, got %v", err)
	}
	attempt{name: "annotated", as: person("dave"), about: crd, write: merges(crd, annotate("seen", "yes"))}.run(t)
}

// Every CRD that config/crd installs is guarded.
func TestEveryCRDIsKept(t *testing.T) {
	list := &apiextensionsv1.CustomResourceDefinitionList{}
	if err := admin.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range list.Items {
		crd := &list.Items[i]
		if !strings.HasSuffix(crd.Name, ".sluice.dev") {
			continue
		}
		found++
		try(t, []attempt{
			{name: crd.Name + " deleted", as: person("mallory"), about: crd, write: deletes(crd), policy: "sluice-crds", says: "deleting " + crd.Name + " would delete every object of its kind"},
			{name: crd.Name + " loosened", as: person("mallory"), about: crd, policy: "sluice-crds", says: takesUnlock, write: merges(crd, weakenings()["unknown fields kept"])},
		})
	}
	if found == 0 {
		t.Error("there is no CRD of Sluice")
	}
}

func TestCRDsAreNotDeleted(t *testing.T) {
	crd := definition("releaserecords")
	const instead = "to uninstall, take the policies away first (kubectl delete -k config/default), then the CRDs"
	holder := unlockEverywhere(t, "crds-deleter")
	everything := func(ctx context.Context, c client.Client) error {
		return c.DeleteAllOf(ctx, &apiextensionsv1.CustomResourceDefinition{}, client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"})
	}
	inTheForeground := func(ctx context.Context, c client.Client) error {
		return c.Delete(ctx, copyOf(crd), client.PropagationPolicy(metav1.DeletePropagationForeground))
	}
	for who, somebody := range map[string]*actor{"mallory": person("mallory"), "a holder of unlock": holder, "the administrator": admin} {
		try(t, []attempt{
			{name: who, as: somebody, about: crd, write: deletes(crd), policy: "sluice-crds", says: instead},
			{name: who + ", all at once", as: somebody, about: crd, write: everything, policy: "sluice-crds", says: instead},
			{name: who + ", in the foreground", as: somebody, about: crd, write: inTheForeground, policy: "sluice-crds", says: instead},
		})
	}
}

// An upgrade: the platform team changes CRDs, but for what would let it rewrite evidence.
func TestCRDsAreUpgraded(t *testing.T) {
	holder, crd := unlockEverywhere(t, "crds-upgrader"), definition("promotions")
	dry := func(change func(client.Object)) func(context.Context, client.Client) error {
		return changes(crd, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.Update(ctx, wanted, dryRun)
		})
	}
	const stays = "leave both as config/crd has them"
	for name, change := range weakenings() {
		switch name {
		case "rewritten by a webhook", "status no subresource":
			tryWays(t, attempt{name: name, as: holder, about: crd, policy: "sluice-crds", says: stays}, change)
			attempt{name: name + ", by the administrator", as: admin, about: crd, write: dry(change), policy: "sluice-crds", says: stays}.run(t)
		default:
			attempt{name: name, as: holder, about: crd, write: dry(change)}.run(t)
		}
	}
	// A kind that has no status does not need the subresource.
	approvals := definition("approvals")
	attempt{name: "approvals have no status", as: holder, about: approvals, write: changes(approvals, weakenings()["unknown fields kept"],
		func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.Update(ctx, wanted, dryRun)
		})}.run(t)
}

func TestStatusOfCRDs(t *testing.T) {
	crd := definition("approvals")
	unserved := on(func(d *apiextensionsv1.CustomResourceDefinition) {
		for i := range d.Status.Conditions {
			d.Status.Conditions[i].Status = apiextensionsv1.ConditionFalse
		}
	})
	renamed := on(func(d *apiextensionsv1.CustomResourceDefinition) { d.Status.AcceptedNames.Plural = "nothing" })
	put := func(change func(client.Object)) func(context.Context, client.Client) error {
		return changes(crd, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.Status().Update(ctx, wanted)
		})
	}
	merge := func(change func(client.Object)) func(context.Context, client.Client) error {
		return changes(crd, change, func(ctx context.Context, c client.Client, was, wanted client.Object) error {
			return c.Status().Patch(ctx, wanted, client.MergeFrom(was))
		})
	}
	const its = "the status of a CRD of Sluice is the API server's"
	mallory := person("mallory")
	try(t, []attempt{
		{name: "not established by PUT", as: mallory, about: crd, write: put(unserved), policy: "sluice-crds", says: its},
		{name: "not established by merge patch", as: mallory, about: crd, write: merge(unserved), policy: "sluice-crds", says: its},
		{name: "no such names by PUT", as: mallory, about: crd, write: put(renamed), policy: "sluice-crds", says: its},
		{name: "no such names by merge patch", as: mallory, about: crd, write: merge(renamed), policy: "sluice-crds", says: its},
		{name: "by a holder of unlock", as: unlockEverywhere(t, "crds-migrator"), about: crd, write: put(func(client.Object) {})},
	})
}

func TestCRDsOfOthers(t *testing.T) {
	widgets := func(group string) *apiextensionsv1.CustomResourceDefinition {
		return &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: "widgets." + group},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: group, Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: "v1", Served: true, Storage: true,
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)}},
				}},
			},
		}
	}
	theirs, ours := widgets("example.com"), widgets("sluice.dev")
	dave := person("dave")
	try(t, []attempt{
		{name: "made", as: dave, about: theirs, write: creates(theirs)},
		{name: "changed", as: dave, about: theirs, write: merges(theirs, rewritten)},
		{name: "deleted", as: dave, about: theirs, write: deletes(theirs)},
		{name: "one more in our group", as: dave, about: ours, write: creates(ours), policy: "sluice-crds", says: takesUnlock},
	})
	eventually(t, func() error { return gone(t.Context(), theirs) })
}

// A Service behind the group would answer for all of it, and no policy would be asked.
func TestTheWayToTheKinds(t *testing.T) {
	service := func(name, group string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": name},
			"spec": map[string]any{
				"group": group, "version": strings.Split(name, ".")[0], "groupPriorityMinimum": int64(1000), "versionPriority": int64(100),
				"service": map[string]any{"namespace": "mallory", "name": "mine"}, "insecureSkipTLSVerify": true,
			},
		}}
	}
	ours, more, theirs := service("v1alpha1.sluice.dev", "sluice.dev"), service("v9.sluice.dev", "sluice.dev"), service("v1.example.com", "example.com")
	turned := func(o client.Object) {
		object := as[*unstructured.Unstructured](o)
		for _, key := range []string{"service", "insecureSkipTLSVerify"} {
			value, _, err := unstructured.NestedFieldCopy(ours.Object, "spec", key)
			if err == nil {
				err = unstructured.SetNestedField(object.Object, value, "spec", key)
			}
			if err != nil {
				panic(err) // a mistake in the test
			}
		}
	}
	const itself = "the API server itself serves sluice.dev, from the CRDs: leave spec.service out"
	for who, somebody := range map[string]*actor{"mallory": person("mallory"), "the administrator": admin} {
		tryWays(t, attempt{name: "turned to somebody's server by " + who, as: somebody, about: ours, policy: "sluice-apiservices", says: itself}, turned)
		attempt{name: "another version by " + who, as: somebody, about: more, write: creates(more), policy: "sluice-apiservices", says: itself}.run(t)
	}
	attempt{name: "another group", as: person("dave"), about: theirs, write: creates(theirs)}.run(t)
	if err := admin.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
}

// The order of uninstalling: policies, then CRDs. It needs no other exemption, and the wrong order is refused.
func TestScenario30Uninstalling(t *testing.T) {
	onPlane(t, nil, []string{"crd", "default"}, func() {
		eventually(t, func() error {
			return refusal(admin.Delete(t.Context(), definition("approvals"), dryRun), "sluice-crds", "take the policies away first")
		})
		create(t, MakeRecord(open(t, "uninstall"), "checkout-aaaaaaaa-00000"), theOperator())
		refusedByKubectl := func(args ...string) {
			output, err := kubectl(t.Context(), args...)
			if err == nil || !strings.Contains(output, "take the policies away first") {
				t.Fatalf("kubectl %v: must be refused, and say what comes first; got %v\n%s", args, err, output)
			}
		}
		refusedByKubectl("delete", "-k", config("crd"), "--wait=false")
		for _, folder := range []string{"default", "crd"} {
			// An API server hears some milliseconds late that a policy is gone.
			eventually(t, func() error {
				_, err := kubectl(t.Context(), "delete", "-k", config(folder), "--ignore-not-found", "--timeout=60s")
				return err
			})
		}
		eventually(t, func() error {
			err := admin.Get(t.Context(), client.ObjectKeyFromObject(definition("releaserecords")), &apiextensionsv1.CustomResourceDefinition{})
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("the CRD is still there: %w", err)
			}
			return nil
		})
	})
}
