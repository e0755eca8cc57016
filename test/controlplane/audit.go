package controlplane

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

//go:embed audit-policy.yaml
var auditPolicy []byte

// AuditEvents returns every request that the API server has answered so far, in the order of the
// log. The log is written before the answer is sent: a request that a test has seen answered is in it.
// For sluice.dev and for Namespaces the events hold the bodies; for the rest, metadata.
func (p *ControlPlane) AuditEvents() ([]auditv1.Event, error) { return p.audit.read(p.AuditLog) }

// auditReader reads a log that grows, each line once.
type auditReader struct {
	mutex  sync.Mutex
	offset int64
	events []auditv1.Event
}

func (r *auditReader) read(path string) (all []auditv1.Event, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	file, err := os.Open(path) //nolint:gosec // the log of this control plane
	if err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	fresh, err := io.ReadAll(io.NewSectionReader(file, r.offset, math.MaxInt64-r.offset))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	// The last line may be half written: its request has not been answered yet.
	fresh = fresh[:bytes.LastIndexByte(fresh, '\n')+1]
	events, err := parseAudit(path, fresh)
	if err != nil {
		return nil, err
	}
	r.offset, r.events = r.offset+int64(len(fresh)), append(r.events, events...)
	return slices.Clip(r.events), nil
}

// Writes says whether a request changes what is stored. A review (SubjectAccessReview, TokenReview) is a create of an
// object that nobody stores: it costs what a read costs, and is counted as one.
func Writes(event auditv1.Event) bool {
	switch event.Verb {
	case "get", "list", "watch":
		return false
	case "create":
		return event.ObjectRef == nil || !slices.Contains([]string{"authorization.k8s.io", "authentication.k8s.io"}, event.ObjectRef.APIGroup)
	}
	return true
}

// parseAudit reads one event a line. The last line may be half written and is then left out: its
// request has not been answered yet.
func parseAudit(path string, data []byte) ([]auditv1.Event, error) {
	var events []auditv1.Event
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("audit log %s, line %d: %w", path, number, err)
		}
		events = append(events, event)
	}
	return events, nil
}
