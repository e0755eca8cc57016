package registry

import (
	"net/http"
	"strings"
	"testing"
)

// basicAuth lets one user in.
func basicAuth(user, password string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u, p, _ := r.BasicAuth(); u == user && p == password {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
	}
}

// bearerAuth gives one user a token, at the path /token, and lets the token in.
func bearerAuth(user, password string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, p, _ := r.BasicAuth()
			switch {
			case r.URL.Path == "/token" && u == user && p == password && r.URL.Query().Get("scope") == "repository:shop/api:pull":
				_, _ = w.Write([]byte(`{"token":"opensesame"}`))
			case r.URL.Path == "/token":
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"wrong password ` + p + `"}]}`))
			case r.Header.Get("Authorization") == "Bearer opensesame":
				next.ServeHTTP(w, r)
			default:
				scheme := "http"
				if r.TLS != nil {
					scheme = "https"
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+scheme+`://`+r.Host+`/token",service="registry"`)
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	guards := map[string]middleware{"basic": basicAuth("dev", "hunter2"), "bearer": bearerAuth("dev", "hunter2")}
	cases := []struct {
		name, reason string
		build        func(*secretBuilder, string) *secretBuilder
		ok           bool
		message      []string
	}{
		{
			name: "right", reason: "the credentials of the host are used",
			build: func(b *secretBuilder, host string) *secretBuilder { return b.For(host, "dev", "hunter2") }, ok: true,
		},
		{
			name: "right for the path", reason: "the longer path goes first",
			build: func(b *secretBuilder, host string) *secretBuilder {
				return b.For(host, "dev", "stale-password").For(host+"/shop", "dev", "hunter2")
			}, ok: true,
		},
		{
			name: "next", reason: "as with the kubelet, denied credentials are followed by the next that match",
			build: func(b *secretBuilder, host string) *secretBuilder {
				return b.For(host, "dev", "hunter2").For(host+"/shop", "dev", "stale-password")
			}, ok: true,
		},
		{
			name: "wrong", reason: "the Secret is named, its content is not",
			build:   func(b *secretBuilder, host string) *secretBuilder { return b.For(host, "dev", "stale-password") },
			message: []string{"Secret shop/pull", "shop/api", "401", "Docker Hub"},
		},
		{
			name: "of another host", reason: "credentials go to their own host only",
			build:   func(b *secretBuilder, _ string) *secretBuilder { return b.For("other.example.com", "dev", "hunter2") },
			message: []string{"anonymous", "registryCredentials", "Docker Hub"},
		},
		{
			name: "none", reason: "anonymous, and says how to change that",
			build:   func(b *secretBuilder, _ string) *secretBuilder { return b },
			message: []string{"anonymous", "registryCredentials", "Docker Hub"},
		},
	}
	for kind, guard := range guards {
		for _, c := range cases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				f := newFake(t, guard, false)
				want := f.putImage(t, "v1")
				creds := credentials(t, c.build(makeSecret("pull"), f.host()).Obj())
				got, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", creds)
				if c.ok {
					if err != nil || got != want {
						t.Errorf("%s: want %s, got %s, %v", c.reason, want, got, err)
					}
					return
				}
				e := failure(t, err, RegistryDenied)
				contains(t, e.Message, c.message...)
				noSecrets(t, e.Message, "hunter2", "stale-password", "opensesame", "dev:")
			})
		}
	}
}

func noSecrets(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("the secret %q is in the message %q", s, text)
		}
	}
}

func TestUnavailableIsNotTriedWithOtherCredentials(t *testing.T) {
	f := newFake(t, status(http.StatusServiceUnavailable, "/v2/", ""), false)
	creds := credentials(t, makeSecret("pull").For(f.host(), "dev", "a").For(f.host()+"/shop", "dev", "b").Obj())
	_, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", creds)
	failure(t, err, RegistryUnavailable)
	if n := len(f.requests()); n != 1 {
		t.Errorf("a registry in trouble is left alone: want 1 request, got %d", n)
	}
}

func TestTokenServerAnswersStaySecret(t *testing.T) {
	cases := []struct{ name, reason, body string }{
		{"no token", "go-containerregistry quotes an answer without token", `{"refresh_token":"opensesame"}`},
		{"no JSON", "nor must what is not JSON be quoted", `opensesame`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/token" {
						_, _ = w.Write([]byte(c.body))
						return
					}
					w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token"`)
					w.WriteHeader(http.StatusUnauthorized)
				})
			}, false)
			_, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", Credentials{})
			noSecrets(t, failure(t, err, RegistryUnavailable).Message, "opensesame")
		})
	}
}

func TestTokenServerMustNotBeElsewhereInside(t *testing.T) {
	inside := newFake(t, nil, true)
	f := newFake(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+inside.URL+`/token"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
	}, true)
	creds := credentials(t, makeSecret("pull").For(f.host(), "dev", "hunter2").Obj())
	_, err := newResolver(t, Options{CABundle: f.ca()}).Resolve(t.Context(), f.repo(), "v1", creds)
	contains(t, failure(t, err, RegistryUnavailable).Message, "token server that is not used")
	if n := len(inside.requests()); n != 0 {
		t.Errorf("a registry made the operator send %d requests to another private address", n)
	}
}
