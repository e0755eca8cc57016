package admission_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Whoever copies an example of the documents gets what it says: the API server takes each, with every rule of the schemas
// and policies. Approvals are not among them: they name what waits.
func TestExamplesOfTheDocuments(t *testing.T) {
	namespace, taken := open(t, "docs"), map[string]int{}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n```yaml\n")[1:] {
			code, _, _ := strings.Cut(block, "\n```")
			for document := range strings.SplitSeq(code, "\n---\n") {
				if kind := takeExample(t, filepath.Base(page), namespace, document); kind != "" {
					taken[kind]++
				}
			}
		}
	}
	for _, kind := range []string{"DeliveryPipeline", "Environment", "GateTemplate", "Promotion"} {
		if taken[kind] == 0 {
			t.Errorf("there is no example of a %s: this test looks in the wrong place", kind)
		}
	}
}

// takeExample creates a document as a dry run, if it is of a kind of Sluice that people write, and returns its kind.
func takeExample(t *testing.T, page, namespace, document string) string {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil || object.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
		return ""
	}
	switch object.GetKind() {
	case "Approval", "ReleaseRecord":
		return ""
	case "GateTemplate":
	default:
		object.SetNamespace(namespace)
	}
	if err := admin.Create(t.Context(), object, client.DryRunAll); err != nil {
		t.Errorf("%s: the API server does not take the %s %s: %v", page, object.GetKind(), object.GetName(), err)
	}
	return object.GetKind()
}
