package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Kinds of exceptions that are counted.
const (
	exceptionEmergency = "Emergency"
	exceptionOverride  = "Override"
)

// exceptions counts what went around evidence, freezes or the operator, by namespace of the environment.
var exceptions = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "sluice_exceptions_total",
	Help: "Releases that came in as an emergency, and changes by hand of what a namespace enforces, each with a record.",
}, []string{"namespace", "kind"})

func init() { metrics.Registry.MustRegister(exceptions) }

// countExceptions counts what a record tells of that was written just now.
func countExceptions(record *v1alpha1.ReleaseRecord) {
	if record.Spec.Emergency.Reason != "" {
		exceptions.WithLabelValues(record.Namespace, exceptionEmergency).Inc()
	}
	if record.Spec.Result == v1alpha1.ResultOverridden {
		exceptions.WithLabelValues(record.Namespace, exceptionOverride).Inc()
	}
}
