package result

import (
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

// Merge makes the figures of a gate of what its workers measured; each of them has to be there, once. Percentiles are
// read from the merged histogram, with as many significant digits as the coarsest of them has.
func Merge(workers []*Worker) (v1alpha1.LoadFigures, error) {
	if err := complete(workers); err != nil {
		return v1alpha1.LoadFigures{}, err
	}
	digits := finest
	for _, w := range workers {
		digits = min(digits, int(w.Latencies.SignificantFigures()))
	}
	sum := sum{latencies: hdrhistogram.New(1, longest, digits), statuses: map[int32]int64{}, begin: math.MinInt64, end: math.MaxInt64}
	for _, w := range workers {
		sum.add(w)
	}
	return sum.figures(int32(len(workers)), digits)
}

// complete refuses results that are not those of all the workers of one gate.
func complete(workers []*Worker) error {
	if len(workers) == 0 {
		return fmt.Errorf("%w of any worker", ErrNoResult)
	}
	seen := make(map[int32]bool, len(workers))
	for _, w := range workers {
		if int(w.Workers) != len(workers) {
			return fmt.Errorf("%w of each worker: there are %d, and worker %d is one of %d", ErrNoResult, len(workers), w.Index, w.Workers)
		}
		if seen[w.Index] {
			return fmt.Errorf("%w of each worker: there are two of worker %d", ErrNoResult, w.Index)
		}
		seen[w.Index] = true
	}
	return nil
}

// sum of several workers.
type sum struct {
	total     Worker
	latencies *hdrhistogram.Histogram
	statuses  map[int32]int64
	// measured is the longest of the measured times; begin and end are those of the time in which all measured at once.
	measured, begin, end int64
	// throttled is the largest part of its time that one worker was kept from its CPU, in hundredths of a percent.
	throttled int64
	unknown   bool
}

func (s *sum) add(w *Worker) {
	s.total.Intended += w.Intended
	s.total.Sent += w.Sent
	s.total.HeldBack += w.HeldBack
	s.total.BytesReceived += w.BytesReceived
	s.total.BytesSent += w.BytesSent
	s.total.MaxMicroseconds = max(s.total.MaxMicroseconds, w.MaxMicroseconds)
	s.total.LateMicroseconds = max(s.total.LateMicroseconds, w.LateMicroseconds)
	for _, kind := range mostFrequent(failureCounts(w), len(w.Failures)) {
		s.total.Fail(kind, w.Failures[kind].Count, w.Failures[kind].Example)
	}
	for code, count := range w.Statuses {
		s.statuses[code] += count
	}
	s.measured = max(s.measured, w.MeasuredMilliseconds)
	s.begin, s.end = max(s.begin, w.StartMilliseconds), min(s.end, w.StartMilliseconds+w.MeasuredMilliseconds)
	s.unknown = s.unknown || w.ThrottledMicroseconds < 0
	s.throttled = max(s.throttled, basisPoints(w.ThrottledMicroseconds/1000, w.MeasuredMilliseconds))
	s.latencies.Merge(w.Latencies)
}

func failureCounts(w *Worker) map[v1alpha1.LoadFailureKind]int64 {
	counts := make(map[v1alpha1.LoadFailureKind]int64, len(w.Failures))
	for kind, failure := range w.Failures {
		counts[kind] = failure.Count
	}
	return counts
}

func (s *sum) figures(workers int32, digits int) (v1alpha1.LoadFigures, error) {
	encoded, err := s.encoded(digits)
	if err != nil {
		return v1alpha1.LoadFigures{}, err
	}
	good, intended := s.latencies.TotalCount(), s.total.Intended
	figures := v1alpha1.LoadFigures{
		Intended: &intended, Requests: &s.total.Sent, Failed: ptr(intended - good),
		SuccessBasisPoints:   ptr(int32(basisPoints(good, intended))),
		SentPerSecond:        ptr(int32(min(math.MaxInt32, (s.total.Sent*1000+s.measured/2)/s.measured))),
		AnsweredPerSecond:    ptr(int32(min(math.MaxInt32, good*1000/s.measured))),
		P50Microseconds:      s.percentile(5000),
		P90Microseconds:      s.percentile(9000),
		P95Microseconds:      s.percentile(9500),
		P99Microseconds:      s.percentile(9900),
		MaxMicroseconds:      &s.total.MaxMicroseconds,
		BytesReceived:        &s.total.BytesReceived,
		BytesSent:            &s.total.BytesSent,
		Workers:              workers,
		MeasuredMilliseconds: &s.measured,
		TogetherBasisPoints:  ptr(int32(basisPoints(max(0, s.end-s.begin), s.measured))),
		LateMicroseconds:     &s.total.LateMicroseconds,
		SignificantDigits:    int32(digits),
		Histogram:            encoded,
	}
	if s.total.HeldBack > 0 {
		figures.HeldBack = &s.total.HeldBack
	}
	if !s.unknown {
		figures.ThrottledBasisPoints = ptr(int32(s.throttled))
	}
	counts := failureCounts(&s.total)
	for _, kind := range mostFrequent(counts, len(counts)) {
		figures.Failures = append(figures.Failures, v1alpha1.LoadFailure{Kind: kind, Count: ptr(counts[kind]), Example: s.total.Failures[kind].Example})
	}
	for _, code := range mostFrequent(s.statuses, maxStatuses) {
		figures.Statuses = append(figures.Statuses, v1alpha1.LoadStatusCount{Code: code, Count: ptr(s.statuses[code])})
	}
	return figures, nil
}

// encoded is the merged histogram for the record, with as many significant digits as fit.
func (s *sum) encoded(digits int) (string, error) {
	for ; ; digits-- {
		encoded, err := encodeHistogram(s.latencies, digits)
		if err != nil || len(encoded) <= termination.MaxBytes || digits == 1 {
			return encoded, err
		}
	}
}

// percentile in parts of 10,000. The end of a histogram's step may lie beyond what was measured at all.
func (s *sum) percentile(parts int64) *int64 {
	value := quantile(s.latencies, s.total.Intended, parts)
	if value != nil && *value > s.total.MaxMicroseconds {
		return &s.total.MaxMicroseconds
	}
	return value
}

// basisPoints is a part of a whole in hundredths of a percent, rounded down, so that 99.999 % is not everything.
func basisPoints(part, whole int64) int64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return min(10000, part*10000/whole)
}

func ptr[T any](value T) *T { return &value }
