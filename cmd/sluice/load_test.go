package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/internal/load/result"
)

func TestLoadLeavesItsResult(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	t.Setenv("SLUICE_HOST", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("JOB_COMPLETION_INDEX", "1")
	t.Setenv("SLUICE_LOAD", `{"targets": [{"url": "http://$(SLUICE_HOST)/"}], "requestsPerSecond": 20, "durationSeconds": 1, "warmUpSeconds": 0, "workers": 2}`)
	left, printed, err := runOwn(t, newLoadCommand())
	if err != nil {
		t.Fatal(err)
	}
	w, err := result.Decode(left)
	if err != nil {
		t.Fatalf("%v: %s", err, left)
	}
	if w.Index != 1 || w.Workers != 2 || w.Sent != 10 || w.Latencies.TotalCount() != 10 {
		t.Errorf("worker %d of %d sent %d, %d were answered well; want half of 20 of the second worker", w.Index, w.Workers, w.Sent, w.Latencies.TotalCount())
	}
	if !strings.Contains(printed, "\nresult {") && !strings.HasPrefix(printed, "result {") {
		t.Errorf("the log does not hold the result: %s", printed)
	}
}

func TestLoadSaysWhyItCannotRun(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "gate.json")
	if err := os.WriteFile(spec, []byte(`{"targets": [{"url": "http://$(SLUICE_NOWHERE)/"}], "requestsPerSecond": 1, "durationSeconds": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	left, _, err := runOwn(t, newLoadCommand(), "--spec", spec)
	if err == nil || !strings.Contains(left, "SLUICE_NOWHERE is not set") {
		t.Errorf("%v; left %q", err, left)
	}
	for name, c := range map[string]struct{ variable, index, want string }{
		"no gate":           {"", "0", "there is no gate to run"},
		"not JSON":          {"rate: 5", "0", "the gate in SLUICE_LOAD"},
		"not a number":      {"{}", "first", "is no number"},
		"a gate of nothing": {"{}", "0", "names no target"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SLUICE_LOAD", c.variable)
			t.Setenv("JOB_COMPLETION_INDEX", c.index)
			if left, _, err := runOwn(t, newLoadCommand()); err == nil || !strings.Contains(err.Error(), c.want) || left != err.Error() {
				t.Errorf("%v, left %q, want: %s", err, left, c.want)
			}
		})
	}
}

// Outside Kubernetes there is no file for the result.
func TestLoadOutsideKubernetes(t *testing.T) {
	o := ownOptions{resultFile: filepath.Join(t.TempDir(), "none")}
	if err := o.leave([]byte("x"), nil); err != nil {
		t.Error(err)
	}
	if err := o.leave([]byte("x"), fmt.Errorf("first")); err == nil || err.Error() != "first" {
		t.Errorf("%v, want the error that it was given", err)
	}
	if _, err := os.Stat(o.resultFile); err == nil {
		t.Error("a file was made where there is none")
	}
}
