package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/internal/metric/result"
)

func TestMetricLeavesItsResult(t *testing.T) {
	var authorization, query string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization, query = r.Header.Get("Authorization"), r.FormValue("query")
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"0.031"]}}`)
	}))
	defer server.Close()
	t.Setenv("SLUICE_NAMESPACE", "shop-test")
	t.Setenv("PROMETHEUS_TOKEN", "open-sesame")
	t.Setenv("SLUICE_METRIC", `{"prometheus": {"url": "`+server.URL+`"}, "query": "errors{ns=\"$(SLUICE_NAMESPACE)\"}", "samples": 3, "intervalSeconds": 1, "passIf": "result < 0.01"}`)
	left, printed, err := runOwn(t, newMetricCommand())
	if err != nil {
		t.Fatal(err)
	}
	f, err := result.Decode(left)
	if err != nil {
		t.Fatalf("%v: %s", err, left)
	}
	if *f.Samples != 1 || *f.Failed != 1 || f.LastFailed != "0.031" {
		t.Errorf("left %s, want one sample that failed: none may", left)
	}
	if authorization != "Bearer open-sesame" || query != `errors{ns="shop-test"}` {
		t.Errorf("asked %q with %q", query, authorization)
	}
	if !strings.Contains(printed, "sample 1 of 3: failed: 0.031\nresult {") || strings.Contains(printed+left, "open-sesame") {
		t.Errorf("printed %s", printed)
	}
}

func TestMetricSaysWhyItCannotRun(t *testing.T) {
	for name, c := range map[string]struct{ variable, want string }{
		"no gate":        {"", "there is no gate to run: set SLUICE_METRIC or --spec"},
		"not JSON":       {"samples: 5", "the gate in SLUICE_METRIC"},
		"no condition":   {"{}", "passIf: "},
		"a token in use": {`{"passIf": "result < 1", "query": "up{x=\"$(PROMETHEUS_TOKEN)$(SLUICE_NOWHERE)\"}"}`, "query: SLUICE_NOWHERE is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SLUICE_METRIC", c.variable)
			t.Setenv("PROMETHEUS_TOKEN", "open-sesame")
			left, _, err := runOwn(t, newMetricCommand())
			if err == nil || !strings.Contains(err.Error(), c.want) || left != err.Error() || strings.Contains(left, "open-sesame") {
				t.Errorf("%v, left %q, want: %s", err, left, c.want)
			}
		})
	}
}
