package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var key = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of thirty-two bytes, no more"))

// ask sends a signed request and returns the answer.
func ask(t *testing.T, method, url, body, with string) (status int, said string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := standardwebhooks.NewWebhook(with)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign("sl-1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Webhook-Id", "sl-1")
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	request.Header.Set("Webhook-Signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestScanner(t *testing.T) {
	handler, err := newScanner(key, []string{"sha256:bad"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	event := func(digest string) string {
		return `{"id": "sl-1", "data": {"images": [{"name": "api", "digest": "` + digest + `"}, {"name": "worker", "digest": "sha256:good"}]}}`
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"nothing was asked yet", "GET", "/runs/sl-1", "", 404, "no such run"},
		{"no event", "POST", "/gates", "hello", 400, "an event with an id and images is wanted"},
		{"an event", "POST", "/gates", event("sha256:good"), 202, `"poll":"/runs/sl-1"`},
		{"its answer", "GET", "/runs/sl-1", "", 200, `"result":"passed","message":"2 images scanned"`},
		{"an event of a bad image", "POST", "/gates", event("sha256:bad"), 202, `"poll":"/runs/sl-1"`},
		{"its answer, too", "GET", "/runs/sl-1", "", 200, `"result":"failed","message":"image api holds a library`},
	} {
		if status, said := ask(t, c.method, server.URL+c.path, c.body, key); status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, said, c.status, c.says)
		}
	}
	forger := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of somebody else, as long as it"))
	for _, method := range []string{"POST", "GET"} {
		path := map[string]string{"POST": "/gates", "GET": "/runs/sl-1"}[method]
		if status, said := ask(t, method, server.URL+path, "", forger); status != http.StatusUnauthorized {
			t.Errorf("%s of a forger: %d %s", method, status, said)
		}
	}
	if _, err := newScanner("no base64!", nil); err == nil {
		t.Error("this is no key")
	}
}
