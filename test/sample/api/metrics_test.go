package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	handler := newServer("v9", "")
	for path, want := range map[string]int{"/quote?cents=1999&quantity=3": http.StatusOK, "/quote?cents=much": http.StatusBadRequest, "/refund?paid=1000&items=3": http.StatusOK} {
		if status, body := get(t, handler, path); status != want {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	_, body := get(t, handler, "/metrics")
	for _, want := range []string{
		`http_requests_total{code="200",path="/quote"} 1`, `http_requests_total{code="400",path="/quote"} 1`, `http_requests_total{code="200",path="/refund"} 1`,
		`http_request_duration_seconds_count{path="/quote"} 2`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("want %s in\n%s", want, body)
		}
	}
}
