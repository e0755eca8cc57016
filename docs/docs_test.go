// Package docs_test holds the documentation to the code: every reason has an entry in troubleshooting.md, links lead
// somewhere, and examples fit the types.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	root  = ".."
	types = root + "/api/v1alpha1"
)

// explained are the constants that a person may meet in a status: by file, the prefixes of their names.
var explained = map[string][]string{
	"reasons.go":                {"Condition", "Reason", "Ignored"},
	"promotion_status_types.go": {"Cause", "Outcome"},
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// constants returns the string constants of a Go file, as value by name.
func constants(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != len(spec.Names) {
			return true
		}
		for i, name := range spec.Names {
			if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[name.Name] = value
			}
		}
		return true
	})
	return found
}

// entry is a heading, or a row of a table that begins with a word as code.
var entry = regexp.MustCompile("(?m)^(?:#+ `?|\\| `)([A-Z][A-Za-z]+)`?(?: \\||$)")

func TestEveryReasonIsExplained(t *testing.T) {
	entries := map[string]bool{}
	for _, match := range entry.FindAllStringSubmatch(read(t, "troubleshooting.md"), -1) {
		entries[match[1]] = true
	}
	for file, prefixes := range explained {
		found := 0
		for name, value := range constants(t, filepath.Join(types, file)) {
			if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
				continue
			}
			found++
			if !entries[value] {
				t.Errorf("troubleshooting.md has neither a heading nor a row for %s (%s of %s)", value, name, file)
			}
		}
		if found == 0 {
			t.Errorf("%s has no constant that begins with %v: this test looks in the wrong place", file, prefixes)
		}
	}
}

// A row about a word that no constant has is left over from an earlier version.
func TestEveryRowIsAboutSomething(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(types, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, file := range files {
		for _, value := range constants(t, file) {
			known[value] = true
		}
	}
	row := regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\|")
	for _, match := range row.FindAllStringSubmatch(read(t, "troubleshooting.md"), -1) {
		if !known[match[1]] {
			t.Errorf("troubleshooting.md explains %s, which no constant of the API has", match[1])
		}
	}
}

// pages are README.md and everything below docs.
func pages(t *testing.T) []string {
	t.Helper()
	pages := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	return pages
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// split parts a page into its prose and its examples in YAML.
func split(text string) (prose string, examples []string) {
	var lines, example []string
	language, inside := "", false
	for line := range strings.Lines(text) {
		after, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && !inside:
			language, inside, example = after, true, nil
		case fence:
			inside = false
			if language == "yaml" {
				examples = append(examples, strings.Join(example, ""))
			}
		case inside:
			example = append(example, line)
		default:
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), examples
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		prose, _ := split(read(t, page))
		for _, match := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(match[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", page, match[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", page, match[1], target)
			}
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(text string) []string {
	var anchors []string
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	prose, _ := split(text)
	for _, match := range heading.FindAllStringSubmatch(prose, -1) {
		anchors = append(anchors, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-"))
	}
	return anchors
}

// Examples of Sluice's kinds hold no field that the types do not have.
func TestExamplesFitTheTypes(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range pages(t) {
		_, examples := split(read(t, page))
		for _, example := range examples {
			for document := range strings.SplitSeq(example, "\n---\n") {
				checked += check(t, scheme, page, document)
			}
		}
	}
	if checked == 0 {
		t.Error("no example was found: this test looks in the wrong place")
	}
}

// check parses a document, strictly if it is of a kind of Sluice, and returns how many were of one.
func check(t *testing.T, scheme *runtime.Scheme, page, document string) int {
	t.Helper()
	var about struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(document), &about); err != nil {
		t.Errorf("%s: an example is no YAML: %v\n%s", page, err, document)
		return 0
	}
	if !strings.HasPrefix(about.APIVersion, v1alpha1.GroupVersion.Group+"/") {
		return 0
	}
	object, err := scheme.New(schema.FromAPIVersionAndKind(about.APIVersion, about.Kind))
	if err != nil {
		t.Errorf("%s: %v", page, err)
		return 0
	}
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		t.Errorf("%s: an example of %s does not fit its type: %v\n%s", page, about.Kind, err, document)
	}
	return 1
}
