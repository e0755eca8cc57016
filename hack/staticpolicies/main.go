// Command staticpolicies makes the static form of the admission policies: what an API server reads from files when it
// starts, and no request can change. It writes config/admission-static from config/admission.
//
//	go run ./hack/staticpolicies -to config/admission-static
//
// The loader of the API server wants names that end in .static.k8s.io, no parameters, and validating and mutating policies
// in folders of their own. What only warns is left out: nobody has to be told twice. config/admission-static holds a few
// files that are written by hand; they are left alone.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/config/admission"
	"github.com/sluice-dev/sluice/internal/policy"
)

const (
	suffix = ".static.k8s.io"
	// mark is the first line of a generated file.
	mark = "# Made from config/admission/"
)

func main() {
	to := flag.String("to", "config/admission-static", "folder to write to")
	flag.Parse()
	if err := write(admission.Files, *to); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// write makes every file of the static form, and removes those that were made before and are not any more.
func write(from fs.FS, to string) error {
	made, err := files(from)
	if err != nil {
		return err
	}
	if err := removeMade(to); err != nil {
		return err
	}
	for name, text := range made {
		path := filepath.Join(to, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// removeMade removes what an earlier run made.
func removeMade(folder string) error {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open what was made before: %w", err)
	}
	paths, err := fs.Glob(root.FS(), "*/*.yaml")
	if err != nil {
		return fmt.Errorf("list what was made before: %w", err)
	}
	for _, path := range paths {
		text, err := root.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read what was made before: %w", err)
		}
		if strings.HasPrefix(string(text), mark) {
			if err := root.Remove(path); err != nil {
				return fmt.Errorf("remove what was made before: %w", err)
			}
		}
	}
	return root.Close()
}

// files returns the static form, as text by path.
func files(from fs.FS) (map[string]string, error) {
	names, err := fs.Glob(from, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	made := map[string]string{}
	for _, name := range names {
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("read policies: %w", err)
		}
		documents, err := read(string(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for folder, text := range static(documents) {
			made[filepath.Join(folder, name)] = mark + name + " by hack/staticpolicies: make generate\n" + text
		}
	}
	return made, nil
}

// document is a policy or a binding, with its text.
type document struct {
	text, kind, name string
	// policy is the name of the policy: its own, or that of a binding.
	policy string
	// parameter says that it takes one.
	parameter bool
	// decides says that it refuses or changes something: all but a binding that only warns.
	decides bool
}

func read(text string) ([]document, error) {
	var documents []document
	for part := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n---\n") {
		var object struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Spec              struct {
				ParamKind         *admissionv1.ParamKind         `json:"paramKind"`
				ParamRef          *admissionv1.ParamRef          `json:"paramRef"`
				PolicyName        string                         `json:"policyName"`
				ValidationActions []admissionv1.ValidationAction `json:"validationActions"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal([]byte(part), &object); err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		d := document{text: part, kind: object.Kind, name: object.Name, policy: object.Name, decides: true}
		d.parameter = object.Spec.ParamKind != nil || object.Spec.ParamRef != nil
		if object.Spec.PolicyName != "" {
			d.policy = object.Spec.PolicyName
		}
		if d.kind == policy.ValidatingBinding {
			d.decides = strings.Contains(fmt.Sprint(object.Spec.ValidationActions), string(admissionv1.Deny))
		}
		documents = append(documents, d)
	}
	return documents, nil
}

// static returns what of a file has a static form, as text by folder.
func static(documents []document) map[string]string {
	bound := boundPolicies(documents)
	parts := map[string][]string{}
	for _, d := range documents {
		if d.parameter || !d.decides || !bound[d.policy] {
			continue
		}
		folder := "validating"
		if d.kind == policy.MutatingPolicy || d.kind == policy.MutatingBinding {
			folder = "mutating"
		}
		parts[folder] = append(parts[folder], d.renamed())
	}
	made := map[string]string{}
	for folder, texts := range parts {
		made[folder] = strings.Join(texts, "\n---\n") + "\n"
	}
	return made
}

// boundPolicies have a binding that takes no parameter, and that decides something.
func boundPolicies(documents []document) map[string]bool {
	bound := map[string]bool{}
	for _, d := range documents {
		if (d.kind == policy.ValidatingBinding || d.kind == policy.MutatingBinding) && d.decides && !d.parameter {
			bound[d.policy] = true
		}
	}
	return bound
}

// renamed is the text with the names that the loader wants. The names stand where every file of config/admission has them;
// a test reads the result.
func (d document) renamed() string {
	text := strings.Replace(d.text, "metadata: {name: "+d.name+"}", "metadata: {name: "+d.name+suffix+"}", 1)
	return strings.Replace(text, "policyName: "+d.policy, "policyName: "+d.policy+suffix, 1)
}
