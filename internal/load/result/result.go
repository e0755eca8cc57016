// Package result is what one worker of a load gate leaves behind, and how what several left becomes one: counts are
// added, histograms are merged, and nothing is ever averaged. It is pure.
//
// A worker leaves its result in the termination message of its container. The kubelet reports that in the status of the
// pod, where nobody but a node writes: what stands in a log or a volume could be anybody's. A message holds 4096 bytes,
// so the histogram has as many significant digits as fit (encode.go).
package result

import (
	"cmp"
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

const (
	// version of the form that a worker leaves.
	version = 1
	// longest latency in microseconds that is told apart; an hour, which no request may take.
	longest = 3_600_000_000
	// finest are the significant digits that a worker measures with.
	finest = 3
	// maxStatuses is how many statuses are told apart; the rest is only in the number of requests.
	maxStatuses = 10
	// maxExample bounds the example of a failure, in bytes.
	maxExample = 96
)

// Worker is what one worker measured. Times are in microseconds, but for those that say otherwise.
type Worker struct {
	// Index of the worker, from 0.
	Index int32
	// Workers that share the rate.
	Workers int32
	// StartMilliseconds is when the measured time began, since 1970.
	StartMilliseconds int64
	// MeasuredMilliseconds is how long it was.
	MeasuredMilliseconds int64
	// Intended is how many requests were due in it.
	Intended int64
	// Sent is how many of them were sent.
	Sent int64
	// HeldBack is how many were sent late as too many waited for an answer.
	HeldBack int64
	// BytesReceived and BytesSent in bodies.
	BytesReceived, BytesSent int64
	// MaxMicroseconds is the longest that a request took.
	MaxMicroseconds int64
	// LateMicroseconds is how late 99 of 100 requests were sent at most, without those held back.
	LateMicroseconds int64
	// ThrottledMicroseconds is how long the kernel kept the worker from its CPU; -1 where it does not say.
	ThrottledMicroseconds int64
	// Failures by kind, with one example each.
	Failures map[v1alpha1.LoadFailureKind]Failure
	// Statuses of answers.
	Statuses map[int32]int64
	// Latencies of good answers.
	Latencies *hdrhistogram.Histogram
}

// Failure is how often something failed, and what it said at first.
type Failure struct {
	// Count of the requests.
	Count int64
	// Example of a message.
	Example string
}

// NewHistogram makes a histogram as fine as a worker measures.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, finest) }

// Record adds a latency to a histogram; what is out of its range counts as its end.
func Record(histogram *hdrhistogram.Histogram, microseconds int64) {
	if err := histogram.RecordValue(min(max(microseconds, 0), longest)); err != nil {
		// No value within the range is refused.
		panic(err)
	}
}

// Fail adds a failure to a result.
func (w *Worker) Fail(kind v1alpha1.LoadFailureKind, count int64, example string) {
	if count == 0 {
		return
	}
	if w.Failures == nil {
		w.Failures = map[v1alpha1.LoadFailureKind]Failure{}
	}
	failure := w.Failures[kind]
	w.Failures[kind] = Failure{Count: failure.Count + count, Example: cmp.Or(failure.Example, termination.OneLine(example, maxExample))}
}

// failed is how many requests failed.
func (w *Worker) failed() int64 {
	total := int64(0)
	for _, failure := range w.Failures {
		total += failure.Count
	}
	return total
}

// coarser returns the histogram with so many significant digits.
func coarser(histogram *hdrhistogram.Histogram, digits int) *hdrhistogram.Histogram {
	if int(histogram.SignificantFigures()) <= digits && histogram.HighestTrackableValue() == longest {
		return histogram
	}
	coarse := hdrhistogram.New(1, longest, digits)
	coarse.Merge(histogram)
	return coarse
}

// quantile is the value that parts of 10,000 of all requests do not exceed. Requests that failed count as slower than any
// other: nil where too many did. It is the upper end of a step of the histogram, so never too low.
func quantile(histogram *hdrhistogram.Histogram, intended, parts int64) *int64 {
	rank := max(1, (intended*parts+9999)/10000)
	if histogram.TotalCount() < rank {
		return nil
	}
	seen := int64(0)
	for _, bar := range histogram.Distribution() {
		if seen += bar.Count; seen >= rank {
			return &bar.To
		}
	}
	return nil
}

// mostFrequent lists failures and statuses so that the same counts always give the same list.
func mostFrequent[K cmp.Ordered](counts map[K]int64, most int) []K {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return keys[:min(len(keys), most)]
}
