package metric

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/metric/result"
	"github.com/sluice-dev/sluice/internal/outbound"
	"github.com/sluice-dev/sluice/internal/promotion"
	"github.com/sluice-dev/sluice/internal/termination"
)

// maxShown is how many numbers of one sample are shown.
const maxShown = 5

// Secrets are what a server wants to see, from the Secret of the gate.
type Secrets struct {
	// BearerToken, ClientCertificate and ClientKey; empty where there is none.
	BearerToken, ClientCertificate, ClientKey string
}

// Sampler takes the samples of one gate.
type Sampler struct {
	// Gate to run.
	Gate v1alpha1.MetricGate
	// Secrets of the server.
	Secrets Secrets
	// Lookup finds variables that the query names.
	Lookup outbound.Lookup
	// Progress is written to, a line for each sample.
	Progress io.Writer
	// Clock of the machine.
	Clock clock.Clock
	// Pause waits for a time; nil waits for real.
	Pause func(ctx context.Context, d time.Duration) error
}

// Run takes the samples and returns what was seen. It ends early once too many failed. An error means that the gate itself
// is wrong.
func (s *Sampler) Run(ctx context.Context) (*v1alpha1.MetricFigures, error) {
	condition, err := NewCondition(s.Gate.PassIf)
	if err != nil {
		return nil, fmt.Errorf("passIf: %w", err)
	}
	query, err := outbound.Expand(s.Gate.Query, s.Lookup)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	server, err := newServer(s.Gate.Prometheus, s.Secrets, s.Lookup)
	if err != nil {
		return nil, err
	}
	seen := newTally(query)
	interval := time.Duration(cmp.Or(s.Gate.IntervalSeconds, promotion.DefaultInterval)) * time.Second
	server.timeout = min(server.timeout, interval)
	due := s.Clock.Now()
	for range s.Gate.Samples {
		// Samples are due at fixed times, so that slow answers do not add up.
		due = due.Add(interval)
		if err := s.pause(ctx, due.Sub(s.Clock.Now())); err != nil {
			return nil, fmt.Errorf("stopped after %d of %d samples: %w", seen.samples, s.Gate.Samples, err)
		}
		numbers, err := server.ask(ctx, query, s.Clock.Now())
		holds := false
		if err == nil {
			holds, err = condition.Holds(numbers)
		}
		seen.add(numbers, holds, err)
		s.say(seen)
		if promotion.TooManyFailed(s.Gate, seen.failed, seen.mostInRow) {
			break
		}
	}
	return seen.figures(), nil
}

func (s *Sampler) pause(ctx context.Context, d time.Duration) error {
	if s.Pause != nil {
		return s.Pause(ctx, d)
	}
	return outbound.Pause(ctx, d)
}

// say is best effort: that nobody reads a line changes no sample.
func (s *Sampler) say(t *tally) {
	if _, err := fmt.Fprintf(s.Progress, "sample %d of %d: %s\n", t.samples, s.Gate.Samples, t.said); err != nil {
		s.Progress = io.Discard
	}
}

// tally is what was seen so far.
type tally struct {
	query                           string
	samples, failed, missing        int32
	inRow, mostInRow                int32
	last, lastFailed, missingReason string
	minimum, maximum                float64
	// said tells of the last sample.
	said string
}

func newTally(query string) *tally {
	return &tally{query: query, minimum: math.Inf(1), maximum: math.Inf(-1)}
}

func (t *tally) add(numbers []float64, holds bool, err error) {
	t.samples++
	if err != nil {
		// What is not known neither goes on with a row of failures nor ends it.
		t.missing++
		t.missingReason = termination.OneLine(err.Error(), result.MaxText)
		t.said = "missing: " + t.missingReason
		return
	}
	t.last = shown(numbers)
	t.minimum, t.maximum = min(t.minimum, slices.Min(numbers)), max(t.maximum, slices.Max(numbers))
	t.said = "passed: " + t.last
	if holds {
		t.inRow = 0
		return
	}
	t.failed++
	t.inRow++
	t.mostInRow = max(t.mostInRow, t.inRow)
	t.lastFailed, t.said = t.last, "failed: "+t.last
}

func (t *tally) figures() *v1alpha1.MetricFigures {
	f := &v1alpha1.MetricFigures{
		Samples: &t.samples, Failed: &t.failed, ConsecutiveFailed: &t.mostInRow, Missing: &t.missing, MissingReason: t.missingReason,
		Last: t.last, LastFailed: t.lastFailed, Query: termination.OneLine(t.query, result.MaxQuery),
	}
	if t.samples > t.missing {
		f.Minimum, f.Maximum = decimal(t.minimum), decimal(t.maximum)
	}
	return f
}

// shown are the numbers of a sample for people, the first of many.
func shown(numbers []float64) string {
	words := make([]string, 0, maxShown)
	for _, n := range numbers[:min(len(numbers), maxShown)] {
		words = append(words, decimal(n))
	}
	text := strings.Join(words, ", ")
	if more := len(numbers) - maxShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }
