package policy

import (
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shippedNames are the names of all that is shipped.
var shippedNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, object := range Shipped().Objects() {
		names[object.GetName()] = true
	}
	return names
})

// IsShipped says whether some policy or binding of that name is shipped.
func IsShipped(name string) bool { return shippedNames()[name] }

// Strip leaves of a policy or binding what Compare looks at, and of those of others the name. It is a transform of a cache.
func Strip(object any) (any, error) {
	switch o := object.(type) {
	case *admissionv1.ValidatingAdmissionPolicy:
		o.Status = admissionv1.ValidatingAdmissionPolicyStatus{}
		strip(&o.ObjectMeta, &o.Spec)
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		strip(&o.ObjectMeta, &o.Spec)
	case *admissionv1.MutatingAdmissionPolicy:
		strip(&o.ObjectMeta, &o.Spec)
	case *admissionv1.MutatingAdmissionPolicyBinding:
		strip(&o.ObjectMeta, &o.Spec)
	}
	return object, nil
}

func strip[T any](meta *metav1.ObjectMeta, spec *T) {
	meta.ManagedFields, meta.Annotations = nil, nil
	if !IsShipped(meta.Name) {
		var nothing T
		*spec = nothing
	}
}
