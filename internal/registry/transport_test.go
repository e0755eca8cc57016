package registry

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPrivateAuthorities(t *testing.T) {
	f := newFake(t, nil, true)
	want := f.putImage(t, "v1")

	got, err := newResolver(t, Options{CABundle: f.ca()}).Resolve(t.Context(), f.repo(), "v1", Credentials{})
	if err != nil || got != want {
		t.Errorf("with its authority: want %s, got %s, %v", want, got, err)
	}

	f2 := newFake(t, nil, true)
	_, err = newResolver(t, Options{}).Resolve(t.Context(), f2.repo(), "v1", Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, f2.host(), "unknown authority", "--registry-ca-file")
	if n := len(f2.requests()); n != 0 {
		t.Errorf("a registry of unknown identity got %d requests", n)
	}

	local := strings.Replace(f2.repo(), "127.0.0.1", "localhost", 1)
	_, err = newResolver(t, Options{CABundle: f2.ca()}).Resolve(t.Context(), local, "v1", Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, "certificate for other host names")
}

func TestUnknownAuthorityOfANamedHost(t *testing.T) {
	f := newFake(t, nil, true)
	_, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, "unknown authority")
	if n := len(f.requests()); n != 0 {
		t.Errorf("a registry of unknown identity got %d requests", n)
	}
}

func TestPlainHTTPOnlyForNamedHosts(t *testing.T) {
	cases := []struct{ host, reason string }{
		{"localhost:5000", "localhost is no exception"},
		{"127.0.0.1:5000", "nor is loopback"},
		{"[::1]:5000", "nor in IPv6"},
		{"registry.localhost", "nor a name that ends so"},
		{"10.0.0.7:5000", "nor a private address"},
		{"192.168.1.1", "nor a private address without port"},
		{"registry.example.com", "nor any other host"},
	}
	for _, c := range cases {
		t.Run(c.host, func(t *testing.T) {
			var schemes []string
			answers := roundTripper(func(r *http.Request) (*http.Response, error) {
				schemes = append(schemes, r.URL.Scheme)
				return nil, http.ErrSchemeMismatch
			})
			r := newResolver(t, Options{Transport: answers, InsecureHosts: []string{"other.example.com", "127.0.0.1:5001", "localhost"}})
			_, err := r.Resolve(t.Context(), c.host+"/shop/api", "v1", Credentials{})
			contains(t, failure(t, err, RegistryUnavailable).Message, "plain HTTP", "name the host "+c.host+" in --insecure-registries")
			if strings.Join(schemes, " ") != "https" {
				t.Errorf("%s: want one request, over https, got %v", c.reason, schemes)
			}
		})
	}
}

func TestPlainHTTPServerUnnamed(t *testing.T) {
	f := newFake(t, nil, false)
	f.putImage(t, "v1")
	_, err := newResolver(t, Options{}).Resolve(t.Context(), f.repo(), "v1", Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, "name the host "+f.host()+" in --insecure-registries")
	if n := len(f.requests()); n != 0 {
		t.Errorf("it got %d plain HTTP requests", n)
	}
}

func TestNamedHostMayHaveUpperCase(t *testing.T) {
	f := newFake(t, nil, false)
	want := f.putImage(t, "v1")
	local := strings.Replace(f.host(), "127.0.0.1", "LocalHost", 1)
	got, err := newResolver(t, Options{InsecureHosts: []string{local}}).Resolve(t.Context(), local+"/shop/api", "v1", Credentials{})
	if err != nil || got != want {
		t.Errorf("want %s, got %s, %v", want, got, err)
	}
}

// redirect sends whoever asks for a path with this in it to another server.
func redirect(part string, to func() string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, part) {
				http.Redirect(w, r, to()+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestRedirectToPlainHTTPIsRefused(t *testing.T) {
	for _, part := range []string{"/v2/", "/manifests/"} {
		target := newFake(t, nil, false)
		target.putImage(t, "v1")
		f := newFake(t, redirect(part, func() string { return target.URL }), true)
		_, err := newResolver(t, Options{CABundle: f.ca()}).Resolve(t.Context(), f.repo(), "v1", Credentials{})
		contains(t, failure(t, err, RegistryUnavailable).Message, "leads to plain HTTP at "+target.host())
		if n := len(target.requests()); n != 0 {
			t.Errorf("redirect of %s: %d plain HTTP requests were sent", part, n)
		}
	}
}

func TestRedirectDoesNotLeakCredentials(t *testing.T) {
	for _, kind := range []string{"basic", "bearer"} {
		t.Run(kind, func(t *testing.T) {
			target := newFake(t, nil, true)
			want := target.putImage(t, "v1")
			guard := basicAuth("dev", "hunter2")
			if kind == "bearer" {
				guard = bearerAuth("dev", "hunter2")
			}
			f := newFake(t, func(next http.Handler) http.Handler {
				return guard(redirect("/manifests/", func() string { return target.URL })(next))
			}, true)
			creds := credentials(t, makeSecret("pull").For(f.host(), "dev", "hunter2").Obj())
			got, err := newResolver(t, Options{CABundle: f.ca()}).Resolve(t.Context(), f.repo(), "v1", creds)
			if err != nil || got != want {
				t.Fatalf("want %s, got %s, %v", want, got, err)
			}
			if len(target.requests()) == 0 {
				t.Fatal("the redirect was not followed")
			}
			for _, s := range target.requests() {
				if s.authorization != "" {
					t.Errorf("credentials were sent to the other host: %v", s)
				}
			}
		})
	}
}

func TestRedirectInCircles(t *testing.T) {
	var f *fake
	f = newFake(t, redirect("/manifests/", func() string { return f.URL }), false)
	_, err := plain(t, f).Resolve(t.Context(), f.repo(), "v1", Credentials{})
	contains(t, failure(t, err, RegistryUnavailable).Message, "redirects in circles")
	if n := len(f.requests()); n > maxRequests {
		t.Errorf("want at most %d requests, got %d", maxRequests, n)
	}
}

func TestParseRetryAfter(t *testing.T) {
	const date = "Mon, 03 Aug 2026 10:00:00 GMT"
	cases := []struct {
		name, reason, value, date string
		want                      time.Duration
	}{
		{"absent", "no wait asked for", "", date, 0},
		{"seconds", "the usual form", "120", date, 2 * time.Minute},
		{"negative", "a wait is never negative", "-5", date, 0},
		{"date", "counted from the server's own clock", "Mon, 03 Aug 2026 10:01:30 GMT", date, 90 * time.Second},
		{"date in the past", "a wait is never negative", "Mon, 03 Aug 2026 09:00:00 GMT", date, 0},
		{"date without a clock", "there is nothing to count from", "Mon, 03 Aug 2026 10:01:30 GMT", "", 0},
		{"nonsense", "ignored", "soon", date, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Retry-After", c.value)
			h.Set("Date", c.date)
			if got := parseRetryAfter(h); got != c.want {
				t.Errorf("%s: want %s, got %s", c.reason, c.want, got)
			}
		})
	}
}
