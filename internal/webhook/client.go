package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/outbound"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

const (
	defaultTimeout = 10 * time.Second
	// maxBody and maxHeader bound an answer, in bytes.
	maxBody   = 64 << 10
	maxHeader = 64 << 10
)

// client speaks to one receiver.
type client struct {
	receiver *url.URL
	http     *http.Client
	headers  http.Header
	signer   *signer
	clock    clock.Clock
	timeout  time.Duration
}

// newClient makes the client of a task. Redirects are not followed, no proxy is taken from the environment, and each
// request connects anew: the address that a name leads to is looked at each time.
func newClient(task result.Task, lookup outbound.Lookup, clock clock.Clock) (*client, error) {
	receiver, err := receiverOf(task.Gate, lookup)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	config, err := outbound.TLS(task.Gate.TLS)
	if err != nil {
		return nil, err
	}
	guard, err := newGuard(task.Networks, lookup)
	if err != nil {
		return nil, err
	}
	secret, _ := lookup(result.KeyVariable)
	signer, err := newSigner(secret, task.ID)
	if err != nil {
		return nil, err
	}
	headers, err := headersOf(task.Gate, lookup)
	if err != nil {
		return nil, err
	}
	timeout := time.Duration(task.Gate.RequestTimeoutSeconds) * time.Second
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return &client{receiver: receiver, headers: headers, signer: signer, clock: clock, timeout: timeout, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Control: guard.control}).DialContext,
			TLSClientConfig:        config,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		},
	}}, nil
}

// receiverOf is the URL of a gate. The schema saw it before variables and parameters were replaced.
func receiverOf(gate v1alpha1.WebhookGate, lookup outbound.Lookup) (*url.URL, error) {
	text, err := outbound.Expand(gate.URL, lookup)
	if err != nil {
		return nil, err
	}
	receiver, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL: write https://host/path")
	case receiver.Hostname() == "" || receiver.User != nil || receiver.Scheme != "https" && receiver.Scheme != "http":
		return nil, errors.New("write https://host/path, without a user")
	case receiver.Scheme == "http" && gate.TLS.Verification != v1alpha1.SkipTLS:
		return nil, errors.New("over http nobody knows who answers: write an https URL, or tls: {verification: Skip}")
	}
	receiver.Fragment = ""
	return receiver, nil
}

// headersOf are the headers of a gate, with what is secret among them.
func headersOf(gate v1alpha1.WebhookGate, lookup outbound.Lookup) (http.Header, error) {
	headers := http.Header{}
	for i, header := range gate.Headers {
		var value string
		var err error
		if header.Value != nil {
			value, err = outbound.Expand(*header.Value, lookup)
		} else {
			secret, _ := lookup(result.HeaderVariable(i))
			value = strings.TrimSpace(secret)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("header %s: %w", header.Name, err)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return nil, fmt.Errorf("header %s: its value holds characters that no header may: write one line of text", header.Name)
		}
		headers.Set(header.Name, value)
	}
	return headers, nil
}

// reply is what came of one request: an answer of HTTP, or nothing.
type reply struct {
	status     int
	body       []byte
	location   string
	retryAfter time.Duration
	// lost says why there is no answer, and final that there will be none.
	lost  error
	final bool
}

// send posts a body, or asks with GET where there is none. An error means that the context is over.
func (c *client) send(ctx context.Context, to *url.URL, body []byte) (reply, error) {
	timed, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(timed, method, to.String(), strings.NewReader(string(body)))
	if err != nil {
		return reply{lost: err, final: true}, nil
	}
	request.Header = c.headers.Clone()
	request.Header.Set("Accept", dataMedia)
	if body != nil {
		request.Header.Set("Content-Type", eventMedia)
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "sluice-webhook")
	}
	c.signer.sign(request.Header, c.clock.Now(), body)
	response, err := c.http.Do(request)
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		return c.read(ctx, response)
	}
	return c.lost(ctx, err)
}

// read takes an answer, of which no more than maxBody is kept.
func (c *client) read(ctx context.Context, response *http.Response) (reply, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return c.lost(ctx, err)
	}
	return reply{
		status: response.StatusCode, body: body, location: response.Header.Get("Location"),
		retryAfter: retryAfter(response.Header.Get("Retry-After"), c.clock.Now()),
	}, nil
}

// lost says why there is no answer. What a repetition does not change is final: an address that may not be called, and a
// certificate that does not verify.
func (c *client) lost(ctx context.Context, err error) (reply, error) {
	if ctx.Err() != nil {
		return reply{}, ctx.Err()
	}
	// An error of net/http begins with method and URL, which may be long.
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		err = outer.Err
	}
	var private *privateError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &private):
		return reply{lost: private, final: true}, nil
	case errors.As(err, &certificate):
		return reply{lost: certificate, final: true}, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("it did not answer within %s", c.timeout)
	}
	return reply{lost: err}, nil
}

// retryAfter reads a header that is a number of seconds, or a date. Zero where it is neither.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return date.Sub(now)
	}
	return 0
}
