package view

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// measures says whether a Job leaves something for the operator to judge: that of a gate that measures, or of a test with reports.
func measures(job *batchv1.Job) bool {
	pod := job.Spec.Template.Spec
	return slices.ContainsFunc(slices.Concat(pod.Containers, pod.InitContainers), func(c corev1.Container) bool {
		return c.Name == "load" || c.Name == "metric" || c.Name == "webhook" || c.Name == "runner"
	})
}

// loadNodes show what a load gate measured as a small table: percentiles above, their values below, then how much was
// measured and what failed. Nothing for other gates.
func loadNodes(f v1alpha1.LoadFigures) []node {
	if f.Requests == nil {
		return nil
	}
	names, values := latencyTable(f)
	volume := promotion.Thousands(*f.Requests) + " requests"
	if f.SentPerSecond != nil {
		volume += fmt.Sprintf(" at %s/s", promotion.Thousands(int64(*f.SentPerSecond)))
	}
	if f.SuccessBasisPoints != nil {
		volume += ", " + promotion.Percent(*f.SuccessBasisPoints) + " succeeded"
	}
	nodes := []node{{label: names}, {label: values}, {label: line(toned(Faint, volume))}}
	for _, failure := range f.Failures {
		if failure.Count == nil {
			continue
		}
		said := fmt.Sprintf("%s %s", promotion.Thousands(*failure.Count), failure.Kind)
		if failure.Example != "" {
			said += ": " + failure.Example
		}
		nodes = append(nodes, node{label: line(toned(Bad, said))})
	}
	return nodes
}

// latencyTable is a line of names with a line of values below.
func latencyTable(f v1alpha1.LoadFigures) (names, values Line) {
	var table []figure
	for _, latency := range []struct {
		name  string
		value *int64
	}{
		{"p50", f.P50Microseconds}, {"p90", f.P90Microseconds}, {"p95", f.P95Microseconds}, {"p99", f.P99Microseconds}, {"max", f.MaxMicroseconds},
	} {
		value := "-"
		if latency.value != nil {
			value = promotion.Microseconds(*latency.value)
		}
		table = append(table, figure{latency.name, value})
	}
	return figureTable(table)
}

// figure is a value with its name.
type figure struct{ name, value string }

// figureTable is a line of names with a line of values below.
func figureTable(table []figure) (names, values Line) {
	for _, c := range table {
		if len(names) > 0 {
			width := max(names.Columns(), values.Columns()) + len(gap)
			names, values = pad(names, width), pad(values, width)
		}
		names, values = names.and(toned(Faint, c.name)), values.and(text(c.value))
	}
	return names, values
}
