package load

import (
	"fmt"
	"regexp"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// variable is how a text refers to something that only the run knows.
var variable = regexp.MustCompile(`\$\((SLUICE_[A-Z0-9_]+)\)`)

// Lookup finds the value of an environment variable.
type Lookup func(name string) (string, bool)

// expand replaces variables in what is sent; one that is not set is an error, as the load would go somewhere else.
func expand(target v1alpha1.LoadTarget, lookup Lookup) (v1alpha1.LoadTarget, error) {
	var missing error
	replace := func(text string) string {
		return variable.ReplaceAllStringFunc(text, func(reference string) string {
			name := variable.FindStringSubmatch(reference)[1]
			value, found := lookup(name)
			if !found {
				missing = fmt.Errorf("target %s: %s is not set; docs/concepts.md lists the variables of a gate", target.URL, name)
			}
			return value
		})
	}
	expanded := *target.DeepCopy()
	expanded.URL, expanded.Body = replace(target.URL), replace(target.Body)
	for i := range expanded.Headers {
		if value := expanded.Headers[i].Value; value != nil {
			replaced := replace(*value)
			expanded.Headers[i].Value = &replaced
		}
	}
	return expanded, missing
}
