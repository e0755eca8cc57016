package registry

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// seen is what a test keeps of a request.
type seen struct{ method, path, authorization string }

// fake is a registry in memory that remembers what it was asked.
type fake struct {
	*httptest.Server
	store http.Handler

	mu   sync.Mutex
	seen []seen
}

// middleware stands before a fake; nil stands for none.
type middleware func(http.Handler) http.Handler

func newFake(t *testing.T, m middleware, withTLS bool) *fake {
	t.Helper()
	f := &fake{store: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}
	next := f.store
	if m != nil {
		next = m(next)
	}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen = append(f.seen, seen{r.Method, r.URL.Path, r.Header.Get("Authorization")})
		f.mu.Unlock()
		next.ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	if withTLS {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.seen...)
}

func (f *fake) host() string { return f.Listener.Addr().String() }

func (f *fake) repo() string { return f.host() + "/shop/api" }

func (f *fake) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

// manifest is what can be put into a fake.
type manifest interface {
	RawManifest() ([]byte, error)
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
}

// put stores a manifest under a tag, past every middleware, and returns its digest.
func (f *fake) put(t *testing.T, reference string, m manifest) string {
	t.Helper()
	raw, err := m.RawManifest()
	must(t, err)
	media, err := m.MediaType()
	must(t, err)
	digest, err := m.Digest()
	must(t, err)
	req := httptest.NewRequest(http.MethodPut, "/v2/shop/api/manifests/"+reference, bytes.NewReader(raw))
	req.Header.Set("Content-Type", string(media))
	rec := httptest.NewRecorder()
	f.store.ServeHTTP(rec, req)
	if rec.Code != http.StatusCreated {
		t.Fatalf("storing %s: %d %s", reference, rec.Code, rec.Body)
	}
	return digest.String()
}

func (f *fake) putImage(t *testing.T, tag string) string {
	t.Helper()
	img, err := random.Image(16, 1)
	must(t, err)
	return f.put(t, tag, img)
}

// putIndex stores an index of two platforms, and returns its digest and theirs.
func (f *fake) putIndex(t *testing.T, tag string) (index string, platforms []string) {
	t.Helper()
	idx, err := random.Index(16, 1, 2)
	must(t, err)
	im, err := idx.IndexManifest()
	must(t, err)
	for _, d := range im.Manifests {
		img, err := idx.Image(d.Digest)
		must(t, err)
		platforms = append(platforms, f.put(t, d.Digest.String(), img))
	}
	return f.put(t, tag, idx), platforms
}

// plain makes a Resolver that may ask the fake over plain HTTP.
func plain(t *testing.T, f *fake) *Resolver {
	t.Helper()
	return newResolver(t, Options{InsecureHosts: []string{f.host()}})
}

func newResolver(t *testing.T, o Options) *Resolver {
	t.Helper()
	r, err := New(o)
	must(t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failure is the *Error in err, which must be of the reason wanted.
func failure(t *testing.T, err error, want Reason) Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("want a failure %s, got %v", want, err)
	}
	if e.Reason != want {
		t.Errorf("want reason %s, got %s: %s", want, e.Reason, e.Message)
	}
	return *e
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in the message %q", want, text)
		}
	}
}

// roundTripper is a transport without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// secretBuilder builds pull secrets: makeSecret("pull").For("registry.example.com", "user", "password").Obj().
type secretBuilder struct {
	name    string
	entries []string
}

func makeSecret(name string) *secretBuilder { return &secretBuilder{name: name} }

func (b *secretBuilder) For(server, user, password string) *secretBuilder {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	b.entries = append(b.entries, `"`+server+`":{"auth":"`+auth+`"}`)
	return b
}

func (b *secretBuilder) Obj() corev1.Secret {
	return dockerSecret(b.name, corev1.SecretTypeDockerConfigJson, `{"auths":{`+strings.Join(b.entries, ",")+`}}`)
}

func dockerSecret(name string, kind corev1.SecretType, content string) corev1.Secret {
	key := corev1.DockerConfigJsonKey
	if kind == corev1.SecretTypeDockercfg {
		key = corev1.DockerConfigKey
	}
	return corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Type:       kind,
		Data:       map[string][]byte{key: []byte(content)},
	}
}

func credentials(t *testing.T, secrets ...corev1.Secret) Credentials {
	t.Helper()
	c, err := CredentialsFromSecrets(secrets)
	must(t, err)
	return c
}
