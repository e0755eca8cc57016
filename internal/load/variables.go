package load

import (
	"errors"
	"fmt"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/outbound"
)

// Lookup finds the value of an environment variable.
type Lookup = outbound.Lookup

// expand replaces variables in what is sent.
func expand(target v1alpha1.LoadTarget, lookup Lookup) (v1alpha1.LoadTarget, error) {
	var missing error
	replace := func(text string) string {
		replaced, err := outbound.Expand(text, lookup)
		missing = errors.Join(missing, err)
		return replaced
	}
	expanded := *target.DeepCopy()
	expanded.URL, expanded.Body = replace(target.URL), replace(target.Body)
	for i := range expanded.Headers {
		if value := expanded.Headers[i].Value; value != nil {
			replaced := replace(*value)
			expanded.Headers[i].Value = &replaced
		}
	}
	if missing != nil {
		return expanded, fmt.Errorf("target %s: %w", target.URL, missing)
	}
	return expanded, nil
}
