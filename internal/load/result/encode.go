package result

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

const (
	// mostCounted requests or milliseconds are more than any gate asks for, and can be added and multiplied safely.
	mostCounted = 1 << 40
	// mostMeasured is the same for bytes and microseconds.
	mostMeasured = 1 << 52
)

// ErrNoResult means that a message holds no result.
var ErrNoResult = errors.New("no result")

// message is the form in which a worker leaves its result. Names are short, as space is.
type message struct {
	Version   int                                      `json:"sluiceLoad"`
	Index     int32                                    `json:"worker"`
	Workers   int32                                    `json:"workers"`
	Start     int64                                    `json:"startMs"`
	Measured  int64                                    `json:"measuredMs"`
	Intended  int64                                    `json:"intended"`
	Sent      int64                                    `json:"sent"`
	HeldBack  int64                                    `json:"heldBack,omitempty"`
	Received  int64                                    `json:"bytesIn"`
	Out       int64                                    `json:"bytesOut"`
	Max       int64                                    `json:"maxUs"`
	Late      int64                                    `json:"lateUs"`
	Throttled int64                                    `json:"throttledUs"`
	Failures  map[v1alpha1.LoadFailureKind]failureForm `json:"failures,omitempty"`
	Statuses  map[int32]int64                          `json:"statuses,omitempty"`
	Histogram string                                   `json:"hdr"`
}

type failureForm struct {
	Count   int64  `json:"n"`
	Example string `json:"e,omitempty"`
}

// forms of a result from the best to the shortest: two significant digits are worth more than examples, the third is not.
var forms = []struct {
	digits   int
	examples bool
}{{3, true}, {2, true}, {2, false}, {1, true}, {1, false}}

// Encode writes a result into at most so many bytes, in the best form that fits.
func Encode(w *Worker, most int) ([]byte, error) {
	for _, form := range forms {
		encoded, err := EncodeWith(w, form.digits, form.examples)
		if err != nil {
			return nil, err
		}
		if len(encoded) <= most {
			return encoded, nil
		}
	}
	return nil, fmt.Errorf("the result does not fit into %d bytes", most)
}

// EncodeWith writes a result with a histogram of so many significant digits, however long it gets.
func EncodeWith(w *Worker, digits int, examples bool) ([]byte, error) {
	histogram, err := encodeHistogram(w.Latencies, digits)
	if err != nil {
		return nil, err
	}
	form := message{
		Version: version, Index: w.Index, Workers: w.Workers, Start: w.StartMilliseconds, Measured: w.MeasuredMilliseconds,
		Intended: w.Intended, Sent: w.Sent, HeldBack: w.HeldBack, Received: w.BytesReceived, Out: w.BytesSent,
		Max: w.MaxMicroseconds, Late: w.LateMicroseconds, Throttled: w.ThrottledMicroseconds,
		Failures: map[v1alpha1.LoadFailureKind]failureForm{}, Statuses: map[int32]int64{}, Histogram: histogram,
	}
	for kind, failure := range w.Failures {
		form.Failures[kind] = failureForm{Count: failure.Count}
		if examples {
			form.Failures[kind] = failureForm{Count: failure.Count, Example: termination.OneLine(failure.Example, maxExample)}
		}
	}
	for _, code := range mostFrequent(w.Statuses, maxStatuses) {
		form.Statuses[code] = w.Statuses[code]
	}
	encoded, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return encoded, nil
}

// encodeHistogram with so many significant digits.
func encodeHistogram(histogram *hdrhistogram.Histogram, digits int) (string, error) {
	encoded, err := coarser(histogram, digits).Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("encode the histogram: %w", err)
	}
	return string(encoded), nil
}

// Decode reads what Encode wrote, and refuses what cannot be true.
func Decode(text string) (*Worker, error) {
	if len(text) > termination.MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes are more than a termination message holds", ErrNoResult, len(text))
	}
	var form message
	if err := json.Unmarshal([]byte(text), &form); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoResult, err)
	}
	if form.Version != version {
		return nil, fmt.Errorf("%w: version %d instead of %d", ErrNoResult, form.Version, version)
	}
	histogram, err := hdrhistogram.Decode([]byte(form.Histogram))
	if err != nil {
		return nil, fmt.Errorf("%w: histogram: %w", ErrNoResult, err)
	}
	w := &Worker{
		Index: form.Index, Workers: form.Workers, StartMilliseconds: form.Start, MeasuredMilliseconds: form.Measured,
		Intended: form.Intended, Sent: form.Sent, HeldBack: form.HeldBack, BytesReceived: form.Received, BytesSent: form.Out,
		MaxMicroseconds: form.Max, LateMicroseconds: form.Late, ThrottledMicroseconds: form.Throttled,
		Statuses: form.Statuses, Latencies: histogram,
	}
	for kind, failure := range form.Failures {
		if failure.Count < 0 || !known(kind) {
			return nil, fmt.Errorf("%w: %d failures of kind %q", ErrNoResult, failure.Count, kind)
		}
		w.Fail(kind, failure.Count, failure.Example)
	}
	if err := w.plausible(); err != nil {
		return nil, err
	}
	return w, nil
}

// plausible refuses counts that contradict one another: a result that does not add up proves nothing.
func (w *Worker) plausible() error {
	switch {
	case w.Workers < 1 || w.Index < 0 || w.Index >= w.Workers:
		return fmt.Errorf("%w: worker %d of %d", ErrNoResult, w.Index, w.Workers)
	case !w.shaped():
		return fmt.Errorf("%w: a histogram of another shape", ErrNoResult)
	}
	if err := w.withinReason(); err != nil {
		return err
	}
	if w.Sent > w.Intended || w.HeldBack > w.Intended || w.Latencies.TotalCount()+w.failed() != w.Intended {
		return fmt.Errorf("%w: of %d requests %d were sent, %d were answered well and %d failed", ErrNoResult,
			w.Intended, w.Sent, w.Latencies.TotalCount(), w.failed())
	}
	return w.plausibleStatuses()
}

// shaped says whether the histogram is one that a worker makes.
func (w *Worker) shaped() bool {
	digits := w.Latencies.SignificantFigures()
	return digits >= 1 && digits <= finest && w.Latencies.HighestTrackableValue() == longest && w.Latencies.LowestTrackableValue() == 1
}

// withinReason refuses counts that no worker can have met.
func (w *Worker) withinReason() error {
	switch {
	case anyNegative(w.Intended, w.Sent, w.HeldBack, w.BytesReceived, w.BytesSent, w.MaxMicroseconds, w.LateMicroseconds, w.StartMilliseconds),
		w.MeasuredMilliseconds <= 0 || w.ThrottledMicroseconds < -1:
		return fmt.Errorf("%w: a count below zero", ErrNoResult)
	case max(w.Intended, w.MeasuredMilliseconds) > mostCounted,
		max(w.StartMilliseconds, w.BytesReceived, w.BytesSent, w.MaxMicroseconds, w.LateMicroseconds, w.ThrottledMicroseconds) > mostMeasured:
		return fmt.Errorf("%w: a count beyond reason", ErrNoResult)
	}
	return nil
}

func (w *Worker) plausibleStatuses() error {
	for code, count := range w.Statuses {
		if code < 100 || code > 999 || count < 0 || count > w.Intended {
			return fmt.Errorf("%w: %d answers with status %d", ErrNoResult, count, code)
		}
	}
	return nil
}

func anyNegative(counts ...int64) bool {
	for _, count := range counts {
		if count < 0 {
			return true
		}
	}
	return false
}

func known(kind v1alpha1.LoadFailureKind) bool {
	switch kind {
	case v1alpha1.FailureStatus, v1alpha1.FailureBody, v1alpha1.FailureTimeout, v1alpha1.FailureConnectionRefused,
		v1alpha1.FailureConnectionReset, v1alpha1.FailureConnectionClosed, v1alpha1.FailureNameNotFound, v1alpha1.FailureTLS,
		v1alpha1.FailureProtocol, v1alpha1.FailureNotSent, v1alpha1.FailureOther:
		return true
	}
	return false
}
