package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/test/sample/internal/build"
)

func get(t *testing.T, handler http.Handler, path string) (status int, body string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return recorder.Code, recorder.Body.String()
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		reason, fault, path, want string
		status                    int
	}{
		{"a quote", "", "/quote?cents=1999&quantity=3&discount=15", `{"cents":5097,"version":"v9"}`, 200},
		{"a refund", "", "/refund?paid=1000&items=3&returned=2", `{"cents":667,"version":"v9"}`, 200},
		{"a refund with the fault", build.FaultRounding, "/refund?paid=1000&items=3&returned=2", `{"cents":666,"version":"v9"}`, 200},
		{"slow is right", build.FaultContention, "/refund?paid=1000&items=3&returned=2", `{"cents":667,"version":"v9"}`, 200},
		{"not a number", "", "/quote?cents=much", `cents="much" is not a whole number`, 400},
		{"not possible", "", "/refund?paid=1000&items=3&returned=4", "returned is 4", 400},
		{"health", "", "/healthz", "ok", 200},
		{"version", "", "/version", "v9", 200},
		{"metrics", "", "/metrics", "", 200},
		{"nothing there", "", "/", "not found", 404},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			status, body := get(t, newServer("v9", test.fault), test.path)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("%s: %d %q, want %d %q", test.path, status, body, test.status, test.want)
			}
		})
	}
}

func TestPost(t *testing.T) {
	server := httptest.NewServer(newServer("v9", ""))
	defer server.Close()
	response, err := http.PostForm(server.URL+"/quote", url.Values{"cents": {"100"}, "quantity": {"2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(body), `"cents":200`) {
		t.Errorf("%q, %v; want 200 cents", body, err)
	}
}
