package admission_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

var update = flag.Bool("update", false, "write what the roles come to into testdata")

// askedVerbs are those of Kubernetes and of Sluice, and one that nobody has: it shows a role with `*`.
var askedVerbs = []string{
	"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
	"unlock", "restore", "approve", "impersonate", "bind", "escalate", "anything",
}

// stockRoles are those that clusters bind to people.
var stockRoles = []string{"view", "edit", "admin"}

// access is one right as the API server answers it: verb, resource.group/subresource.
type access struct{ verb, resource string }

func TestRolesDoNotGrow(t *testing.T) {
	namespace := open(t, "rights-of-roles")
	resources := sluiceResources(t)
	var text strings.Builder
	granted := map[string][]access{}
	for _, role := range clusterRoles(t) {
		rights := inGroup(t, namespace, role, resources)
		if !slices.Contains(stockRoles, role.Name) {
			rights = append(rights, outsideGroup(t, role.Name, role.Rules)...)
		}
		granted[role.Name] = rights
		describe(&text, role.Name, rights)
	}
	for _, role := range namespacedRoles(t) {
		describe(&text, "Role "+role.Namespace+"/"+role.Name, outsideGroup(t, role.Name, role.Rules))
	}
	fmt.Fprintf(&text, "[of Kubernetes' own, these reach %s by a wildcard]\n%s\n", v1alpha1.GroupVersion.Group, strings.Join(byWildcard(t), "\n"))
	nobodyElse(t, granted)
	compareGolden(t, "roles", text.String())
}

// reserved are the rights that open production or make up evidence, and who holds them.
var reserved = map[access][]string{
	{"create", "approvals.sluice.dev"}:           {"sluice-approver", "sluice-restore"},
	{"update", "approvals.sluice.dev"}:           nil,
	{"patch", "approvals.sluice.dev"}:            nil,
	{"delete", "approvals.sluice.dev"}:           nil,
	{"unlock", "environments.sluice.dev"}:        {"sluice-platform", "sluice-break-glass"},
	{"restore", "environments.sluice.dev"}:       {"sluice-restore"},
	{"create", "environments.sluice.dev"}:        {"sluice-platform", "sluice-gitops-platform", "sluice-restore"},
	{"update", "environments.sluice.dev"}:        {"sluice-platform", "sluice-gitops-platform"},
	{"patch", "environments.sluice.dev"}:         {"sluice-platform", "sluice-gitops-platform"},
	{"delete", "environments.sluice.dev"}:        {"sluice-platform"},
	{"create", "gatetemplates.sluice.dev"}:       {"sluice-platform", "sluice-restore"},
	{"update", "gatetemplates.sluice.dev"}:       {"sluice-platform"},
	{"patch", "gatetemplates.sluice.dev"}:        {"sluice-platform"},
	{"delete", "gatetemplates.sluice.dev"}:       {"sluice-platform"},
	{"create", "releaserecords.sluice.dev"}:      {"sluice-operator", "sluice-restore"},
	{"update", "releaserecords.sluice.dev"}:      nil,
	{"patch", "releaserecords.sluice.dev"}:       nil,
	{"delete", "releaserecords.sluice.dev"}:      {"sluice-operator"},
	{"update", "environments.sluice.dev/status"}: {"sluice-operator"},
	{"patch", "environments.sluice.dev/status"}:  {"sluice-operator"},
	{"update", "promotions.sluice.dev/status"}:   {"sluice-operator"},
	{"patch", "promotions.sluice.dev/status"}:    {"sluice-operator"},
}

// nobodyElse fails the test where a reserved right is held by a role that is not named for it: the golden file can be
// written anew by whoever changes a role, this cannot.
func nobodyElse(t *testing.T, granted map[string][]access) {
	t.Helper()
	for right, holders := range reserved {
		for role, rights := range granted {
			if slices.Contains(rights, right) != slices.Contains(holders, role) {
				t.Errorf("%s may %s %s: %v; these may: %v", role, right.verb, right.resource, slices.Contains(rights, right), holders)
			}
		}
	}
	for role, rights := range granted {
		for _, right := range rights {
			if right.verb == "anything" || strings.Contains(right.resource, "anything") || strings.HasPrefix(right.verb, "deletecollection") {
				t.Errorf("%s may %s %s: no role of people holds a wildcard", role, right.verb, right.resource)
			}
		}
	}
}

// clusterRoles are Sluice's and the stock ones for people, once these are aggregated.
func clusterRoles(t *testing.T) []rbacv1.ClusterRole {
	t.Helper()
	var ours rbacv1.ClusterRoleList
	if err := admin.List(t.Context(), &ours, client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"}); err != nil {
		t.Fatal(err)
	}
	if len(ours.Items) == 0 {
		t.Fatal("no ClusterRoles")
	}
	roles := ours.Items
	for _, name := range stockRoles {
		var role rbacv1.ClusterRole
		eventually(t, func() error {
			if err := admin.Get(t.Context(), client.ObjectKey{Name: name}, &role); err != nil {
				return err
			}
			if slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.APIGroups, v1alpha1.GroupVersion.Group) }) {
				return nil
			}
			return fmt.Errorf("%s has nothing of Sluice yet", name)
		})
		roles = append(roles, role)
	}
	return roles
}

func namespacedRoles(t *testing.T) []rbacv1.Role {
	t.Helper()
	var roles rbacv1.RoleList
	if err := admin.List(t.Context(), &roles, client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"}); err != nil {
		t.Fatal(err)
	}
	return roles.Items
}

// sluiceResources are all that the API server serves in Sluice's group, subresources included, and one that it does not.
func sluiceResources(t *testing.T) []string {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	resources := []string{"anything", "environments/anything"}
	for _, resource := range list.APIResources {
		resources = append(resources, resource.Name)
	}
	slices.Sort(resources)
	return resources
}

// inGroup asks the API server what somebody may do in a namespace where the role is bound: all verbs, all of Sluice's
// resources. No expansion of ours can overlook a rule there.
func inGroup(t *testing.T, namespace string, role rbacv1.ClusterRole, resources []string) []access {
	t.Helper()
	user := "holder-of-" + role.Name
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: named(namespace, user),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	})
	last := role.Rules[len(role.Rules)-1]
	eventually(t, func() error {
		if !allowed(t, user, namespace, last.Verbs[0], last.APIGroups[0], last.Resources[0]) {
			return fmt.Errorf("the binding of %s is not seen yet", role.Name)
		}
		return nil
	})
	var rights []access
	for _, resource := range resources {
		for _, verb := range askedVerbs {
			if allowed(t, user, namespace, verb, v1alpha1.GroupVersion.Group, resource) {
				rights = append(rights, access{verb, qualified(v1alpha1.GroupVersion.Group, resource)})
			}
		}
	}
	return rights
}

func allowed(t *testing.T, user, namespace, verb, group, resource string) bool {
	t.Helper()
	resource, subresource, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace,
		},
	}}
	if err := admin.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// outsideGroup expands the rules about everything else, as the API server holds them. Wildcards are refused.
func outsideGroup(t *testing.T, role string, rules []rbacv1.PolicyRule) []access {
	t.Helper()
	var rights []access
	for _, rule := range rules {
		if slices.Contains(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs), "*") || len(rule.NonResourceURLs) > 0 {
			t.Errorf("%s: a rule with a wildcard or a URL: %v", role, rule)
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					if group != v1alpha1.GroupVersion.Group {
						rights = append(rights, access{verb, strings.TrimSpace(qualified(group, resource) + " " + strings.Join(rule.ResourceNames, " "))})
					}
				}
			}
		}
	}
	return rights
}

// qualified writes a resource as resource.group/subresource.
func qualified(group, resource string) string {
	resource, subresource, found := strings.Cut(resource, "/")
	if group != "" {
		resource += "." + group
	}
	if found {
		resource += "/" + subresource
	}
	return resource
}

// byWildcard are the ClusterRoles that reach Sluice's group without naming it.
func byWildcard(t *testing.T) []string {
	t.Helper()
	var roles rbacv1.ClusterRoleList
	if err := admin.List(t.Context(), &roles); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, role := range roles.Items {
		var verbs []string
		for _, rule := range role.Rules {
			if slices.Contains(rule.APIGroups, "*") && slices.Contains(rule.Resources, "*") {
				verbs = append(verbs, rule.Verbs...)
			}
		}
		if len(verbs) > 0 && role.Name != anything {
			slices.Sort(verbs)
			names = append(names, role.Name+": "+strings.Join(slices.Compact(verbs), " "))
		}
	}
	slices.Sort(names)
	return names
}

// describe writes the rights of a role, a line for each resource.
func describe(text *strings.Builder, role string, rights []access) {
	verbs := map[string][]string{}
	var resources []string
	for _, right := range rights {
		if len(verbs[right.resource]) == 0 {
			resources = append(resources, right.resource)
		}
		if !slices.Contains(verbs[right.resource], right.verb) {
			verbs[right.resource] = append(verbs[right.resource], right.verb)
		}
	}
	slices.Sort(resources)
	fmt.Fprintf(text, "[%s]\n", role)
	for _, resource := range resources {
		slices.SortFunc(verbs[resource], func(a, b string) int { return slices.Index(askedVerbs, a) - slices.Index(askedVerbs, b) })
		fmt.Fprintf(text, "%s: %s\n", resource, strings.Join(verbs[resource], " "))
	}
	text.WriteString("\n")
}

// compareGolden compares a text with testdata, or writes it there.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the roles come to something else than %s says (-want +got). Is that meant? "+
			"Then go test ./test/admission -run TestRolesDoNotGrow -update writes it:\n%s", path, diff)
	}
}
