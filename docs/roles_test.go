package docs_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// right is one verb on one resource, as `kubectl auth can-i` takes it.
type right struct{ role, verb, resource string }

// shippedRoles are the rights of the ClusterRoles of config/rbac.
func shippedRoles(t *testing.T) map[right]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "config", "rbac", "*_role*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rights := map[right]bool{}
	for _, file := range files {
		for document := range strings.SplitSeq(read(t, file), "\n---\n") {
			role := &rbacv1.ClusterRole{}
			if err := yaml.Unmarshal([]byte(document), role); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if role.Kind == "ClusterRole" {
				maps.Copy(rights, rightsOf(role))
			}
		}
	}
	return rights
}

func rightsOf(role *rbacv1.ClusterRole) map[right]bool {
	rights := map[right]bool{}
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rights[right{role.Name, verb, qualified(resource, group)}] = true
				}
			}
		}
	}
	return rights
}

// qualified writes a resource as resource.group/subresource.
func qualified(resource, group string) string {
	resource, sub, found := strings.Cut(resource, "/")
	if group != "" {
		resource += "." + group
	}
	if found {
		resource += "/" + sub
	}
	return resource
}

// documentedRoles are the rights that the tables of roles.md give.
func documentedRoles(t *testing.T) map[right]bool {
	t.Helper()
	heading := regexp.MustCompile("^### `(sluice-[a-z-]+)`$")
	rights, role := map[right]bool{}, ""
	for line := range strings.Lines(read(t, "roles.md")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			role = ""
		}
		if match := heading.FindStringSubmatch(line); match != nil {
			role = match[1]
		}
		cells := strings.Split(line, " | ")
		if role == "" || len(cells) != 3 || strings.HasPrefix(line, "| verbs") {
			continue
		}
		if why := strings.TrimSpace(strings.TrimSuffix(cells[2], "|")); why == "" {
			t.Errorf("%s: no reason for %s", role, line)
		}
		for verb := range strings.SplitSeq(strings.TrimPrefix(cells[0], "| "), ", ") {
			for resource := range strings.SplitSeq(cells[1], ", ") {
				rights[right{role, verb, resource}] = true
			}
		}
	}
	return rights
}

func TestRolesAreDocumentedAsShipped(t *testing.T) {
	shipped, documented := shippedRoles(t), documentedRoles(t)
	if len(shipped) == 0 || len(documented) == 0 {
		t.Fatal("no roles: this test looks in the wrong place")
	}
	for _, r := range slices.SortedFunc(maps.Keys(shipped), compareRights) {
		if !documented[r] {
			t.Errorf("roles.md does not say that %s may %s %s", r.role, r.verb, r.resource)
		}
	}
	for _, r := range slices.SortedFunc(maps.Keys(documented), compareRights) {
		if !shipped[r] {
			t.Errorf("roles.md says that %s may %s %s; config/rbac does not", r.role, r.verb, r.resource)
		}
	}
}

func compareRights(a, b right) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }

// Every rule of a role has its reason beside it.
func TestEveryRuleHasItsReason(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "config", "rbac", "*_role*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before := ""
		for line := range strings.Lines(string(text)) {
			alone := strings.Contains(string(text), "sluice-leader-election") // one rule, explained at the top
			if strings.HasPrefix(line, "- apiGroups:") && !strings.HasPrefix(before, "#") && !alone {
				t.Errorf("%s: no comment above %s", file, strings.TrimSpace(line))
			}
			before = line
		}
	}
}
