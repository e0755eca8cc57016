package registry

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const absent = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// onHead answers HEAD requests for manifests itself.
func onHead(answer http.HandlerFunc) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/") {
				answer(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestResolve(t *testing.T) {
	cases := []struct {
		name, reason string
		middleware   middleware
		put          func(*testing.T, *fake) string
		methods      []string
	}{
		{
			name: "image", reason: "a tag stands for the digest of its manifest, and a HEAD is enough to learn it",
			put:     func(t *testing.T, f *fake) string { return f.putImage(t, "v1") },
			methods: []string{"HEAD"},
		},
		{
			name: "index", reason: "scenario 14: of a multi-platform image the index's digest is kept, no platform is chosen",
			put:     func(t *testing.T, f *fake) string { d, _ := f.putIndex(t, "v1"); return d },
			methods: []string{"HEAD"},
		},
		{
			name: "HEAD not allowed", reason: "registries without HEAD are asked with GET",
			middleware: onHead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }),
			put:        func(t *testing.T, f *fake) string { return f.putImage(t, "v1") },
			methods:    []string{"HEAD", "GET"},
		},
		{
			name: "HEAD not implemented, index", reason: "the index's digest is kept on the way of the GET as well",
			middleware: onHead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }),
			put:        func(t *testing.T, f *fake) string { d, _ := f.putIndex(t, "v1"); return d },
			methods:    []string{"HEAD", "GET"},
		},
		{
			name: "HEAD says not found", reason: "a HEAD has no body to say what was not found; the GET decides",
			middleware: onHead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }),
			put:        func(t *testing.T, f *fake) string { return f.putImage(t, "v1") },
			methods:    []string{"HEAD", "GET"},
		},
		{
			name: "HEAD without a digest", reason: "where the header is missing the digest is computed from the manifest",
			middleware: onHead(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			}),
			put:     func(t *testing.T, f *fake) string { return f.putImage(t, "v1") },
			methods: []string{"HEAD", "GET"},
		},
		{
			name: "HEAD with a sha512", reason: "only sha256 can be pinned, so another algorithm is not taken over",
			middleware: onHead(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				w.Header().Set("Content-Length", "2")
				w.Header().Set("Docker-Content-Digest", "sha512:"+strings.Repeat("a", 128))
			}),
			put:     func(t *testing.T, f *fake) string { return f.putImage(t, "v1") },
			methods: []string{"HEAD", "GET"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.middleware, false)
			want := c.put(t, f)
			got, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", Credentials{})
			if err != nil || got != want {
				t.Errorf("%s: want %s, got %s, %v", c.reason, want, got, err)
			}
			if methods := manifestMethods(f); !slices.Equal(methods, c.methods) {
				t.Errorf("%s: want requests %v, got %v", c.reason, c.methods, methods)
			}
		})
	}
}

func manifestMethods(f *fake) []string {
	var methods []string
	for _, s := range f.requests() {
		if strings.Contains(s.path, "/manifests/") {
			methods = append(methods, s.method)
		}
	}
	return methods
}

// Scenario 13 is for the controllers, who ask once a promotion. They can rely on this: nothing is kept here.
func TestResolveReflectsTheRegistry(t *testing.T) {
	f := newFake(t, nil, false)
	r := plain(t, f)
	first := f.putImage(t, "v1")
	got, err := r.Resolve(t.Context(), f.repo(), "v1", Credentials{})
	if err != nil || got != first {
		t.Fatalf("want %s, got %s, %v", first, got, err)
	}
	second := f.putImage(t, "v1")
	got, err = r.Resolve(t.Context(), f.repo(), "v1", Credentials{})
	if err != nil || got != second || first == second {
		t.Fatalf("after the tag was pushed again: want %s, got %s, %v", second, got, err)
	}
	if err := r.Exists(t.Context(), f.repo(), first, Credentials{}); err != nil {
		t.Errorf("the first digest is still there: %v", err)
	}
}

func TestNames(t *testing.T) {
	f := newFake(t, nil, false)
	f.putImage(t, "v1")
	r := plain(t, f)
	ctx := t.Context()
	resolve := func(repo, tag string) error { _, err := r.Resolve(ctx, repo, tag, Credentials{}); return err }
	cases := []struct {
		name, reason string
		err          error
		message      string
	}{
		{"tag absent", "the repository is there, the tag is not", resolve(f.repo(), "v9"), "404 MANIFEST_UNKNOWN"},
		{"repository absent", "the registry does not know the name", resolve(f.host()+"/shop/nothing", "v1"), "404 NAME_UNKNOWN"},
		{"digest absent", "a digest that is gone", r.Exists(ctx, f.repo(), absent, Credentials{}), "404 MANIFEST_UNKNOWN"},
		{"tag malformed", "a tag must not become another path", resolve(f.repo(), "../../x"), "not a valid tag"},
		{"digest for a tag", "Resolve is for tags", resolve(f.repo(), absent), "not a valid tag"},
		{"tag empty", "nothing is no tag", resolve(f.repo(), ""), "not a valid tag"},
		{"repository climbs", "a repository must not become another path", resolve(f.host()+"/shop/../api", "v1"), "not a valid repository"},
		{"repository upper case", "paths have no upper case", resolve(f.host()+"/Shop/api", "v1"), "not a valid repository"},
		{"repository with a tag", "the tag is an argument of its own", resolve(f.repo()+":v1", "v1"), "not a valid repository"},
		{"repository empty", "nothing is no repository", resolve("", "v1"), "not a valid repository"},
		{"host with user", "no host has a user", resolve("user:pw@"+f.repo(), "v1"), "not a valid repository"},
		{"tag for a digest", "Exists is for digests", r.Exists(ctx, f.repo(), "v1", Credentials{}), "not a valid digest"},
		{"digest short", "a digest has 64 digits", r.Exists(ctx, f.repo(), "sha256:abc", Credentials{}), "not a valid digest"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if e := failure(t, c.err, TagNotFound); !strings.Contains(e.Message, c.message) {
				t.Errorf("%s: want %q in the message %q", c.reason, c.message, e.Message)
			}
		})
	}
	for _, s := range f.requests() {
		if strings.Contains(s.path, "..") || strings.Contains(s.path, "Shop") {
			t.Errorf("a malformed name reached the registry: %v", s)
		}
	}
}

func TestExists(t *testing.T) {
	f := newFake(t, nil, false)
	image := f.putImage(t, "v1")
	index, platforms := f.putIndex(t, "v2")
	for what, digest := range map[string]string{"image": image, "index": index, "a platform's manifest": platforms[0]} {
		if err := plain(t, f).Exists(t.Context(), f.repo(), digest, Credentials{}); err != nil {
			t.Errorf("%s is in the registry: %v", what, err)
		}
	}
}

func TestExistsIsNotFooled(t *testing.T) {
	// Whatever is asked for, this registry sends another manifest.
	swap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, absent, "v1", 1)
			next.ServeHTTP(w, r)
		})
	}
	f := newFake(t, swap, false)
	f.putImage(t, "v1")
	err := plain(t, f).Exists(t.Context(), f.repo(), absent, Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, "not one of a container registry")
}

func TestPlatformDigests(t *testing.T) {
	f := newFake(t, nil, false)
	image := f.putImage(t, "single")
	index, platforms := f.putIndex(t, "multi")
	cases := []struct {
		name, reason, reference, digest string
		platforms                       []string
	}{
		{"index by tag", "scenario 14: the platforms of the index that the tag points to", "multi", index, platforms},
		{"index by digest", "a pinned index lists the same", index, index, platforms},
		{"image by tag", "a single image is itself, and lists nothing", "single", image, nil},
		{"platform by digest", "a platform's manifest is no index, and does not tell of which it is one", platforms[1], platforms[1], nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			digest, list, err := plain(t, f).PlatformDigests(t.Context(), f.repo(), c.reference, Credentials{})
			if err != nil || digest != c.digest || !slices.Equal(list, c.platforms) {
				t.Errorf("%s: want %s %v, got %s %v, %v", c.reason, c.digest, c.platforms, digest, list, err)
			}
		})
	}
	for _, reference := range []string{"gone", absent, "no tag"} {
		digest, list, err := plain(t, f).PlatformDigests(t.Context(), f.repo(), reference, Credentials{})
		failure(t, err, TagNotFound)
		if digest != "" || list != nil {
			t.Errorf("%s: want nothing beside the failure, got %s %v", reference, digest, list)
		}
	}
}

func TestPlatformDigestsOfABrokenIndex(t *testing.T) {
	f := newFake(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			_, _ = w.Write([]byte(`{"manifests":[{"digest":"nonsense"}]}`))
		})
	}, false)
	digest, list, err := plain(t, f).PlatformDigests(t.Context(), f.repo(), "v1", Credentials{})
	failure(t, err, RegistryUnavailable)
	if digest != "" || list != nil {
		t.Errorf("want nothing beside the failure, got %s %v", digest, list)
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newResolver(t, Options{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		cancel()
		<-req.Context().Done()
		return nil, req.Context().Err()
	})})
	_, err := r.Resolve(ctx, "registry.example.com/shop/api", "v1", Credentials{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("want context.Canceled, got %v", err)
	}
	var e *Error
	if errors.As(err, &e) {
		t.Errorf("that the operator stops says nothing about the registry, got %s", e.Reason)
	}
}

func TestNew(t *testing.T) {
	for _, host := range []string{"", "http://registry.local", "registry.local/shop", "user@registry.local", "a b", ":5000"} {
		if _, err := New(Options{InsecureHosts: []string{host}}); err == nil {
			t.Errorf("insecure registry %q: want a failure", host)
		}
	}
	for _, host := range []string{"registry.local", "Registry.Local:5000", "10.0.0.1:80", "[::1]:5000"} {
		if _, err := New(Options{InsecureHosts: []string{host}}); err != nil {
			t.Errorf("insecure registry %q: %v", host, err)
		}
	}
	_, err := New(Options{CABundle: []byte("nothing of the kind")})
	if err == nil || !strings.Contains(err.Error(), "--registry-ca-file") {
		t.Errorf("a bundle without certificates: got %v", err)
	}
	if _, err := New(Options{CABundle: bytes.Repeat([]byte(" "), 3)}); err == nil {
		t.Error("a blank bundle is not the same as none")
	}
}
