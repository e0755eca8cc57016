package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWorkerCountsAnswersAndFailures(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 2:
			w.WriteHeader(http.StatusInternalServerError)
		case 4:
			cancel() // the fourth answer is lost
		}
	}))
	defer api.Close()
	w := newWorker(api.URL, time.Millisecond)
	w.run(ctx)
	recorder := httptest.NewRecorder()
	w.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/counts", http.NoBody))
	if got := recorder.Body.String(); !strings.Contains(got, "answered 2") && !strings.Contains(got, "answered 3") {
		t.Errorf("counts are %q, want two or three answers", got)
	}
	if w.failures == 0 {
		t.Error("the failure was not counted")
	}
}

func TestHealth(t *testing.T) {
	tests := []struct {
		reason string
		quiet  time.Duration
		want   int
	}{
		{"it has just asked", 0, http.StatusOK},
		{"it has not asked for long", time.Minute, http.StatusServiceUnavailable},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			w := newWorker("http://127.0.0.1:1", time.Millisecond)
			w.last = time.Now().Add(-test.quiet)
			recorder := httptest.NewRecorder()
			w.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
			if recorder.Code != test.want {
				t.Errorf("%d, want %d", recorder.Code, test.want)
			}
		})
	}
}
