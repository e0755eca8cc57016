package integration_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// report tells, where the test failed, all that a person would ask for: what stands in the namespaces of the shop, and
// what the operator logged about them. A failure that cannot be brought about again has to explain itself.
func (s *shop) report() {
	if !s.t.Failed() {
		return
	}
	// The test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	namespaces := []string{s.name}
	for _, environment := range s.recipe.environments {
		namespaces = append(namespaces, s.namespace(environment))
	}
	s.t.Logf("what stands now\n%s--- the operator's log\n%s", plane.Report(ctx, namespaces...), operatorLog.about(s.name))
}

// operatorLog keeps what the operator logs, for reports.
var operatorLog lines

// reportedLines is how much of the log a report holds.
const reportedLines = 200

// lines are those of a log. It is an io.Writer that gets one line a call.
type lines struct {
	mutex sync.Mutex
	kept  [][]byte
}

// Write keeps a line.
func (l *lines) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.kept = append(l.kept, bytes.Clone(line))
	return len(line), nil
}

// logger writes to it, and to the terminal where SLUICE_TEST_LOG is set.
func (l *lines) logger() logr.Logger {
	var to io.Writer = l
	if os.Getenv("SLUICE_TEST_LOG") != "" {
		to = io.MultiWriter(l, os.Stderr)
	}
	return zap.New(zap.UseDevMode(true), zap.JSONEncoder(), zap.WriteTo(to))
}

// about returns the last lines that name a team, or one of its namespaces.
func (l *lines) about(team string) string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var found []string
	for _, line := range l.kept {
		if bytes.Contains(line, []byte(`"`+team+`"`)) || bytes.Contains(line, []byte(`"`+team+"-")) || bytes.Contains(line, []byte(team+"/")) {
			found = append(found, string(line))
		}
	}
	return strings.Join(found[max(0, len(found)-reportedLines):], "")
}
