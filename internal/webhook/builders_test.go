package webhook

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock/clocktest"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

// secret is a signing key, as a Secret holds it.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

// loopback lets tests call their own servers.
var loopback = []string{"127.0.0.0/8", "::1/128"}

// reply of a receiver: a status, headers as "Name: value", and a body.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// endless never ends its answer.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusOK)
	for {
		if _, err := io.WriteString(w, `{"message": "`+strings.Repeat("a", 1<<20)); err != nil {
			return
		}
	}
}

// request is one that a receiver got.
type request struct {
	method, path string
	header       http.Header
	body         string
}

// receiver answers each request as the next of its replies says, and the last one for ever.
type receiver struct {
	replies []http.HandlerFunc
	got     []request
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(err)
	}
	r.got = append(r.got, request{method: q.Method, path: q.URL.RequestURI(), header: q.Header, body: string(body)})
	r.replies[min(len(r.got), len(r.replies))-1](w, q)
}

// open serves a receiver over http, or over TLS with a certificate of its own.
func (r *receiver) open(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

type callerBuilder struct {
	c         Caller
	clock     *clocktest.Hands
	progress  *bytes.Buffer
	variables map[string]string
}

// makeCaller asks at a URL for a minute, over http and at a loopback address.
func makeCaller(url string) *callerBuilder {
	b := &callerBuilder{clock: &clocktest.Hands{Time: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}, progress: &bytes.Buffer{}}
	b.variables = map[string]string{"SLUICE_NAMESPACE": "shop-test", result.KeyVariable: secret}
	b.c = Caller{
		Task: result.Task{
			ID: "sl-0123456789abcdef0123", TimeoutSeconds: 60, Networks: loopback,
			Gate: v1alpha1.WebhookGate{URL: url, TLS: v1alpha1.GateTLS{Verification: v1alpha1.SkipTLS}},
			Data: result.Data{
				Promotion: "shop/checkout-1.4.2", Pipeline: "shop/checkout", Environment: "test", Namespace: "shop-test", ReleaseHash: strings.Repeat("7f3a", 16),
				Images: []result.Image{{Name: "api", Repository: "registry.example.com/shop/api", Digest: "sha256:" + strings.Repeat("a", 64)}},
				Gate:   "scan", Attempt: 1,
			},
		},
		Lookup:   func(name string) (string, bool) { value, found := b.variables[name]; return value, found },
		Progress: b.progress, Clock: b.clock, Pause: b.clock.Pause,
	}
	return b
}

func (b *callerBuilder) With(change func(*Caller)) *callerBuilder {
	change(&b.c)
	return b
}

func (b *callerBuilder) Variable(name, value string) *callerBuilder {
	b.variables[name] = value
	return b
}

func (b *callerBuilder) Obj() *Caller { return &b.c }

// told is what a caller found, in one line.
func told(f *v1alpha1.WebhookFigures) string {
	text := fmt.Sprintf("%s after %d: %s", f.Answer, *f.Requests, f.Message)
	if f.URL != "" {
		text += " (" + f.URL + ")"
	}
	return text
}
