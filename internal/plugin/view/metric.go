package view

import (
	"fmt"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// metricNodes show what a metric gate saw: the span of its numbers, how many samples there were, and why some are missing.
// Nothing for other gates.
func metricNodes(f v1alpha1.MetricFigures) []node {
	if f.Samples == nil {
		return nil
	}
	var nodes []node
	if f.Minimum != "" {
		names, values := figureTable([]figure{{"min", f.Minimum}, {"max", f.Maximum}, {"last", f.Last}})
		nodes = append(nodes, node{label: names}, node{label: values})
	}
	nodes = append(nodes, node{label: line(toned(Faint, fmt.Sprintf("%d samples of %s", *f.Samples, f.Query)))})
	if f.Missing != nil && *f.Missing > 0 {
		nodes = append(nodes, node{label: line(toned(Bad, fmt.Sprintf("%d missing: %s", *f.Missing, f.MissingReason)))})
	}
	return nodes
}
