package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metricPatience is how long a scrape waits for the cache.
const metricPatience = 5 * time.Second

// policyMetric tells of each policy and binding that is shipped whether the API server has it so. It looks when it is
// asked, so that it is never older than the cache, on the replica that stands by as well.
type policyMetric struct {
	gatherer *Gatherer
	whole    *prometheus.Desc
}

var _ prometheus.Collector = &policyMetric{}

func newPolicyMetric(gatherer *Gatherer) *policyMetric {
	return &policyMetric{gatherer: gatherer, whole: prometheus.NewDesc("sluice_policy_whole",
		"1 where the API server has an admission policy or binding as this operator ships it, 0 where it is missing or altered.",
		[]string{"kind", "name"}, nil)}
}

// Describe as prometheus.Collector.
func (m *policyMetric) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.whole }

// Collect as prometheus.Collector. Nothing is known, and nothing is told, before the cache is filled.
func (m *policyMetric) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricPatience)
	defer cancel()
	states, err := m.gatherer.policyStates(ctx)
	if err != nil {
		return
	}
	for _, s := range states {
		value := 0.0
		if s.Whole() {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(m.whole, prometheus.GaugeValue, value, s.Kind, s.Name)
	}
}
