package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/webhook/result"
)

const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestWebhookLeavesItsResult(t *testing.T) {
	var path string
	var unsigned error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		verifier, err := standardwebhooks.NewWebhook(signingKey)
		if err != nil {
			t.Error(err)
		}
		unsigned = verifier.Verify(body, r.Header)
		_, _ = fmt.Fprint(w, `{"result": "failed", "message": "2 critical", "url": "https://scanner.example.com/runs/7"}`)
	}))
	defer server.Close()
	t.Setenv("SLUICE_NAMESPACE", "shop-test")
	t.Setenv("WEBHOOK_SIGNING_KEY", signingKey)
	t.Setenv("SLUICE_WEBHOOK", `{"id": "sl-1", "timeoutSeconds": 60, "networks": ["127.0.0.0/8", "::1/128"], "gate": {"url": "`+server.URL+`/$(SLUICE_NAMESPACE)", "tls": {"verification": "Skip"}}}`)
	left, printed, err := runOwn(t, newWebhookCommand())
	if err != nil {
		t.Fatal(err)
	}
	f, err := result.Decode(left)
	if err != nil {
		t.Fatalf("%v: %s", err, left)
	}
	if f.Answer != v1alpha1.AnswerFailed || f.Message != "2 critical" || f.URL != "https://scanner.example.com/runs/7" || *f.Requests != 1 || f.EventID != "sl-1" {
		t.Errorf("left %s", left)
	}
	if path != "/shop-test" || unsigned != nil {
		t.Errorf("asked %s, signed: %v", path, unsigned)
	}
	if !strings.Contains(printed, "request 1: failed: 2 critical\nresult {") || strings.Contains(printed+left, signingKey) {
		t.Errorf("printed %s", printed)
	}
}

func TestWebhookSaysWhyItCannotRun(t *testing.T) {
	for name, c := range map[string]struct{ variable, want string }{
		"no gate":      {"", "there is no gate to run: set SLUICE_WEBHOOK or --spec"},
		"not JSON":     {"url: https://scanner.example.com", "the gate in SLUICE_WEBHOOK"},
		"no URL":       {"{}", "url: "},
		"a key in url": {`{"gate": {"url": "https://scanner.example.com/$(WEBHOOK_SIGNING_KEY)$(SLUICE_NOWHERE)"}}`, "url: SLUICE_NOWHERE is not set"},
		"no key":       {`{"gate": {"url": "https://scanner.example.com/"}}`, "signingKey: the Secret holds no key there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SLUICE_WEBHOOK", c.variable)
			t.Setenv("WEBHOOK_SIGNING_KEY", "open-sesame")
			left, _, err := runOwn(t, newWebhookCommand())
			if err == nil || !strings.Contains(err.Error(), c.want) || left != err.Error() || strings.Contains(left, "open-sesame") {
				t.Errorf("%v, left %q, want: %s", err, left, c.want)
			}
		})
	}
}
