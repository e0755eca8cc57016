package metric

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/outbound"
)

const (
	defaultTimeout = 10 * time.Second
	// maxSeries of one sample are looked at.
	maxSeries = 1000
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 4 << 20
)

// server is a Prometheus.
type server struct {
	api     promv1.API
	timeout time.Duration
}

// newServer makes the client of a server. Redirects are not followed, and no proxy is taken from the environment: the token is
// for this server alone.
func newServer(spec v1alpha1.PrometheusServer, secrets Secrets, lookup outbound.Lookup) (*server, error) {
	address, err := outbound.Expand(spec.URL, lookup)
	if err != nil {
		return nil, fmt.Errorf("prometheus.url: %w", err)
	}
	config, err := outbound.TLS(spec.TLS)
	if err != nil {
		return nil, err
	}
	if secrets.ClientCertificate != "" {
		certificate, err := tls.X509KeyPair([]byte(secrets.ClientCertificate), []byte(secrets.ClientKey))
		if err != nil {
			return nil, fmt.Errorf("clientCertificate and clientKey: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	timeout := time.Duration(spec.RequestTimeoutSeconds) * time.Second
	if timeout == 0 {
		timeout = defaultTimeout
	}
	client, err := api.NewClient(api.Config{Address: address, Client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &guarded{token: strings.TrimSpace(secrets.BearerToken), next: &http.Transport{TLSClientConfig: config}},
	}})
	if err != nil {
		return nil, fmt.Errorf("prometheus.url: %w", err)
	}
	return &server{api: promv1.NewAPI(client), timeout: timeout}, nil
}

// guarded adds the token to what is sent, and bounds what is read.
type guarded struct {
	token string
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if g.token != "" {
		r.Header.Set("Authorization", "Bearer "+g.token)
	}
	response, err := g.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	}
	return response, err
}

// ask returns the numbers of one sample. An error means that there are none.
func (s *server) ask(ctx context.Context, query string, at time.Time) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, _, err := s.api.Query(ctx, query, at)
	if err != nil {
		return nil, fmt.Errorf("the Prometheus says: %w", err)
	}
	numbers, err := numbersOf(answer)
	switch {
	case err != nil:
		return nil, err
	case len(numbers) == 0:
		return nil, errors.New("the query returned no data")
	case len(numbers) > maxSeries:
		return nil, fmt.Errorf("the query returned %d series, and %d are the most; aggregate them", len(numbers), maxSeries)
	}
	for _, n := range numbers {
		if math.IsNaN(n) {
			return nil, errors.New("the query returned NaN, such as of a division by zero")
		}
	}
	return numbers, nil
}

func numbersOf(answer model.Value) ([]float64, error) {
	switch found := answer.(type) {
	case *model.Scalar:
		return []float64{float64(found.Value)}, nil
	case model.Vector:
		numbers := make([]float64, 0, len(found))
		for _, sample := range found {
			if sample.Histogram != nil {
				return nil, errors.New("the query returned a histogram; take a quantile or a rate of it")
			}
			numbers = append(numbers, float64(sample.Value))
		}
		return numbers, nil
	}
	return nil, fmt.Errorf("the query returns a %s, and a sample is an instant vector or a scalar", answer.Type())
}
