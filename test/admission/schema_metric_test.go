package admission_test

import (
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	neverFails    = "a gate that can never fail is none: maxFailed has to be less than minimumSamples"
	narrows       = "maxConsecutiveFailed narrows maxFailed: write maxFailed, at least as many"
	plainServer   = "write http://host:9090 or https://host/path, without a user, a query and a fragment; a token goes into bearerToken"
	bothOfAPair   = "write clientCertificate and clientKey, or neither"
	longerSamples = "the samples would not be taken within timeoutSeconds: leave timeoutSeconds out, or write at least samples times intervalSeconds, and requestTimeoutSeconds more"
)

const (
	metricServer = `prometheus: {url: "http://prometheus:9090"}`
	metricQuery  = `query: up`
	metricPass   = `passIf: "result == 1.0"`
)

// metricGates are the gates of an Environment: one, with a metric.
func metricGates(inner string) string { return `[{name: g, purpose: Other, metric: {` + inner + `}}]` }

func badMetrics() []schemaCase {
	gates := func(inner, says string) schemaCase {
		return schemaCase{"environment", "gates", metricGates(inner), says}
	}
	whole := func(more, says string) schemaCase {
		return gates(metricServer+`, `+metricQuery+`, `+metricPass+`, samples: 10, `+more, says)
	}
	server := func(inner, says string) schemaCase {
		return gates(`prometheus: {`+inner+`}, `+metricQuery+`, `+metricPass+`, samples: 10`, says)
	}
	condition := func(text string) schemaCase {
		return gates(metricServer+`, `+metricQuery+`, samples: 10, passIf: "`+text+`"`, "write a condition on result or results, such as result < 0.01: one that looks at neither could never fail")
	}
	return []schemaCase{
		// A gate that can never fail, or never pass.
		condition("true"),
		condition("value < 0.01"),
		gates(metricServer+`, `+metricQuery+`, samples: 10`, "passIf: Required value"),
		whole(`maxFailed: 10`, neverFails),
		whole(`maxFailed: 5, minimumSamples: 5`, neverFails),
		whole(`minimumSamples: 11`, "minimumSamples are at most samples"),
		whole(`maxConsecutiveFailed: 1`, narrows),
		whole(`maxFailed: 2, maxConsecutiveFailed: 3`, narrows),
		whole(`maxFailed: 0`, "maxFailed"),
		gates(metricServer+`, `+metricQuery+`, `+metricPass, "samples: Required value"),
		gates(metricServer+`, `+metricQuery+`, `+metricPass+`, samples: 1001`, "samples"),
		whole(`intervalSeconds: 0`, "intervalSeconds"),
		gates(metricServer+`, `+metricPass+`, samples: 10`, "query: Required value"),
		gates(metricQuery+`, `+metricPass+`, samples: 10`, "prometheus: Required value"),

		server(`url: "prometheus:9090"`, plainServer),
		server(`url: "http://user:password@prometheus"`, plainServer),
		server(`url: "http://prometheus/?query=up"`, plainServer),
		server(`url: "http://prometheus/#graph"`, plainServer),
		server(`url: "http://prometheus/a b"`, plainServer),
		server(`url: "https://p", clientCertificate: {name: s, key: k}`, bothOfAPair),
		server(`url: "https://p", clientKey: {name: s, key: k}`, bothOfAPair),
		server(`url: "https://p", bearerToken: {name: s}`, "key: Required value"),
		server(`url: "https://p", tls: {}`, "tls"),
		server(`url: "https://p", requestTimeoutSeconds: 301`, "requestTimeoutSeconds"),

		{"environment", "gates", `[{name: g, purpose: Other, timeoutSeconds: 159, metric: {` + metricServer + `, ` + metricQuery + `, ` + metricPass + `, samples: 10}}]`, longerSamples},
		{"environment", "gates", `[{name: g, purpose: Other, soak: {durationSeconds: 1}, metric: {` + metricServer + `, ` + metricQuery + `, ` + metricPass + `, samples: 10}}]`, oneKindOfGate},
	}
}

// What is written as docs/gates.md says is taken.
func TestMetricGatesThatAreRight(t *testing.T) {
	namespace := open(t, "schema-metric")
	for _, gates := range rightMetrics() {
		t.Run(gates, func(t *testing.T) {
			object := schemaCase{object: "environment", field: "gates", value: gates}.spoil(t, MakeEnvironment(namespace, v1alpha1.TierTest).Obj())
			if err := admin.Create(t.Context(), object, dryRun); err != nil {
				t.Error(err)
			}
		})
	}
}

func rightMetrics() []string {
	return []string{
		metricGates(metricServer + `, ` + metricQuery + `, ` + metricPass + `, samples: 1`),
		metricGates(`prometheus: {url: "https://prometheus.$(SLUICE_NAMESPACE).svc:9090/prefix/", tls: {verification: Skip}, requestTimeoutSeconds: 5,
			bearerToken: {name: s, key: token}, clientCertificate: {name: s, key: tls.crt}, clientKey: {name: s, key: tls.key}},
			query: "sum(rate(errors{release=\"$(SLUICE_RELEASE_HASH)\"}[1m]))", intervalSeconds: 30, samples: 20, minimumSamples: 16,
			passIf: "results.all(r, r < 0.01)", maxFailed: 15, maxConsecutiveFailed: 15`),
		`[{name: g, purpose: Other, timeoutSeconds: 160, onInconclusive: Hold, metric: {` + metricServer + `, ` + metricQuery + `, ` + metricPass + `, samples: 10}}]`,
	}
}
