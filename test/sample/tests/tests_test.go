package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// outcome runs the tests against a handler and returns what they print and find.
func outcome(t *testing.T, handler http.Handler, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var out bytes.Buffer
	err := run(t.Context(), append(args, "-settle=0"), server.URL, &report{out: &out})
	return out.String(), err
}

func TestFunctionalWritesAReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "functional.xml")
	wrong := map[string]string{"/refund?paid=1000&items=3&returned=2": `{"cents": 666, "version": "v3"}`}
	if out, err := outcome(t, rightService(wrong), "functional", "-junit="+path); !errors.Is(err, errFailed) {
		t.Errorf("a cent too little: %v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`tests="9" failures="1"`, `<testcase name="a refund of two thirds is rounded up">`, `message="got 666 cents, want 667 (version v3)"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %s:\n%s", want, text)
		}
	}
}

// rightService answers every example as it should be, and says something else to the paths in wrong.
func rightService(wrong map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.RequestURI()
		if body, found := wrong[path]; found {
			_, _ = w.Write([]byte(body))
			return
		}
		for _, e := range examples {
			if e.path == path && e.refused {
				http.Error(w, "no", http.StatusBadRequest)
			} else if e.path == path {
				_, _ = fmt.Fprintf(w, `{"cents": %d}`, e.cents)
			}
		}
	})
}

func TestFunctional(t *testing.T) {
	if out, err := outcome(t, rightService(nil), "functional"); err != nil {
		t.Fatalf("a right service: %v\n%s", err, out)
	}
	wrong := map[string]string{"/refund?paid=1000&items=3&returned=2": `{"cents": 666, "version": "v3"}`}
	out, err := outcome(t, rightService(wrong), "functional")
	if !errors.Is(err, errFailed) || !strings.Contains(out, "got 666 cents, want 667 (version v3)") {
		t.Errorf("a cent too little: %v\n%s", err, out)
	}
	if !strings.Contains(err.Error(), "1 of 9") {
		t.Errorf("%v, want that one of nine failed", err)
	}
	wrong = map[string]string{"/quote?cents=-1&quantity=1": `{"cents": -1}`}
	if out, err := outcome(t, rightService(wrong), "functional"); !errors.Is(err, errFailed) {
		t.Errorf("what must be refused was answered: %v\n%s", err, out)
	}
	if out, err := outcome(t, http.NotFoundHandler(), "functional"); !errors.Is(err, errFailed) {
		t.Errorf("a service that is not there: %v\n%s", err, out)
	}
}

func TestSmoke(t *testing.T) {
	if out, err := outcome(t, rightService(nil), "smoke"); err != nil {
		t.Errorf("a healthy service: %v\n%s", err, out)
	}
	if out, err := outcome(t, http.NotFoundHandler(), "smoke"); !errors.Is(err, errFailed) {
		t.Errorf("no service: %v\n%s", err, out)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"smoke", "-settle=0"}, "http://127.0.0.1:1", &report{out: &out}); !errors.Is(err, errFailed) {
		t.Errorf("nobody listens: %v\n%s", err, out.String())
	}
}

func TestStress(t *testing.T) {
	fast := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if out, err := outcome(t, fast, "stress", "-rate=100", "-duration=200ms", "-p99=2s"); err != nil {
		t.Errorf("a fast service: %v\n%s", err, out)
	}
	broken := http.NotFoundHandler()
	out, err := outcome(t, broken, "stress", "-rate=100", "-duration=200ms", "-p99=2s")
	if !errors.Is(err, errFailed) || !strings.Contains(out, "0.00 % of the requests succeeded") {
		t.Errorf("a broken service: %v\n%s", err, out)
	}
	// One at a time, 20 ms each: 50 a second, and 200 are asked for. The queue grows for half a second.
	var busy sync.Mutex
	contended := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		busy.Lock()
		defer busy.Unlock()
		time.Sleep(20 * time.Millisecond)
	})
	out, err = outcome(t, contended, "stress", "-rate=200", "-duration=500ms", "-p99=250ms")
	if !errors.Is(err, errFailed) || !strings.Contains(out, "FAIL p99") {
		t.Errorf("a service whose requests wait for one another: %v\n%s", err, out)
	}
}

func TestQuantile(t *testing.T) {
	values := []time.Duration{1, 2, 3, 4}
	for percent, want := range map[int]time.Duration{0: 1, 25: 1, 50: 2, 51: 3, 99: 4, 100: 4} {
		if got := quantile(values, percent); got != want {
			t.Errorf("quantile %d is %d, want %d", percent, got, want)
		}
	}
}

func TestMistakesAreNotFailuresOfTheService(t *testing.T) {
	for _, args := range [][]string{nil, {"nothing"}, {"smoke", "-no-such-flag"}, {"stress", "-rate=0"}} {
		if len(args) > 0 {
			args = append(args, "-settle=0")
		}
		err := run(t.Context(), args, "http://127.0.0.1:1", &report{out: &bytes.Buffer{}})
		if err == nil || errors.Is(err, errFailed) {
			t.Errorf("%v: %v, want an error that is no verdict", args, err)
		}
	}
}

func TestTheReportIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &report{out: &bytes.Buffer{}}
	r.say("%s", strings.Repeat("x", 2*terminationBytes))
	r.say("the end")
	r.leave(path)
	got, err := os.ReadFile(path)
	if err != nil || len(got) != terminationBytes || !strings.HasSuffix(string(got), "the end\n") {
		t.Errorf("%d bytes, %v; want the last %d of the report", len(got), err, terminationBytes)
	}
	r.leave(path + ".missing") // outside Kubernetes: nothing happens
	if _, err := os.Stat(path + ".missing"); err == nil {
		t.Error("a file was made where Kubernetes has none")
	}
}

func TestSettleWaitsForSteadyAnswers(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// The third answer comes from a pod that is on its way out.
		asked++
		if asked == 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	if err := settle(t.Context(), server.URL, time.Minute); err != nil {
		t.Fatal(err)
	}
	if want := 3 + settleAnswers; asked != want {
		t.Errorf("it asked %d times, want %d: the count begins anew after a failure", asked, want)
	}
	if err := settle(t.Context(), "http://127.0.0.1:1", time.Millisecond); !errors.Is(err, errFailed) {
		t.Errorf("got %v of a service that is not there, want a failure", err)
	}
}
