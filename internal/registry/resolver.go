// Package registry asks container registries two things: which digest a tag points to, and whether a digest is there.
//
// It asks once. It keeps nothing, retries nothing and waits for nothing but the answer: when to ask again is for the
// caller to decide, who finds in *Error what kind of failure it was.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	// defaultTimeout is the longest that one question may take, everything included.
	defaultTimeout = 15 * time.Second

	userAgent = "sluice"
)

// Options say how a Resolver reaches registries.
type Options struct {
	// InsecureHosts, as host or host:port, may be asked over plain HTTP. Nobody else ever is: neither localhost nor a
	// private address, nor whom a registry redirects to.
	InsecureHosts []string
	// CABundle holds PEM certificates that are trusted in addition to the system's.
	CABundle []byte
	// Transport replaces the one that Options would make, CABundle included; for tests.
	Transport http.RoundTripper
	// Timeout of one question, with its logins and redirects; default 15 s.
	Timeout time.Duration
}

// Resolver asks registries. It is safe for concurrent use.
type Resolver struct {
	insecure map[string]bool
	base     http.RoundTripper
	timeout  time.Duration
}

// New makes a Resolver. It fails on options that cannot mean anything, and says which.
func New(o Options) (*Resolver, error) {
	insecure, err := hostSet(o.InsecureHosts)
	if err != nil {
		return nil, err
	}
	base := o.Transport
	if base == nil {
		if base, err = newTransport(o.CABundle); err != nil {
			return nil, err
		}
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &Resolver{insecure: insecure, base: base, timeout: timeout}, nil
}

// Resolve returns the digest that the tag points to at this moment. Of a multi-platform image it is the digest of the
// index, never that of one platform's manifest.
func (r *Resolver) Resolve(ctx context.Context, repository, tag string, creds Credentials) (string, error) {
	if !tagForm.MatchString(tag) {
		return "", notAName(repository, "tag", tag)
	}
	return r.stat(ctx, repository, tag, creds)
}

// Exists returns nil if the repository has a manifest or an index of exactly this digest.
func (r *Resolver) Exists(ctx context.Context, repository, digest string, creds Credentials) error {
	if !digestForm.MatchString(digest) {
		return notAName(repository, "digest", digest)
	}
	_, err := r.stat(ctx, repository, digest, creds)
	return err
}

// PlatformDigests returns the digest that the reference (a tag or a digest) stands for and, if that is an index, the
// digests listed in it. A pod may report any of them as its imageID, yet what may be pinned is the index alone.
func (r *Resolver) PlatformDigests(
	ctx context.Context, repository, reference string, creds Credentials,
) (index string, platforms []string, err error) {
	if !tagForm.MatchString(reference) && !digestForm.MatchString(reference) {
		return "", nil, notAName(repository, "tag or digest", reference)
	}
	err = r.ask(ctx, repository, reference, creds, func(ctx context.Context, p *remote.Puller, ref name.Reference) error {
		got, err := p.Get(ctx, ref)
		if err != nil {
			return err
		}
		index = got.Digest.String()
		platforms, err = children(got)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return index, platforms, nil
}

// children returns the digests listed in an index, and nothing for what is not an index.
func children(d *remote.Descriptor) ([]string, error) {
	if !d.MediaType.IsIndex() {
		return nil, nil
	}
	manifest, err := v1.ParseIndexManifest(strings.NewReader(string(d.Manifest)))
	if err != nil {
		return nil, err
	}
	digests := make([]string, 0, len(manifest.Manifests))
	for i := range manifest.Manifests {
		digests = append(digests, manifest.Manifests[i].Digest.String())
	}
	return digests, nil
}

// stat asks for the digest with a HEAD request, which downloads nothing and does not count as a pull, and with a GET
// where the registry cannot answer that.
func (r *Resolver) stat(ctx context.Context, repository, reference string, creds Credentials) (string, error) {
	var digest string
	err := r.ask(ctx, repository, reference, creds, func(ctx context.Context, p *remote.Puller, ref name.Reference) error {
		head, err := p.Head(ctx, ref)
		if err == nil && digestForm.MatchString(head.Digest.String()) {
			digest = head.Digest.String()
			return nil
		}
		if err != nil && !headFellShort(err) {
			return err
		}
		got, err := p.Get(ctx, ref)
		if err != nil {
			return err
		}
		digest = got.Digest.String()
		return nil
	})
	return digest, err
}

// question is put to one registry with one identity.
type question func(context.Context, *remote.Puller, name.Reference) error

// ask puts the question with each matching identity in turn, as the kubelet would, until one is let in. Only a denial
// leads to the next one, so that nothing is asked twice of a registry in trouble.
func (r *Resolver) ask(parent context.Context, repository, reference string, creds Credentials, q question) error {
	ref, err := r.parse(repository, reference)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(parent, r.timeout)
	defer cancel()

	host := ref.Context().RegistryStr()
	var denied *Error
	for _, id := range creds.lookup(ref.Context()) {
		w := &wire{base: r.base, insecure: r.insecure}
		err := askAs(ctx, ref, id, w, q)
		if err == nil {
			return nil
		}
		if errors.Is(parent.Err(), context.Canceled) {
			return fmt.Errorf("asking registry %s: %w", host, context.Canceled)
		}
		failure := explain(err, subject{
			ref: ref, identity: id, plainHTTP: r.insecure[host], retryAfter: w.retryAfter(),
		})
		if failure.Reason != RegistryDenied {
			return failure
		}
		if denied == nil {
			denied = failure
		}
	}
	return denied
}

// askAs puts the question with one identity, once.
func askAs(ctx context.Context, ref name.Reference, id identity, w *wire, q question) error {
	puller, err := remote.NewPuller(
		remote.WithAuth(id.authenticator()),
		remote.WithTransport(w),
		remote.WithUserAgent(userAgent),
		remote.WithRetryPredicate(func(error) bool { return false }),
	)
	if err != nil {
		return err
	}
	return q(ctx, puller, ref)
}

// newTransport is the usual one, which trusts the certificates of the bundle as well.
func newTransport(bundle []byte) (http.RoundTripper, error) {
	base, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the default transport of go-containerregistry is not an *http.Transport any more")
	}
	base = base.Clone()
	base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(bundle) == 0 {
		return base, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, errors.New("the registry CA bundle holds no certificate: pass a file of PEM blocks of type CERTIFICATE as --registry-ca-file")
	}
	base.TLSClientConfig.RootCAs = pool
	return base, nil
}
