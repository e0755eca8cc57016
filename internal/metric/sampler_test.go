package metric

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock/clocktest"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// prometheus answers each query as the next of its answers says, and the last one for ever.
type prometheus struct {
	answers []string
	asked   []string
	header  http.Header
}

func (p *prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked, p.header = append(p.asked, r.FormValue("query")), r.Header
	answer := p.answers[min(len(p.asked), len(p.answers))-1]
	if code, rest, found := strings.Cut(answer, " "); found && len(code) == 3 {
		w.Header().Set("Location", rest)
		http.Error(w, rest, map[string]int{"302": 302, "401": 401, "500": 500}[code])
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.HasPrefix(answer, "error:") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":%q}`, answer)
		return
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":%s}`, answer)
}

// vector is an answer with one series for each value.
func vector(values ...string) string {
	series := make([]string, 0, len(values))
	for i, value := range values {
		series = append(series, fmt.Sprintf(`{"metric":{"n":"%d"},"value":[1700000000,%q]}`, i, value))
	}
	return `{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}`
}

func scalar(value string) string {
	return fmt.Sprintf(`{"resultType":"scalar","result":[1700000000,%q]}`, value)
}

const (
	matrix    = `{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"]]}]}`
	histogram = `{"resultType":"vector","result":[{"metric":{},"histogram":[1700000000,{"count":"1","sum":"1","buckets":[]}]}]}`
)

type samplerBuilder struct {
	s     Sampler
	clock *clocktest.Hands
}

// makeSampler takes four samples a minute apart of which none may fail.
func makeSampler(url string) *samplerBuilder {
	clock := &clocktest.Hands{Time: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}
	return &samplerBuilder{clock: clock, s: Sampler{
		Gate: v1alpha1.MetricGate{
			Prometheus: v1alpha1.PrometheusServer{URL: url}, Query: `errors{ns="$(SLUICE_NAMESPACE)"}`, Samples: 4, IntervalSeconds: 60, PassIf: "result < 0.01",
		},
		Lookup:   func(name string) (string, bool) { return "shop-test", name == "SLUICE_NAMESPACE" },
		Progress: &bytes.Buffer{}, Clock: clock, Pause: clock.Pause,
	}}
}

func (b *samplerBuilder) With(change func(*Sampler)) *samplerBuilder {
	change(&b.s)
	return b
}

func (b *samplerBuilder) Obj() *Sampler { return &b.s }

func TestSamples(t *testing.T) {
	tolerant := func(g *v1alpha1.MetricGate) { g.MaxFailed, g.Samples = 3, 6 }
	for name, c := range map[string]struct {
		answers []string
		gate    func(*v1alpha1.MetricGate)
		// samples, failed, most failed in a row, missing.
		counts           [4]int32
		last, lastFailed string
		span             string
		reason           string
	}{
		"all keep it":                    {answers: []string{vector("0.001"), vector("0.003"), scalar("0.002")}, counts: [4]int32{4, 0, 0, 0}, last: "0.002", span: "0.001 0.003"},
		"the first that fails is enough": {answers: []string{vector("0.001"), vector("0.031"), vector("0")}, counts: [4]int32{2, 1, 1, 0}, last: "0.031", lastFailed: "0.031", span: "0.001 0.031"},
		"some may fail": {
			answers: []string{vector("1"), vector("0"), vector("2"), vector("3"), vector("0")}, gate: tolerant,
			counts: [4]int32{6, 3, 2, 0}, last: "0", lastFailed: "3", span: "0 3",
		},
		"too many in a row": {
			answers: []string{vector("1"), vector("0"), vector("2"), vector("3"), vector("0")},
			gate: func(g *v1alpha1.MetricGate) {
				tolerant(g)
				g.MaxConsecutiveFailed = 1
			},
			counts: [4]int32{4, 3, 2, 0}, last: "3", lastFailed: "3", span: "0 3",
		},
		"a missing sample does not end a row": {
			answers: []string{vector("1"), vector(), vector("2"), vector("0")}, gate: tolerant,
			counts: [4]int32{6, 2, 2, 1}, last: "0", lastFailed: "2", span: "0 2", reason: "the query returned no data",
		},
		"no data":              {answers: []string{vector()}, counts: [4]int32{4, 0, 0, 4}, reason: "the query returned no data"},
		"a division by zero":   {answers: []string{vector("NaN")}, counts: [4]int32{4, 0, 0, 4}, reason: "the query returned NaN"},
		"one series is NaN":    {answers: []string{vector("0", "NaN")}, gate: func(g *v1alpha1.MetricGate) { g.PassIf = "results.all(r, r < 1)" }, counts: [4]int32{4, 0, 0, 4}, reason: "NaN"},
		"infinity is a number": {answers: []string{vector("+Inf")}, counts: [4]int32{1, 1, 1, 0}, last: "+Inf", lastFailed: "+Inf", span: "+Inf +Inf"},
		"several series":       {answers: []string{vector("0", "1")}, counts: [4]int32{4, 0, 0, 4}, reason: "the query returned 2 series"},
		"several series are judged together": {
			answers: []string{vector("0", "1", "2", "3", "4", "5", "6")}, gate: func(g *v1alpha1.MetricGate) { g.PassIf = "results.all(r, r < 6)" },
			counts: [4]int32{1, 1, 1, 0}, last: "0, 1, 2, 3, 4 and 2 more", lastFailed: "0, 1, 2, 3, 4 and 2 more", span: "0 6",
		},
		"a range":            {answers: []string{matrix}, counts: [4]int32{4, 0, 0, 4}, reason: "the query returns a matrix, and a sample is an instant vector or a scalar"},
		"a histogram":        {answers: []string{histogram}, counts: [4]int32{4, 0, 0, 4}, reason: "the query returned a histogram"},
		"a query that is no": {answers: []string{"error: parse error"}, counts: [4]int32{4, 0, 0, 4}, reason: "error: parse error"},
		"not let in":         {answers: []string{"401 who are you"}, counts: [4]int32{4, 0, 0, 4}, reason: "client error: 401"},
		"it is broken":       {answers: []string{"500 oh"}, counts: [4]int32{4, 0, 0, 4}, reason: "server error: 500"},
		"sent elsewhere":     {answers: []string{"302 http://127.0.0.1:1/"}, counts: [4]int32{4, 0, 0, 4}, reason: "302"},
		"not a Prometheus":   {answers: []string{`"hello"`}, counts: [4]int32{4, 0, 0, 4}, reason: "the Prometheus says"},
		"a flood":            {answers: []string{vector(strings.Split(strings.Repeat("1 ", 100_000), " ")...)}, counts: [4]int32{4, 0, 0, 4}, reason: "too large"},
		"too many series":    {answers: []string{vector(strings.Fields(strings.Repeat("1 ", 1001))...)}, counts: [4]int32{4, 0, 0, 4}, reason: "1001 series, and 1000 are the most"},
		"it comes back":      {answers: []string{"500 oh", vector("0")}, counts: [4]int32{4, 0, 0, 1}, last: "0", span: "0 0", reason: "server error: 500"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &prometheus{answers: c.answers}
			listener := httptest.NewServer(server)
			defer listener.Close()
			b := makeSampler(listener.URL)
			if c.gate != nil {
				c.gate(&b.s.Gate)
			}
			f, err := b.Obj().Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := [4]int32{*f.Samples, *f.Failed, *f.ConsecutiveFailed, *f.Missing}; got != c.counts {
				t.Errorf("samples, failed, in a row, missing: %v, want %v (%s)", got, c.counts, f.MissingReason)
			}
			if f.Last != c.last || f.LastFailed != c.lastFailed || strings.TrimSpace(f.Minimum+" "+f.Maximum) != c.span {
				t.Errorf("last %q, last failed %q, from %q to %q", f.Last, f.LastFailed, f.Minimum, f.Maximum)
			}
			if !strings.Contains(f.MissingReason, c.reason) || c.reason == "" && f.MissingReason != "" {
				t.Errorf("missing because %q, want %q", f.MissingReason, c.reason)
			}
			if f.Query != `errors{ns="shop-test"}` || server.asked[0] != f.Query {
				t.Errorf("asked %q, and says %q", server.asked[0], f.Query)
			}
			if len(b.clock.Pauses) != int(*f.Samples) || b.clock.Pauses[0] != time.Minute {
				t.Errorf("paused %v", b.clock.Pauses)
			}
			if lines := strings.Count(b.s.Progress.(*bytes.Buffer).String(), "\n"); lines != int(*f.Samples) {
				t.Errorf("%d lines in the log", lines)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	listener := httptest.NewServer(http.NotFoundHandler())
	listener.Close()
	f, err := makeSampler(listener.URL).Obj().Run(t.Context())
	if err != nil || *f.Missing != 4 || !strings.Contains(f.MissingReason, "refused") || f.Minimum != "" || f.Last != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

// A sample that is not answered before the next one is due is missing, and what it took does not add up.
func TestSlowAnswers(t *testing.T) {
	release := make(chan struct{})
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer listener.Close()
	defer close(release)
	b := makeSampler(listener.URL).With(func(s *Sampler) { s.Gate.Samples, s.Gate.IntervalSeconds = 1, 1 })
	f, err := b.Obj().Run(t.Context())
	if err != nil || *f.Missing != 1 || !strings.Contains(f.MissingReason, "deadline") {
		t.Errorf("%+v, %v", f, err)
	}
}

// Samples are due at fixed times, whatever the answers take.
func TestSamplesKeepTime(t *testing.T) {
	b := makeSampler("")
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.clock.Time = b.clock.Time.Add(20 * time.Second)
		(&prometheus{answers: []string{vector("0")}}).ServeHTTP(w, r)
	}))
	defer listener.Close()
	b.s.Gate.Prometheus.URL = listener.URL
	if _, err := b.Obj().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.clock.Pauses); got != "[1m0s 40s 40s 40s]" {
		t.Errorf("paused %s", got)
	}
}

func TestAGateThatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Sampler)
		want   string
	}{
		"no condition":        {func(s *Sampler) { s.Gate.PassIf = "result <" }, "passIf: "},
		"an unknown variable": {func(s *Sampler) { s.Gate.Query = "up{x=\"$(SLUICE_NOWHERE)\"}" }, "query: SLUICE_NOWHERE is not set"},
		"one in the URL":      {func(s *Sampler) { s.Gate.Prometheus.URL = "http://$(SLUICE_NOWHERE)" }, "prometheus.url: SLUICE_NOWHERE is not set"},
		"no authorities":      {func(s *Sampler) { s.Gate.Prometheus.TLS.CertificateAuthorities = "none" }, "tls.certificateAuthorities holds no certificate"},
		"no certificate":      {func(s *Sampler) { s.Secrets.ClientCertificate, s.Secrets.ClientKey = "x", "y" }, "clientCertificate and clientKey: "},
		"it is stopped":       {func(s *Sampler) { s.Pause = func(context.Context, time.Duration) error { return context.Canceled } }, "stopped after 0 of 4 samples"},
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := makeSampler("http://127.0.0.1:1").With(c.change).Obj().Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v, want %s", f, err, c.want)
			}
		})
	}
}

// The real pause ends early when the pod is told to.
func TestPauseEnds(t *testing.T) {
	s := &Sampler{}
	if err := s.pause(t.Context(), 0); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// keyPair makes a certificate that signs itself, as PEM.
func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", encoded)
}

func TestWhoAsksAndWhoAnswers(t *testing.T) {
	certificate, key := keyPair(t)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(certificate))
	server := &prometheus{answers: []string{vector("0")}}
	listener := httptest.NewUnstartedServer(server)
	listener.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	listener.Config.ErrorLog = log.New(io.Discard, "", 0) // those that are refused are wanted
	listener.StartTLS()
	defer listener.Close()
	authorities := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw}))
	secrets := Secrets{BearerToken: "open-sesame\n", ClientCertificate: certificate, ClientKey: key}
	for name, c := range map[string]struct {
		tls     v1alpha1.GateTLS
		secrets Secrets
		reason  string
	}{
		"verified on both sides":     {v1alpha1.GateTLS{CertificateAuthorities: authorities}, secrets, ""},
		"not verified, by choice":    {v1alpha1.GateTLS{Verification: v1alpha1.SkipTLS}, secrets, ""},
		"an unknown authority":       {v1alpha1.GateTLS{}, secrets, "certificate signed by unknown authority"},
		"no certificate of the gate": {v1alpha1.GateTLS{CertificateAuthorities: authorities}, Secrets{}, "certificate required"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := makeSampler(listener.URL).With(func(s *Sampler) { s.Gate.Prometheus.TLS, s.Secrets = c.tls, c.secrets }).Obj().Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if (c.reason == "") != (*f.Missing == 0) || !strings.Contains(f.MissingReason, c.reason) {
				t.Errorf("%d missing: %s, want %q", *f.Missing, f.MissingReason, c.reason)
			}
			if got := server.header.Get("Authorization"); c.reason == "" && got != "Bearer open-sesame" {
				t.Errorf("sent %q", got)
			}
			if text := f.Query + f.MissingReason + f.Last; strings.Contains(text, "open-sesame") {
				t.Errorf("the token shows: %s", text)
			}
		})
	}
}

// What may fail is the core's to say: the sampler only stops when nothing can change the verdict any more.
func TestStopsOnlyWhenTheVerdictIsClear(t *testing.T) {
	server := &prometheus{answers: []string{vector("1"), vector("0")}}
	listener := httptest.NewServer(server)
	defer listener.Close()
	b := makeSampler(listener.URL).With(func(s *Sampler) { s.Gate.MaxFailed = 1 })
	f, err := b.Obj().Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state, message := promotion.JudgeMetric(b.s.Gate, *f); state != promotion.RunPassed || message != "3 of 4 samples passed: result < 0.01, from 0 to 1" {
		t.Errorf("%s: %s", state, message)
	}
}
