package policy

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/config/admission"
)

// Kinds of objects in a Set.
const (
	ValidatingPolicy  = "ValidatingAdmissionPolicy"
	ValidatingBinding = "ValidatingAdmissionPolicyBinding"
	MutatingPolicy    = "MutatingAdmissionPolicy"
	MutatingBinding   = "MutatingAdmissionPolicyBinding"
)

// Set is a number of policies and bindings.
type Set struct {
	ValidatingPolicies []admissionv1.ValidatingAdmissionPolicy
	ValidatingBindings []admissionv1.ValidatingAdmissionPolicyBinding
	MutatingPolicies   []admissionv1.MutatingAdmissionPolicy
	MutatingBindings   []admissionv1.MutatingAdmissionPolicyBinding
}

// Objects returns everything in the set.
func (s *Set) Objects() []client.Object {
	var objects []client.Object
	for i := range s.ValidatingPolicies {
		objects = append(objects, &s.ValidatingPolicies[i])
	}
	for i := range s.ValidatingBindings {
		objects = append(objects, &s.ValidatingBindings[i])
	}
	for i := range s.MutatingPolicies {
		objects = append(objects, &s.MutatingPolicies[i])
	}
	for i := range s.MutatingBindings {
		objects = append(objects, &s.MutatingBindings[i])
	}
	return objects
}

// Shipped returns what this version of Sluice ships. It is shared, and not to be modified.
var Shipped = sync.OnceValue(func() *Set {
	set, err := Load(admission.Files)
	if err != nil {
		panic(err) // a mistake in what is built in, which every test would show
	}
	return set
})

// Load reads the policies and bindings of a folder.
func Load(files fs.FS) (*Set, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	set := &Set{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read policies: %w", err)
		}
		for document := range strings.SplitSeq(string(data), "\n---\n") {
			if err := set.add([]byte(document)); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return set, nil
}

// add reads one document; a kustomization is passed over.
func (s *Set) add(document []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return fmt.Errorf("read the kind: %w", err)
	}
	switch kind.Kind {
	case ValidatingPolicy:
		return appendTo(&s.ValidatingPolicies, document)
	case ValidatingBinding:
		return appendTo(&s.ValidatingBindings, document)
	case MutatingPolicy:
		return appendTo(&s.MutatingPolicies, document)
	case MutatingBinding:
		return appendTo(&s.MutatingBindings, document)
	case "Kustomization":
		return nil
	}
	return fmt.Errorf("a %q is neither a policy nor a binding", kind.Kind)
}

func appendTo[T any](list *[]T, document []byte) error {
	var object T
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	*list = append(*list, object)
	return nil
}
