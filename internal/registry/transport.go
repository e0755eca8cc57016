package registry

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxAnswer is the size in bytes above which no answer is read: registries refuse larger manifests, and whoever names
// the registry must not be able to fill the operator's memory.
const maxAnswer = 4 << 20

// maxRequests of one question: a greeting, a login, a HEAD and a GET, each redirected a few times. go-containerregistry
// follows redirects of a manifest without end.
const maxRequests = 30

var errCircles = errors.New("too many requests for one question")

// plainHTTPRefused is the error of a request that would have gone unencrypted to a host that nobody named for it.
type plainHTTPRefused struct{ host string }

// Error says which host.
func (e *plainHTTPRefused) Error() string { return "plain HTTP to " + e.host + " refused" }

// wire carries the requests of one question. It is the innermost transport, so that neither the habits of
// go-containerregistry (localhost and private addresses over plain HTTP) nor a redirect gets around it.
type wire struct {
	base     http.RoundTripper
	insecure map[string]bool

	mu       sync.Mutex
	requests int
	after    time.Duration
}

// RoundTrip sends the request unless it is unencrypted without leave, and notes how long the registry asks to wait.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.permit(req); err != nil {
		if req.Body != nil {
			return nil, errors.Join(err, req.Body.Close())
		}
		return nil, err
	}
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if d := parseRetryAfter(resp.Header); d > 0 {
		w.mu.Lock()
		w.after = max(w.after, d)
		w.mu.Unlock()
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// permit refuses a request that must not be sent.
func (w *wire) permit(req *http.Request) error {
	if host := strings.ToLower(req.URL.Host); req.URL.Scheme != "https" && !w.insecure[host] {
		return &plainHTTPRefused{host: host}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	if w.requests > maxRequests {
		return errCircles
	}
	return nil
}

// retryAfter is the longest wait that any answer asked for.
func (w *wire) retryAfter() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.after
}

// parseRetryAfter reads the header Retry-After in seconds or as a date; the latter is counted from the server's own
// date, so that its clock and ours need not agree.
func parseRetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(date))
}
