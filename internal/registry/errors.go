package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Reason is the kind of a failure, in the words of a Promotion's condition Resolved.
type Reason string

const (
	// TagNotFound says that the registry answered that it has no such tag, digest or repository, or the name is one that no
	// registry can have. Asking again helps only after somebody pushed.
	TagNotFound Reason = "TagNotFound"
	// RegistryDenied says that the registry does not let these credentials, or anybody without, look.
	RegistryDenied Reason = "RegistryDenied"
	// RegistryUnavailable says that there was no usable answer. Asking again later may help.
	RegistryUnavailable Reason = "RegistryUnavailable"
)

// Error is every failure of a Resolver, but for the end of the caller's own context, which stays context.Canceled.
type Error struct {
	// Reason is the kind of failure.
	Reason Reason
	// Message says what happened, where, and what to do. It holds no secret and nothing that differs from one attempt
	// to the next, so that a condition may carry it.
	Message string
	// RetryAfter is how long the registry asked to wait, or 0.
	RetryAfter time.Duration
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// subject is what a failure is about.
type subject struct {
	ref        name.Reference
	identity   identity
	plainHTTP  bool
	retryAfter time.Duration
}

func (s subject) host() string { return s.ref.Context().RegistryStr() }

// notAName is the failure of a name that cannot exist anywhere.
func notAName(repository, what, value string) *Error {
	return &Error{Reason: TagNotFound, Message: fmt.Sprintf(
		"%q is not a valid %s (of repository %q), so no registry has it: correct the name", value, what, repository)}
}

// headFellShort says whether a GET may get an answer where a HEAD did not: the registry does not do HEAD, left out a
// header, or has no body to tell one 404 from another.
func headFellShort(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		codes := []int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented,
		}
		return onManifest(answer) && slices.Contains(codes, answer.StatusCode)
	}
	// What never reached the registry would not the second time either.
	var sending *url.Error
	return !errors.As(err, &sending) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// explain sorts a failure and words it. A certificate comes before an answer, because a named host is tried over plain
// HTTP as well, and what its TLS port says to that is beside the point.
func explain(err error, s subject) *Error {
	if h, ok := certificateTrouble(err); ok {
		return s.unavailable(h.what, h.do)
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return explainAnswer(answer, s)
	}
	if errors.Is(err, http.ErrSchemeMismatch) && !s.plainHTTP {
		return s.unavailable("speaks plain HTTP, not HTTPS",
			fmt.Sprintf("serve it over HTTPS, or name the host %s in --insecure-registries", s.host()))
	}
	h := networkTrouble(err)
	return s.unavailable(h.what, h.do)
}

// explainAnswer words what the registry itself said.
func explainAnswer(a *transport.Error, s subject) *Error {
	status := statusOf(a)
	switch reasonOf(a) {
	case TagNotFound:
		return &Error{Reason: TagNotFound, Message: fmt.Sprintf(
			"%s is not in the registry (%s): push it, or name one that exists", s.ref.Name(), status)}
	case RegistryDenied:
		return &Error{Reason: RegistryDenied, Message: s.denial(status)}
	default:
		return s.unavailable("answered "+status, answerAdvice(a.StatusCode))
	}
}

// denial words a refusal. Who has no right to look is often not told whether there is anything to see.
func (s subject) denial(status string) string {
	const missing = "many registries, Docker Hub among them, answer the same if the repository does not exist"
	if s.identity.anonymous() {
		return fmt.Sprintf("registry %s does not let an anonymous caller look at %s (%s): name a ServiceAccount in registryCredentials "+
			"that has an imagePullSecret for this repository, or check its name: %s", s.host(), s.ref.Context().RepositoryStr(), status, missing)
	}
	return fmt.Sprintf("registry %s does not let the credentials of Secret %s look at %s (%s): renew them or grant them the right to pull, "+
		"or check the repository's name: %s", s.host(), s.identity.source, s.ref.Context().RepositoryStr(), status, missing)
}

// unavailable makes the failure of a registry that gave no usable answer.
func (s subject) unavailable(what, do string) *Error {
	return &Error{
		Reason:     RegistryUnavailable,
		Message:    fmt.Sprintf("registry %s %s, asked for %s: %s", s.host(), what, s.ref.Name(), do),
		RetryAfter: s.retryAfter,
	}
}

// reasonOf sorts an answer. A code of the distribution specification says more than the status, but only where the
// status agrees that the request was at fault.
func reasonOf(a *transport.Error) Reason {
	switch {
	case a.StatusCode >= http.StatusInternalServerError || a.StatusCode == http.StatusTooManyRequests,
		hasCode(a, transport.TooManyRequestsErrorCode, transport.UnavailableErrorCode):
		return RegistryUnavailable
	case a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden:
		return RegistryDenied
	case hasCode(a, transport.ManifestUnknownErrorCode, transport.NameUnknownErrorCode,
		transport.NameInvalidErrorCode, transport.TagInvalidErrorCode):
		return TagNotFound
	case a.StatusCode == http.StatusNotFound && onManifest(a):
		return TagNotFound
	default:
		return RegistryUnavailable
	}
}

// onManifest says whether the question itself failed, rather than the greeting or the login before it.
func onManifest(a *transport.Error) bool {
	return a.Request != nil && strings.Contains(a.Request.URL.Path, "/manifests/")
}

func hasCode(a *transport.Error, codes ...transport.ErrorCode) bool {
	return slices.ContainsFunc(a.Errors, func(d transport.Diagnostic) bool { return slices.Contains(codes, d.Code) })
}

// codeForm keeps a registry from writing whatever it likes into a condition.
var codeForm = regexp.MustCompile(`^[A-Z][A-Z_]{1,39}$`)

// statusOf is the status and the code. The registry's own prose stays out: it may quote what it was sent, and often
// carries a number that differs each time.
func statusOf(a *transport.Error) string {
	for _, d := range a.Errors {
		if codeForm.MatchString(string(d.Code)) {
			return fmt.Sprintf("%d %s", a.StatusCode, d.Code)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.StatusCode, http.StatusText(a.StatusCode)))
}

func answerAdvice(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "it limits how often it may be asked; it is asked again later, and credentials often raise the limit"
	case status >= http.StatusInternalServerError:
		return "it is asked again later; if that lasts, look at the registry"
	default:
		return "check that this host is a container registry (API version 2) and no proxy answers in its stead"
	}
}

// hint is a cause and its remedy.
type hint struct{ what, do string }

// certificateTrouble recognises a TLS certificate that is not accepted. The times in Go's own text would change a
// condition at every attempt.
func certificateTrouble(err error) (hint, bool) {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		other   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return hint{"has a certificate of an unknown authority", "pass the authority's certificate as --registry-ca-file"}, true
	case errors.As(err, &host):
		return hint{"has a certificate for other host names", "give it a certificate for this name, or use the name that it has"}, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return hint{"has a certificate that expired or is not valid yet", "renew it, or check the clocks"}, true
	case errors.As(err, &other) || errors.As(err, &invalid):
		return hint{"has a certificate that cannot be verified", "check the certificate and its chain"}, true
	default:
		return hint{}, false
	}
}

// networkTrouble names what kept the answer away, without the addresses and ports that differ each time.
func networkTrouble(err error) hint {
	var (
		dns     *net.DNSError
		errno   syscall.Errno
		timeout net.Error
		tlsOdd  tls.RecordHeaderError
		tlsSaid tls.AlertError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return hint{"did not answer in time", "check that the operator may reach it (network policies, proxy, firewall)"}
	case errors.As(err, &dns) && dns.IsNotFound:
		return hint{"has a name that DNS does not know", "check the host name"}
	case errors.As(err, &dns):
		return hint{"could not be looked up in DNS", "check the cluster's DNS"}
	case errors.As(err, &errno):
		return hint{fmt.Sprintf("could not be reached (%s)", errno), "check the host, the port, and that the operator may reach it"}
	case errors.As(err, &tlsOdd), errors.As(err, &tlsSaid):
		return hint{"did not agree on TLS", "it must serve HTTPS with TLS 1.2 or newer"}
	default:
		return protocolTrouble(err)
	}
}

// protocolTrouble names answers that came, but are of no use.
func protocolTrouble(err error) hint {
	var (
		refused *plainHTTPRefused
		tooLong *http.MaxBytesError
	)
	switch {
	case errors.As(err, &refused):
		return hint{"leads to plain HTTP at " + refused.host, "serve that over HTTPS, or name the host " + refused.host + " in --insecure-registries"}
	case errors.As(err, &tooLong):
		return hint{"sent more than a manifest can hold", "check that this host is a container registry"}
	case errors.Is(err, errCircles):
		return hint{"redirects in circles", "look at the registry, or at the proxy before it"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return hint{"closed the connection before it had answered", "it is asked again later; if that lasts, look at the registry"}
	case strings.Contains(err.Error(), "realm"):
		return hint{"names a token server that is not used", "the realm of its challenge must be an https URL, and no private address but its own"}
	default:
		return hint{"gave an answer that is not one of a container registry", "check that this host is a container registry (API version 2)"}
	}
}
