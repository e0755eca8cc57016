package promotion

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// GraphError says why the environments of a pipeline make no order.
type GraphError struct {
	// Reason: CycleInEnvironments or UnknownPredecessor.
	Reason string
	// Message says which, and what to write instead.
	Message string
}

// Error returns the message.
func (e *GraphError) Error() string { return e.Message }

// Predecessors returns, for the environment at an index, the names of those it follows: what after says, else the one
// listed before it.
func Predecessors(environments []v1alpha1.PipelineEnvironment, index int) []string {
	if after := environments[index].After; len(after) > 0 {
		return after
	}
	if index == 0 {
		return nil
	}
	return []string{environments[index-1].Name}
}

// CheckGraph finds unknown predecessors and circles; nil where the environments make an order.
func CheckGraph(environments []v1alpha1.PipelineEnvironment) *GraphError {
	names := make([]string, 0, len(environments))
	for _, e := range environments {
		names = append(names, e.Name)
	}
	placed := make(map[string]bool, len(environments))
	for i, e := range environments {
		for _, name := range Predecessors(environments, i) {
			if !slices.Contains(names, name) {
				return &GraphError{v1alpha1.ReasonUnknownPredecessor, "environment " + e.Name + " comes after " + name +
					", which the pipeline does not list; write one of: " + strings.Join(names, ", ")}
			}
		}
	}
	for range environments {
		place(environments, placed)
	}
	var circle []string
	for _, name := range names {
		if !placed[name] {
			circle = append(circle, name)
		}
	}
	if len(circle) > 0 {
		return &GraphError{v1alpha1.ReasonCycleInEnvironments, "environments wait for each other: " +
			strings.Join(circle, ", ") + "; change after of one of them, so that one can be first"}
	}
	return nil
}

// place marks every environment whose predecessors are marked.
func place(environments []v1alpha1.PipelineEnvironment, placed map[string]bool) {
	for i, e := range environments {
		ready := true
		for _, name := range Predecessors(environments, i) {
			ready = ready && placed[name]
		}
		if ready {
			placed[e.Name] = true
		}
	}
}
