package load

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/outbound"
)

const (
	defaultRequestTimeout = 10 * time.Second
	// bodyBytes of an answer are read and looked at; what comes after is read and thrown away.
	bodyBytes = 1 << 20
)

func requestTimeout(gate v1alpha1.LoadGate) time.Duration {
	if gate.RequestTimeoutSeconds == 0 {
		return defaultRequestTimeout
	}
	return time.Duration(gate.RequestTimeoutSeconds) * time.Second
}

// newClient makes the HTTP client of a gate. It speaks the protocol that the gate names and no other, follows no
// redirects, and takes no proxy from its environment: what is measured is the target.
func newClient(gate v1alpha1.LoadGate, maxOpen int) (*http.Client, error) {
	config, err := outbound.TLS(gate.TLS)
	if err != nil {
		return nil, err
	}
	protocols := &http.Protocols{}
	switch gate.Protocol {
	case v1alpha1.ProtocolHTTP2:
		protocols.SetHTTP2(true)
	case v1alpha1.ProtocolHTTP2Cleartext:
		protocols.SetUnencryptedHTTP2(true)
	default:
		protocols.SetHTTP1(true)
	}
	timeout := requestTimeout(gate)
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     config,
			Protocols:           protocols,
			MaxIdleConnsPerHost: maxOpen,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
	}, nil
}

// transportFailures tells failures apart by what their message contains: the attacker keeps only that. The first that
// matches counts.
var transportFailures = []struct {
	text string
	kind v1alpha1.LoadFailureKind
}{
	{"Client.Timeout", v1alpha1.FailureTimeout},
	{"deadline exceeded", v1alpha1.FailureTimeout},
	{"i/o timeout", v1alpha1.FailureTimeout},
	{"timeout awaiting", v1alpha1.FailureTimeout},
	{"no such host", v1alpha1.FailureNameNotFound},
	{"server misbehaving", v1alpha1.FailureNameNotFound},
	{"connection refused", v1alpha1.FailureConnectionRefused},
	{"x509:", v1alpha1.FailureTLS},
	{"tls:", v1alpha1.FailureTLS},
	{"HTTP response to HTTPS client", v1alpha1.FailureTLS},
	{"connection reset", v1alpha1.FailureConnectionReset},
	{"broken pipe", v1alpha1.FailureConnectionReset},
	{"EOF", v1alpha1.FailureConnectionClosed},
	{"server closed", v1alpha1.FailureConnectionClosed},
	{"use of closed network connection", v1alpha1.FailureConnectionClosed},
	{"GOAWAY", v1alpha1.FailureConnectionClosed},
	{"malformed HTTP", v1alpha1.FailureProtocol},
	{"http2:", v1alpha1.FailureProtocol},
	{"protocol error", v1alpha1.FailureProtocol},
	{"PROTOCOL_ERROR", v1alpha1.FailureProtocol},
}

func failureKind(message string) v1alpha1.LoadFailureKind {
	for _, f := range transportFailures {
		if strings.Contains(message, f.text) {
			return f.kind
		}
	}
	return v1alpha1.FailureOther
}
