package gate

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/metric/result"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// metricSecrets are what a Prometheus wants to see.
func metricSecrets(gate v1alpha1.MetricGate) []ownSecret {
	return slices.DeleteFunc([]ownSecret{
		{result.TokenVariable, "bearerToken", "bearerToken", gate.Prometheus.BearerToken},
		{result.CertificateVariable, "clientCertificate", "clientCertificate", gate.Prometheus.ClientCertificate},
		{result.KeyVariable, "clientKey", "clientKey", gate.Prometheus.ClientKey},
	}, ownSecret.missing)
}

// metricContainer asks a Prometheus, with the operator's own image.
func metricContainer(start promotion.StartGate) corev1.Container {
	return ownContainer(start, metricProgram, start.Gate.Metric, metricSecrets(start.Gate.Metric))
}

// observeMetric completes what was observed of a metric gate: with what was seen, or with why that does not count.
func observeMetric(run promotion.Run, job *batchv1.Job, pods []corev1.Pod) promotion.Run {
	return observeSingle(run, job, pods, "the samples could not be taken", func(run *promotion.Run, left string) error {
		figures, err := result.Decode(left)
		run.Metric = figures
		return err
	})
}
