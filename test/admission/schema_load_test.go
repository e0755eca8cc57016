package admission_test

import (
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	rateOrStages  = "write requestsPerSecond with durationSeconds, or stages"
	tooFew        = "this sends fewer requests than minimumRequests"
	evenHTTP2     = "HTTP2 is spoken over TLS: write https URLs, or protocol: HTTP2Cleartext"
	plainHTTP2    = "HTTP2Cleartext is spoken without TLS: write http URLs, or protocol: HTTP2"
	plainURL      = "write http://host/path or https://host/path, without a user, a fragment or spaces"
	addedPercent  = `write a percentage that may be added, such as "+10%"`
	longerTimeout = "the load would not end within timeoutSeconds: leave timeoutSeconds out, or write at least warmUpSeconds, all durationSeconds and twice requestTimeoutSeconds together"
)

// loadGates are the gates of an Environment: one, with a load that is right but for what is given.
func loadGates(inner string) string { return `[{name: g, purpose: Stress, load: {` + inner + `}}]` }

const (
	loadTarget = `targets: [{url: "http://api/x"}]`
	loadRate   = `requestsPerSecond: 100, durationSeconds: 60`
	loadLimit  = `thresholds: {p99Microseconds: 1000}`
)

func badLoads() []schemaCase {
	gates := func(inner string) schemaCase {
		return schemaCase{object: "environment", field: "gates", value: loadGates(inner)}
	}
	target := func(inner string) schemaCase {
		return gates(`targets: [{` + inner + `}], ` + loadRate + `, ` + loadLimit)
	}
	whole := func(more string) schemaCase {
		return gates(loadTarget + `, ` + loadRate + `, ` + loadLimit + `, ` + more)
	}
	url := func(text string) schemaCase { return target(`url: "` + text + `"`) }
	cases := []struct {
		schemaCase
		says string
	}{
		// A gate that can never fail, or never pass.
		{gates(loadTarget + `, ` + loadRate), "thresholds: Required value"},
		{gates(loadTarget + `, ` + loadRate + `, thresholds: {}`), "a load gate without a limit could never fail: write at least one, such as p99Microseconds: 150000 (150 ms)"},
		{gates(loadTarget + `, ` + loadRate + `, thresholds: {p99Microseconds: 0}`), "p99Microseconds"},
		{gates(loadTarget + `, ` + loadRate + `, thresholds: {successBasisPoints: 0}`), "successBasisPoints"},
		{gates(loadRate + `, ` + loadLimit), "targets"},
		{gates(`targets: [], ` + loadRate + `, ` + loadLimit), "targets"},
		{whole(`minimumRequests: 0`), "minimumRequests"},
		{whole(`minimumRequests: 6001`), tooFew},
		{gates(loadTarget + `, requestsPerSecond: 99, durationSeconds: 10, ` + loadLimit), tooFew},
		{gates(loadTarget + `, requestsPerSecond: 19, durationSeconds: 10, thresholds: {p95Microseconds: 1}`), tooFew},
		{gates(loadTarget + `, requestsPerSecond: 9, durationSeconds: 10, thresholds: {p50Microseconds: 1}`), tooFew},
		{gates(loadTarget + `, stages: [{durationSeconds: 10, fromPerSecond: 0, requestsPerSecond: 199}], ` + loadLimit), tooFew},
		{gates(loadTarget + `, stages: [{durationSeconds: 10, requestsPerSecond: 0}], ` + loadLimit), "a stage without a rate sends nothing: write requestsPerSecond or fromPerSecond above 0"},

		{gates(loadTarget + `, ` + loadLimit), rateOrStages},
		{gates(loadTarget + `, requestsPerSecond: 100, ` + loadLimit), rateOrStages},
		{gates(loadTarget + `, durationSeconds: 100, ` + loadLimit), rateOrStages},
		{whole(`stages: [{durationSeconds: 10, requestsPerSecond: 1000}]`), rateOrStages},
		{whole(`protocol: HTTP2`), evenHTTP2},
		{gates(`targets: [{url: "http://a"}, {url: "https://a"}], protocol: HTTP2Cleartext, ` + loadRate + `, ` + loadLimit), plainHTTP2},
		{whole(`protocol: HTTP3`), `supported values: "HTTP1", "HTTP2", "HTTP2Cleartext"`},
		{whole(`tls: {}`), "tls"},
		{whole(`tls: {verification: Skip, certificateAuthorities: "-----BEGIN CERTIFICATE-----"}`), "certificateAuthorities are of no use where verification is skipped: leave one of the two out"},
		{whole(`tls: {certificateAuthorities: /etc/ca.pem}`), "write certificates as PEM, beginning with -----BEGIN CERTIFICATE-----"},
		{whole(`workers: 51`), "workers"},
		{whole(`baseline: {environment: prod}`), `write how much slower the release may be, such as p99: "+10%"`},
		{whole(`baseline: {environment: prod, p99: 10%}`), addedPercent},
		{whole(`baseline: {environment: prod, p50: "+1.5%"}`), addedPercent},
		{whole(`baseline: {environment: prod, max: "-10%"}`), addedPercent},

		{url("api/x"), plainURL},
		{url("ftp://api/x"), plainURL},
		{url("http://user@api/x"), plainURL},
		{url("http://api/x#part"), plainURL},
		{url("http://api/a b"), plainURL},
		{target(`url: "http://api", method: BREW`), "supported values"},
		{target(`url: "http://api", statuses: [99]`), "statuses"},
		{target(`url: "http://api", bodyMatches: "("`), "write a regular expression (RE2)"},
		{target(`url: "http://api", headers: [{name: "A B", value: x}]`), "write letters, digits and dashes"},
		{target(`url: "http://api", headers: [{name: A}]`), "write exactly one of value and secretKeyRef"},
		{target(`url: "http://api", headers: [{name: A, value: "x\r\nB: y"}]`), "write one line"},
		{schemaCase{object: "environment", field: "gates", value: `[{name: g, purpose: Stress, timeoutSeconds: 84, load: {` + loadTarget + `, ` + loadRate + `, ` + loadLimit + `}}]`}, longerTimeout},
		{schemaCase{object: "environment", field: "gates", value: `[{name: g, purpose: Stress, soak: {durationSeconds: 1}, load: {` + loadTarget + `, ` + loadRate + `, ` + loadLimit + `}}]`}, oneKindOfGate},
	}
	bad := make([]schemaCase, 0, len(cases))
	for _, c := range cases {
		c.schemaCase.says = c.says
		bad = append(bad, c.schemaCase)
	}
	return bad
}

// What is written as docs/gates.md says is taken.
func TestLoadGatesThatAreRight(t *testing.T) {
	namespace := open(t, "schema-load")
	for _, gates := range []string{
		loadGates(loadTarget + `, ` + loadRate + `, ` + loadLimit),
		loadGates(loadTarget + `, requestsPerSecond: 100, durationSeconds: 10, ` + loadLimit),
		loadGates(loadTarget + `, requestsPerSecond: 1, durationSeconds: 5, minimumRequests: 5, warmUpSeconds: 0, thresholds: {successBasisPoints: 10000}`),
		loadGates(`targets: [{url: "https://api.$(SLUICE_NAMESPACE).svc:8443/x?y=z", method: POST, body: "{}", weight: 3, statuses: [201, 204],
			bodyContains: ok, bodyMatches: "^o.$", headers: [{name: A, value: ""}, {name: B, secretKeyRef: {name: s, key: k}}]}],
			protocol: HTTP2, tls: {verification: Verify}, workers: 4, requestTimeoutSeconds: 5,
			stages: [{durationSeconds: 10, fromPerSecond: 0, requestsPerSecond: 100}, {durationSeconds: 10, requestsPerSecond: 100}, {durationSeconds: 10, fromPerSecond: 100, requestsPerSecond: 0}],
			thresholds: {p50Microseconds: 1, p90Microseconds: 2, p95Microseconds: 3, p99Microseconds: 4, maxMicroseconds: 5, successBasisPoints: 9990, answeredPerSecond: 50},
			baseline: {environment: prod, p99: "+10%"}, resources: {limits: {memory: 1Gi}}`),
		`[{name: g, purpose: Stress, timeoutSeconds: 85, load: {` + loadTarget + `, ` + loadRate + `, ` + loadLimit + `}}]`,
	} {
		t.Run(gates, func(t *testing.T) {
			object := schemaCase{object: "environment", field: "gates", value: gates}.spoil(t, MakeEnvironment(namespace, v1alpha1.TierTest).Obj())
			if err := admin.Create(t.Context(), object, dryRun); err != nil {
				t.Error(err)
			}
		})
	}
}
