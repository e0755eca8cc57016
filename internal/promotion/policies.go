package promotion

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// maxListed is how many policies a message names.
const maxListed = 5

// Policies are the admission policies and bindings of Sluice that are not as the operator ships them. The zero value
// means that all are.
type Policies struct {
	// Missing ones, as "kind name".
	Missing []string
	// Altered ones, as "kind name (fields)".
	Altered []string
}

// Whole says whether every policy and binding is there, as shipped.
func (p Policies) Whole() bool { return len(p.Missing) == 0 && len(p.Altered) == 0 }

// Reason says which are missing or altered, and how to mend that; the zero Reason where all are whole. A missing one is
// the graver.
func (p Policies) Reason() v1alpha1.Reason {
	var facts, commands []string
	reason := v1alpha1.ReasonPolicyAltered
	if len(p.Missing) > 0 {
		reason = v1alpha1.ReasonPolicyMissing
		facts = append(facts, "missing: "+list(p.Missing))
		commands = append(commands, "kubectl apply -k config/admission")
	}
	if len(p.Altered) > 0 {
		facts = append(facts, "not as this operator ships it: "+list(p.Altered))
		// apply would leave alone what somebody added.
		commands = append(commands, "kubectl replace -k config/admission")
	}
	if len(facts) == 0 {
		return v1alpha1.Reason{}
	}
	return v1alpha1.NewReason(reason,
		"the API server does not enforce what it should; %s. Nothing enters production or a locked environment until whoever installs Sluice runs, with the files of this version: %s",
		strings.Join(facts, "; "), strings.Join(commands, " && "))
}

// list names at most maxListed, in the order of the alphabet.
func list(names []string) string {
	names = slices.Sorted(slices.Values(names))
	if len(names) > maxListed {
		names = append(names[:maxListed:maxListed], "and more")
	}
	return strings.Join(names, ", ")
}
