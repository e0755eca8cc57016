// Package result is what a metric gate leaves behind: figures in the termination message of its container, which nobody
// but a kubelet reports. It is pure.
package result

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

// What the API's schema lets figures hold, in bytes.
const (
	MaxText   = 512
	MaxQuery  = 1024
	maxShow   = 256
	maxNumber = 32
)

// The variables in which a pod gets what a server wants to see. They do not begin with SLUICE_, so that no query or URL can
// take them in.
const (
	TokenVariable       = "PROMETHEUS_TOKEN"
	CertificateVariable = "PROMETHEUS_CERTIFICATE"
	KeyVariable         = "PROMETHEUS_KEY"
)

// Encode writes figures for the message of a container, in at most termination.MaxBytes.
func Encode(f *v1alpha1.MetricFigures) ([]byte, error) {
	return termination.Encode(f, func(short *v1alpha1.MetricFigures) {
		short.Query, short.MissingReason = v1alpha1.Clip(f.Query, 100), v1alpha1.Clip(f.MissingReason, 100)
	})
}

// Decode reads what Encode wrote.
func Decode(text string) (*v1alpha1.MetricFigures, error) {
	f := &v1alpha1.MetricFigures{}
	if err := json.Unmarshal([]byte(text), f); err != nil {
		return nil, fmt.Errorf("it is no result of a metric gate: %w", err)
	}
	for _, n := range []*int32{f.Samples, f.Failed, f.ConsecutiveFailed, f.Missing} {
		if n == nil || *n < 0 {
			return nil, errors.New("it is no result of a metric gate: a count is missing, or below zero")
		}
	}
	if int64(*f.Failed)+int64(*f.Missing) > int64(*f.Samples) || *f.ConsecutiveFailed > *f.Failed {
		return nil, fmt.Errorf("it is no result of a metric gate: %d samples, %d failed, %d missing", *f.Samples, *f.Failed, *f.Missing)
	}
	for _, t := range []struct {
		text *string
		most int
	}{{&f.MissingReason, MaxText}, {&f.Query, MaxQuery}, {&f.Last, maxShow}, {&f.LastFailed, maxShow}, {&f.Minimum, maxNumber}, {&f.Maximum, maxNumber}} {
		*t.text = termination.OneLine(*t.text, t.most)
	}
	return f, nil
}
