package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// serve starts a registry and returns its host.
func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func pushed(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

func TestPushIsReproducibleAndRunsAsNobody(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(binary, []byte("an executable"), 0o700); err != nil {
		t.Fatal(err)
	}
	host := serve(t)
	first := pushed(t, "push", "-binary", binary, "-to", host+"/shop/api:v1")
	second := pushed(t, "push", "-binary", binary, "-to", host+"/shop/api:v2")
	if strings.TrimPrefix(first, host+"/shop/api:v1") != strings.TrimPrefix(second, host+"/shop/api:v2") {
		t.Errorf("the same binary gave %s and %s: the digest must depend on the content alone", first, second)
	}
	reference, err := name.ParseReference(first)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(reference)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/server" {
		t.Errorf("user %q and entrypoint %q, want 65532:65532 and /server", config.Config.User, config.Config.Entrypoint)
	}
}

func TestSampleVersionsHaveDigestsOfTheirOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("links nine programs")
	}
	out := pushed(t, "sample", "-registry", serve(t), "-as", "registry.test")
	lines := strings.Split(out, "\n")
	if len(lines) != len(sample()) {
		t.Fatalf("%d lines for %d images:\n%s", len(lines), len(sample()), out)
	}
	seen := map[string]string{}
	for _, line := range lines {
		image, digest, found := strings.Cut(line, "@")
		if !found || !strings.HasPrefix(line, "registry.test/shop/checkout-") {
			t.Errorf("%q is not a reference with a digest under the name asked for", line)
		}
		if other := seen[digest]; other != "" {
			t.Errorf("%s and %s have one digest", image, other)
		}
		seen[digest] = image
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		reason, want string
		args         []string
	}{
		{"no command", "usage", nil},
		{"an unknown command", "usage", []string{"pull"}},
		{"no such file", "read the executable", []string{"push", "-binary", "/nonexistent", "-to", "127.0.0.1:1/x:y"}},
		{"no registry", "make cluster", []string{"base", "-to", "127.0.0.1:1/x:y"}},
		{"a bad reference", "push to", []string{"base", "-to", "UPPER CASE"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			err := run(t.Context(), test.args, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
