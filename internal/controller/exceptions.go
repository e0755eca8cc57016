package controller

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Kinds of exceptions that are counted.
const (
	exceptionEmergency = "Emergency"
	exceptionOverride  = "Override"
)

// Exceptions counts what went around evidence, freezes or the operator, by namespace of the environment. The zero value
// counts nothing.
type Exceptions struct{ counter *prometheus.CounterVec }

// NewExceptions makes a counter that starts at nothing.
func NewExceptions() Exceptions {
	return Exceptions{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sluice_exceptions_total",
		Help: "Releases that came in as an emergency, and changes by hand of what a namespace enforces, each with a record.",
	}, []string{"namespace", "kind"})}
}

// count counts what a record tells of that was written just now.
func (e Exceptions) count(record *v1alpha1.ReleaseRecord) {
	if e.counter == nil {
		return
	}
	if record.Spec.Emergency.Reason != "" {
		e.counter.WithLabelValues(record.Namespace, exceptionEmergency).Inc()
	}
	if record.Spec.Result == v1alpha1.ResultOverridden {
		e.counter.WithLabelValues(record.Namespace, exceptionOverride).Inc()
	}
}
