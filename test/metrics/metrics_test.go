// Package metrics_test shows what a metric gate makes of the answers of a real Prometheus, which scrapes the sample
// application. Everything runs on loopback, for real and in real time.
package metrics_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/metric"
	"github.com/sluice-dev/sluice/internal/promotion"
)

const (
	wrongShare = `sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)",code=~"4.."}[2s])) / sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)"}[2s]))`
	// orZero is the same, as docs/gates.md writes it.
	orZero = `(sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)",code=~"4.."}[2s])) or vector(0)) / sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)"}[2s]))`
	p99    = `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{path="/quote"}[2s])))`
)

// makeGate takes three samples a second apart, of which none may fail.
func makeGate(url, query, passIf string) v1alpha1.MetricGate {
	return v1alpha1.MetricGate{
		Prometheus: v1alpha1.PrometheusServer{URL: url}, Query: query, Samples: 3, IntervalSeconds: 1, PassIf: passIf,
	}
}

// take runs a gate, and judges what it saw as the operator does.
func take(t *testing.T, gate v1alpha1.MetricGate, secrets metric.Secrets, pause func(context.Context, time.Duration) error) (promotion.RunState, string, *v1alpha1.MetricFigures) {
	t.Helper()
	sampler := metric.Sampler{
		Gate: gate, Secrets: secrets, Progress: io.Discard, Clock: clock.Real{}, Pause: pause,
		Lookup: func(name string) (string, bool) { return "shop-test", name == "SLUICE_NAMESPACE" },
	}
	figures, err := sampler.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, message := promotion.JudgeMetric(gate, *figures)
	return state, message, figures
}

// await takes single samples until one keeps a condition: a Prometheus listens before it answers, and scrapes have to come in.
func await(t *testing.T, gate v1alpha1.MetricGate, secrets metric.Secrets) {
	t.Helper()
	last := ""
	gate.Samples = 1
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		var state promotion.RunState
		if state, last, _ = take(t, gate, secrets, nil); state == promotion.RunPassed {
			return
		}
	}
	t.Fatalf("%s: %s", gate.Query, last)
}

func TestRealPrometheus(t *testing.T) {
	wrong := &atomic.Int32{}
	sample := startSample(t, wrong)
	url := "http://" + startPrometheus(t, sample.address).address
	await(t, makeGate(url, "sum(increase(http_requests_total[2s]))", "result > 150.0"), metric.Secrets{})
	await(t, makeGate(url, `rate(http_requests_total{path="/refund"}[2s])`, "result == 0.0"), metric.Secrets{})

	passed, failed, inconclusive := promotion.RunPassed, promotion.RunFailed, promotion.RunInconclusive
	t.Run("right", func(t *testing.T) {
		for _, c := range []struct {
			name, query, passIf string
			state               promotion.RunState
			message             string
		}{
			{"no error, as there is no such series", wrongShare, "result < 0.01", inconclusive, "only 0 of 3 samples brought a number, and 3 have to: the query returned no data"},
			{"no error", orZero, "result < 0.01", passed, "3 of 3 samples passed: result < 0.01, always 0"},
			{"quick", p99, "result < 0.25", passed, "3 of 3 samples passed: result < 0.25, "},
			{"not quick enough", p99, "result < 0.0000001", failed, "1 of 1 samples failed, at most 0 may: result 0.00"},
			{"each series", `rate(http_request_duration_seconds_count[2s])`, "results.all(r, r >= 0.0) && size(results) == 2", passed, "3 of 3 samples passed"},
			{"several series are not one", `rate(http_request_duration_seconds_count[2s])`, "result >= 0.0", inconclusive, "the query returned 2 series"},
			{"a scalar", "scalar(up)", "result == 1.0", passed, "3 of 3 samples passed: result == 1.0, always 1"},
			{"a division by zero", `rate(http_request_duration_seconds_sum{path="/refund"}[2s]) / rate(http_request_duration_seconds_count{path="/refund"}[2s])`, "result < 1", inconclusive, "the query returned NaN"},
			{"a range", `up[2s]`, "result < 1", inconclusive, "the query returns a matrix"},
			{"no PromQL", `sum(rate(`, "result < 1", inconclusive, "bad_data"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				if state, message, _ := take(t, makeGate(url, c.query, c.passIf), metric.Secrets{}, nil); state != c.state || !strings.Contains(message, c.message) {
					t.Errorf("%s: %s\nwant %s: %s", state, message, c.state, c.message)
				}
			})
		}
	})

	// A release whose answers go wrong while the gate looks. Of ten requests five are wrong from now on.
	wrong.Store(5)
	t.Run("errors", func(t *testing.T) {
		await(t, makeGate(url, wrongShare, "result > 0.4 && result < 0.6"), metric.Secrets{})
		gate := makeGate(url, wrongShare, "result < 0.01")
		gate.MaxFailed = 1
		state, message, figures := take(t, gate, metric.Secrets{}, nil)
		if state != failed || !strings.HasPrefix(message, "2 of 2 samples failed, at most 1 may: result 0.") {
			t.Errorf("%s: %s", state, message)
		}
		if share, err := strconv.ParseFloat(figures.LastFailed, 64); err != nil || share < 0.4 || share > 0.6 {
			t.Errorf("half of the requests are wrong, and it says %s", figures.LastFailed)
		}
		if !strings.Contains(figures.Query, `namespace="shop-test"`) {
			t.Errorf("it asked %s", figures.Query)
		}
	})
	wrong.Store(0)
	t.Run("errors that end", func(t *testing.T) {
		await(t, makeGate(url, wrongShare, "result < 0.01"), metric.Secrets{})
		if state, message, _ := take(t, makeGate(url, wrongShare, "result < 0.01"), metric.Secrets{}, nil); state != passed {
			t.Errorf("%s: %s", state, message)
		}
	})
}

// A Prometheus that goes away leaves samples missing, and a gate with enough of them passes all the same.
func TestAPrometheusThatGoes(t *testing.T) {
	server := startPrometheus(t, "127.0.0.1:1")
	url := "http://" + server.address
	await(t, makeGate(url, "vector(1)", "result == 1.0"), metric.Secrets{})
	goes := func() func(context.Context, time.Duration) error {
		pauses := 0
		return func(context.Context, time.Duration) error {
			pauses++
			if pauses == 3 {
				server.stop()
			}
			return nil
		}
	}
	gate := makeGate(url, "vector(1)", "result == 1.0")
	gate.Samples, gate.MinimumSamples = 4, 2
	if state, message, _ := take(t, gate, metric.Secrets{}, goes()); state != promotion.RunPassed || !strings.HasPrefix(message, "2 of 4 samples passed, 2 missing") {
		t.Errorf("%s: %s", state, message)
	}
	gate.MinimumSamples = 0
	if state, message, _ := take(t, gate, metric.Secrets{}, goes()); state != promotion.RunInconclusive || !strings.Contains(message, "connection refused") {
		t.Errorf("%s: %s", state, message)
	}
}

func TestARealPrometheusThatWantsACertificate(t *testing.T) {
	ca, directory := newAuthority(t), t.TempDir()
	certificate, key := ca.sign()
	config := write(t, directory, "web.yml", fmt.Sprintf(
		"tls_server_config: {cert_file: %s, key_file: %s, client_ca_file: %s, client_auth_type: RequireAndVerifyClientCert}\n",
		write(t, directory, "tls.crt", certificate), write(t, directory, "tls.key", key), write(t, directory, "ca.crt", ca.pem())))
	gate := makeGate("https://"+startPrometheus(t, "127.0.0.1:1", "--web.config.file="+config).address, "vector(1)", "result == 1.0")
	gate.Samples = 1
	own := metric.Secrets{}
	own.ClientCertificate, own.ClientKey = ca.sign()
	trusted := v1alpha1.GateTLS{CertificateAuthorities: ca.pem()}

	gate.Prometheus.TLS = trusted
	await(t, gate, own)
	if state, message, _ := take(t, gate, metric.Secrets{}, nil); state != promotion.RunInconclusive || !strings.Contains(message, "certificate required") {
		t.Errorf("without a certificate of its own: %s: %s", state, message)
	}
	gate.Prometheus.TLS = v1alpha1.GateTLS{}
	if state, message, _ := take(t, gate, own, nil); state != promotion.RunInconclusive || !strings.Contains(message, "unknown authority") {
		t.Errorf("without its authority: %s: %s", state, message)
	}
}
