package admission_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// The installation of TestMain, over again: nothing is refused, and nothing changes.
func TestScenario30InstallingAgain(t *testing.T) {
	for range 2 {
		if err := plane.Install(t.Context(), config()); err != nil {
			t.Fatal(err)
		}
	}
	if difference, err := kubectl(t.Context(), "diff", "-k", config("default")); err != nil {
		t.Fatalf("%v\n%s", err, difference)
	}
}

// config/default holds no CRD, and config/crd no policy: no policy is applied before its CRD is established.
func TestScenario30Order(t *testing.T) {
	for folder, never := range map[string]string{"default": "kind: CustomResourceDefinition", "crd": "AdmissionPolicy"} {
		rendered, err := kubectl(t.Context(), "kustomize", config(folder))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(rendered, never) {
			t.Errorf("config/%s holds %q: a policy would be applied before its CRD is established", folder, never)
		}
	}
}

// Every policy type-checks, has a binding, and fails closed; lock, pin and Namespace guard take no parameter.
func TestPoliciesAreWhole(t *testing.T) {
	policies := &admissionregistrationv1.ValidatingAdmissionPolicyList{}
	if err := admin.List(t.Context(), policies, client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"}); err != nil {
		t.Fatal(err)
	}
	bound := boundPolicies(t)
	if len(policies.Items) == 0 {
		t.Fatal("no policies")
	}
	for n := range policies.Items {
		policy := &policies.Items[n]
		t.Run(policy.Name, func(t *testing.T) {
			if !bound[policy.Name] {
				t.Error("it has no binding")
			}
			if policy.Spec.ParamKind != nil && policy.Name != "sluice-signoff" && policy.Name != "sluice-reviews" {
				t.Error("it takes a parameter: it would refuse while the API server does not know the kind")
			}
			if check := policy.Status.TypeChecking; check != nil && len(check.ExpressionWarnings) > 0 {
				t.Error(check.ExpressionWarnings)
			}
			if policy.Name != "sluice-pinned" { // which only warns
				failsClosed(t, policy)
			}
		})
	}
}

// boundPolicies returns the names of the policies that have a binding.
func boundPolicies(t *testing.T) map[string]bool {
	t.Helper()
	bindings := &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{}
	if err := admin.List(t.Context(), bindings); err != nil {
		t.Fatal(err)
	}
	bound := map[string]bool{}
	for n := range bindings.Items {
		bound[bindings.Items[n].Spec.PolicyName] = true
	}
	return bound
}

func failsClosed(t *testing.T, policy *admissionregistrationv1.ValidatingAdmissionPolicy) {
	t.Helper()
	if *policy.Spec.FailurePolicy != admissionregistrationv1.Fail {
		t.Error("it fails open")
	}
	for _, validation := range policy.Spec.Validations {
		if validation.Reason == nil || *validation.Reason != metav1.StatusReasonForbidden || validation.Message == "" {
			t.Errorf("a validation without reason Forbidden or without a message: %s", validation.Expression)
		}
	}
}

// question is what a SubjectAccessReview asks.
type question struct {
	verb, group, resource, namespace, name string
	want                                   bool
}

func ask(t *testing.T, user string, groups []string, questions []question) {
	t.Helper()
	for _, q := range questions {
		resource, subresource, _ := strings.Cut(q.resource, "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, Groups: groups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: q.verb, Group: q.group, Resource: resource, Subresource: subresource, Namespace: q.namespace, Name: q.name,
			},
		}}
		if err := admin.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != q.want {
			t.Errorf("%s: may %s %s %q in %q = %v, want %v", user, q.verb, q.resource, q.name, q.namespace, review.Status.Allowed, q.want)
		}
	}
}

func TestTheOperatorsRights(t *testing.T) {
	sluice := v1alpha1.GroupVersion.Group
	in, out := open(t, "rights-in"), open(t, "rights-out")
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: named(in, "sluice"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: v1alpha1.EnvironmentRole},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "sluice", Namespace: "sluice-system"}},
	})
	operator := newActor(rest.ImpersonationConfig{UserName: operatorName})
	eventually(t, func() error {
		return operator.Get(t.Context(), client.ObjectKey{Name: in}, &corev1.Namespace{})
	})
	questions := []question{
		{verb: "watch", group: sluice, resource: "promotions", want: true},
		{verb: "patch", group: sluice, resource: "promotions/status", want: true},
		{verb: "update", group: sluice, resource: "environments/status", want: true},
		{verb: "update", group: sluice, resource: "environments"},
		{verb: "unlock", group: sluice, resource: "environments"},
		{verb: "restore", group: sluice, resource: "environments"},
		{verb: "create", group: sluice, resource: "approvals"},
		{verb: "create", group: sluice, resource: "promotions"},
		{verb: "create", group: sluice, resource: "releaserecords", want: true},
		{verb: "patch", group: sluice, resource: "releaserecords"},
		{verb: "get", resource: "secrets", namespace: in},
		{verb: "get", resource: "secrets"},
		{verb: "impersonate", resource: "serviceaccounts"},
		{verb: "patch", resource: "namespaces", namespace: in, name: in, want: true},
		{verb: "patch", resource: "namespaces", namespace: out, name: out},
		{verb: "watch", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies", want: true},
		{verb: "list", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings", want: true},
		{verb: "get", group: "admissionregistration.k8s.io", resource: "mutatingadmissionpolicies", want: true},
		{verb: "watch", group: "admissionregistration.k8s.io", resource: "mutatingadmissionpolicybindings", want: true},
		{verb: "update", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies"},
		{verb: "patch", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings"},
		{verb: "delete", group: "admissionregistration.k8s.io", resource: "mutatingadmissionpolicies"},
		{verb: "list", group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations"},
		{verb: "create", group: "events.k8s.io", resource: "events", namespace: out, want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: "sluice-system", want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: out},
	}
	for _, workload := range []string{"deployments", "statefulsets", "daemonsets"} {
		questions = append(questions,
			question{verb: "patch", group: "apps", resource: workload, namespace: in, want: true},
			question{verb: "update", group: "apps", resource: workload, namespace: in},
			question{verb: "patch", group: "apps", resource: workload, namespace: out},
			question{verb: "watch", group: "apps", resource: workload, want: true})
	}
	questions = append(questions,
		question{verb: "create", group: "batch", resource: "jobs", namespace: in, want: true},
		question{verb: "create", group: "batch", resource: "jobs", namespace: out},
		question{verb: "create", resource: "pods", namespace: in})
	ask(t, operatorName, nil, questions)
}

// The complete example applies, people have the rights that its comments promise, and its Approval fits what waits.
func TestSamples(t *testing.T) {
	ctx := t.Context()
	if output, err := kubectl(ctx, "apply", "-k", config("samples")); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	asDeveloper := []string{"--as=dave", "--as-group=shop-developers"}
	eventually(t, func() error {
		_, err := kubectl(ctx, append(asDeveloper, "create", "-f", config("samples", "promotion.yaml"))...)
		return err
	})
	promotion := &v1alpha1.Promotion{}
	if err := admin.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "checkout-1.4.2"}, promotion); err != nil {
		t.Fatal(err)
	}
	entry := awaiting("checkout-1.4.2", promotion.Spec.RequestedBy.Username)
	entry.PromotionRef.UID = string(promotion.UID)
	environment := &v1alpha1.Environment{}
	eventually(t, func() error {
		if err := admin.Get(ctx, client.ObjectKey{Namespace: "shop-prod", Name: v1alpha1.EnvironmentName}, environment); err != nil {
			return err
		}
		environment.Status.Awaiting = []v1alpha1.AwaitingPromotion{entry}
		return theOperator().Status().Update(ctx, environment)
	})
	data, err := os.ReadFile(config("samples", "approval.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "00000000-0000-0000-0000-000000000000", entry.PromotionRef.UID)
	text = strings.ReplaceAll(text, `releaseHash: "`+hash("0"), `releaseHash: "`+entry.ReleaseHash)
	text = strings.ReplaceAll(text, `evidenceHash: "`+hash("0"), `evidenceHash: "`+entry.EvidenceHash)
	alice := newActor(rest.ImpersonationConfig{UserName: "alice", Groups: []string{"release-managers"}})
	eventually(t, func() error {
		approval := &v1alpha1.Approval{}
		if err := yaml.Unmarshal([]byte(text), approval); err != nil {
			return err
		}
		if err := alice.Create(ctx, approval); err != nil {
			return fmt.Errorf("the sample does not fit what waits: %w", err)
		}
		return nil
	})
	peoplesRights(t)
}

func peoplesRights(t *testing.T) {
	t.Helper()
	sluice := v1alpha1.GroupVersion.Group
	for group, questions := range map[string][]question{
		"shop-developers": {
			{verb: "create", group: sluice, resource: "promotions", namespace: "shop", want: true},
			{verb: "patch", group: sluice, resource: "promotions", namespace: "shop", want: true},
			{verb: "update", group: sluice, resource: "deliverypipelines", namespace: "shop", want: true},
			{verb: "list", group: sluice, resource: "releaserecords", namespace: "shop-prod", want: true},
			{verb: "create", group: sluice, resource: "approvals", namespace: "shop-prod"},
			{verb: "update", group: sluice, resource: "environments", namespace: "shop-prod"},
			{verb: "patch", group: sluice, resource: "promotions/status", namespace: "shop"},
		},
		"release-managers": {
			{verb: "create", group: sluice, resource: "approvals", namespace: "shop-prod", want: true},
			{verb: "get", group: sluice, resource: "environments", namespace: "shop-prod", want: true},
			{verb: "get", group: sluice, resource: "promotions", namespace: "shop", want: true},
			{verb: "delete", group: sluice, resource: "approvals", namespace: "shop-prod"},
			{verb: "create", group: sluice, resource: "promotions", namespace: "shop"},
			{verb: "unlock", group: sluice, resource: "environments", namespace: "shop-prod"},
		},
		"platform-team": {
			{verb: "unlock", group: sluice, resource: "environments", namespace: "shop-prod", name: "environment", want: true},
			{verb: "delete", group: sluice, resource: "environments", namespace: "shop-prod", want: true},
			{verb: "restore", group: sluice, resource: "environments", namespace: "shop-prod"},
			{verb: "create", group: sluice, resource: "approvals", namespace: "shop-prod"},
			{verb: "create", group: sluice, resource: "releaserecords", namespace: "shop-prod"},
		},
	} {
		ask(t, "somebody", []string{group}, questions)
	}
}

// The NetworkPolicy is about the operator's pods, and lets in and out what they are made for.
func TestTheOperatorsNetwork(t *testing.T) {
	deployment, policy, rest := &appsv1.Deployment{}, &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicy{}
	for name, object := range map[string]client.Object{"sluice": policy, "deny": rest} {
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "sluice-system", Name: name}, object); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "sluice-system", Name: "sluice"}, deployment); err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	pod := deployment.Spec.Template
	if !selector.Matches(labels.Set(pod.Labels)) {
		t.Errorf("the policy is about %s, and the operator's pods have %v", selector, pod.Labels)
	}
	if port := policy.Spec.Ingress[0].Ports[0].Port.StrVal; !slices.ContainsFunc(pod.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == port }) {
		t.Errorf("no container has the port %q", port)
	}
	var ports []string
	for _, rule := range policy.Spec.Egress {
		for _, port := range rule.Ports {
			ports = append(ports, fmt.Sprintf("%s %s", *port.Protocol, port.Port))
		}
	}
	if want := []string{"UDP 53", "TCP 53", "TCP 443", "TCP 6443"}; !slices.Equal(ports, want) {
		t.Errorf("lets out to %v, want %v", ports, want)
	}
	if both := len(policy.Spec.PolicyTypes) + len(rest.Spec.PolicyTypes); both != 4 || len(rest.Spec.Ingress)+len(rest.Spec.Egress) > 0 || len(rest.Spec.PodSelector.MatchLabels) > 0 {
		t.Error("everything else in the namespace is denied, in both directions")
	}
}
