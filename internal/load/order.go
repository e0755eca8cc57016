package load

import "github.com/sluice-dev/sluice/api/v1alpha1"

// order is the sequence in which targets take turns, as indexes; it repeats. Targets are spread as evenly as their weights
// allow (a smooth weighted round robin), so that no target gets its requests in a bunch.
func order(targets []v1alpha1.LoadTarget) []int {
	total, due := 0, make([]int, len(targets))
	for _, t := range targets {
		total += weight(t)
	}
	sequence := make([]int, 0, total)
	for range total {
		next := 0
		for i, t := range targets {
			due[i] += weight(t)
			if due[i] > due[next] {
				next = i
			}
		}
		due[next] -= total
		sequence = append(sequence, next)
	}
	return sequence
}

func weight(t v1alpha1.LoadTarget) int { return max(1, int(t.Weight)) }
