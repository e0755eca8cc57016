package result

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

type workerBuilder struct{ w Worker }

// MakeWorker makes the only worker of a gate, that measured a second and nothing in it.
func MakeWorker() *workerBuilder {
	return &workerBuilder{Worker{
		Workers: 1, StartMilliseconds: 1_800_000_000_000, MeasuredMilliseconds: 1000, ThrottledMicroseconds: -1,
		Latencies: NewHistogram(), Statuses: map[int32]int64{},
	}}
}

func (b *workerBuilder) Of(index, workers int32) *workerBuilder {
	b.w.Index, b.w.Workers = index, workers
	return b
}

// Good answers with latencies in microseconds.
func (b *workerBuilder) Good(latencies ...int64) *workerBuilder {
	for _, latency := range latencies {
		Record(b.w.Latencies, latency)
		b.w.Intended++
		b.w.Sent++
		b.w.Statuses[200]++
		b.w.MaxMicroseconds = max(b.w.MaxMicroseconds, latency)
	}
	return b
}

func (b *workerBuilder) Failed(kind v1alpha1.LoadFailureKind, count int64, example string) *workerBuilder {
	b.w.Fail(kind, count, example)
	b.w.Intended += count
	b.w.Sent += count
	return b
}

func (b *workerBuilder) With(change func(*Worker)) *workerBuilder {
	change(&b.w)
	return b
}

func (b *workerBuilder) Obj() *Worker { return &b.w }

func upTo(n int64) []int64 {
	values := make([]int64, 0, n)
	for i := range n {
		values = append(values, (i+1)*1000)
	}
	return values
}

func TestEncodeAndDecode(t *testing.T) {
	w := MakeWorker().Of(2, 4).Good(upTo(100)...).
		Failed(v1alpha1.FailureTimeout, 3, "no answer\n within 10 s").
		With(func(w *Worker) {
			w.HeldBack, w.BytesReceived, w.BytesSent, w.LateMicroseconds, w.ThrottledMicroseconds = 1, 2, 3, 4, 5
		}).Obj()
	encoded, err := Encode(w, termination.MaxBytes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(string(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Latencies.Equals(w.Latencies) {
		t.Error("the histogram came back as another")
	}
	got.Latencies, w.Latencies = nil, nil
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("the result came back as another:\n%s", diff)
	}
}

// What real services look like keeps two significant digits, and whatever comes fits with one.
func TestAResultFitsIntoATerminationMessage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, test := range map[string]struct {
		latency func() int64
		digits  int64
		count   int
	}{
		"an ordinary service":              {func() int64 { return int64(2000 + random.ExpFloat64()*8000) }, 2, 60_000},
		"a steady one":                     {func() int64 { return int64(20000 + random.NormFloat64()*300) }, 3, 60_000},
		"a long tail, a million requests":  {func() int64 { return int64(500 * (1 + random.ExpFloat64()*random.ExpFloat64()*20)) }, 2, 1_000_000},
		"everything from 1 us to an hour":  {func() int64 { return int64(1) << random.IntN(32) * (1000 + random.Int64N(1000)) / 1000 }, 1, 2_000_000},
		"evenly spread over ten seconds":   {func() int64 { return random.Int64N(10_000_000) }, 2, 500_000},
		"each step of the histogram often": {func() int64 { return 1 + random.Int64N(1<<(1+random.IntN(31))) }, 1, 5_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := MakeWorker()
			for range test.count {
				b.Good(test.latency())
			}
			for _, kind := range []v1alpha1.LoadFailureKind{
				v1alpha1.FailureStatus, v1alpha1.FailureBody, v1alpha1.FailureTimeout, v1alpha1.FailureConnectionRefused, v1alpha1.FailureConnectionReset,
				v1alpha1.FailureConnectionClosed, v1alpha1.FailureNameNotFound, v1alpha1.FailureTLS, v1alpha1.FailureProtocol, v1alpha1.FailureNotSent, v1alpha1.FailureOther,
			} {
				b.Failed(kind, 12345, strings.Repeat("\"", 1000))
			}
			encoded, err := Encode(b.Obj(), termination.MaxBytes)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(string(encoded))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes with %d significant digits", len(encoded), got.Latencies.SignificantFigures())
			if got.Latencies.SignificantFigures() < test.digits {
				t.Errorf("%d significant digits are left, want %d", got.Latencies.SignificantFigures(), test.digits)
			}
		})
	}
}

func TestDecodeRefusesWhatCannotBeTrue(t *testing.T) {
	for name, spoil := range map[string]func(*Worker){
		"more good answers than requests": func(w *Worker) { w.Intended = 9 },
		"requests that vanished":          func(w *Worker) { w.Intended = 11 },
		"more sent than were due":         func(w *Worker) { w.Sent = 11 },
		"a worker that there is not":      func(w *Worker) { w.Index = 1 },
		"no workers":                      func(w *Worker) { w.Workers = 0 },
		"no time":                         func(w *Worker) { w.MeasuredMilliseconds = 0 },
		"a negative count":                func(w *Worker) { w.BytesSent = -1 },
		"an enormous count":               func(w *Worker) { w.BytesSent = 1 << 60 },
		"an enormous time":                func(w *Worker) { w.MeasuredMilliseconds = 1 << 50 },
		"no such status":                  func(w *Worker) { w.Statuses[7] = 1 },
		"too many answers of a status":    func(w *Worker) { w.Statuses[200] = 11 },
		"no such kind of failure":         func(w *Worker) { w.Failures = map[v1alpha1.LoadFailureKind]Failure{"Boredom": {Count: 0}} },
		"failures below zero": func(w *Worker) {
			w.Intended = 9
			w.Failures = map[v1alpha1.LoadFailureKind]Failure{v1alpha1.FailureOther: {Count: -1}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := EncodeWith(MakeWorker().Good(upTo(10)...).With(spoil).Obj(), 3, true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(string(encoded)); !errors.Is(err, ErrNoResult) {
				t.Errorf("%v, want that it is no result", err)
			}
		})
	}
	for _, text := range []string{
		"", "{}", "exit code 1", `{"sluiceLoad":2}`, `{"sluiceLoad":1,"workers":1,"measuredMs":1,"hdr":"AAAA"}`, strings.Repeat(" ", termination.MaxBytes+1),
	} {
		if _, err := Decode(text); !errors.Is(err, ErrNoResult) {
			t.Errorf("%.40q: %v, want that it is no result", text, err)
		}
	}
}

func TestMerge(t *testing.T) {
	slow := MakeWorker().Of(1, 2).Good(upTo(100)...).
		Failed(v1alpha1.FailureStatus, 2, "503 Service Unavailable").
		Failed(v1alpha1.FailureTimeout, 8, "no answer in 10 s").
		With(func(w *Worker) {
			w.StartMilliseconds += 100
			w.LateMicroseconds, w.ThrottledMicroseconds, w.MaxMicroseconds = 700, 50_000, 10_000_000
			w.Statuses[503] = 2
		}).Obj()
	fast := MakeWorker().Of(0, 2).Good(make([]int64, 90)...).With(func(w *Worker) { w.LateMicroseconds, w.ThrottledMicroseconds = 80, 0 }).Obj()
	got, err := Merge([]*Worker{slow, fast})
	if err != nil {
		t.Fatal(err)
	}
	if got.Histogram == "" {
		t.Error("the histogram is missing")
	}
	got.Histogram = ""
	want := v1alpha1.LoadFigures{
		Intended: ptr(int64(200)), Requests: ptr(int64(200)), Failed: ptr(int64(10)), SuccessBasisPoints: ptr(int32(9500)),
		SentPerSecond: ptr(int32(200)), AnsweredPerSecond: ptr(int32(190)),
		// The hundredth of 200 is the tenth of the slow worker, and so on: nothing is averaged.
		P50Microseconds: ptr(int64(10_007)), P90Microseconds: ptr(int64(90_047)), P95Microseconds: ptr(int64(100_031)), P99Microseconds: nil,
		MaxMicroseconds: ptr(int64(10_000_000)), BytesReceived: ptr(int64(0)), BytesSent: ptr(int64(0)),
		Failures: []v1alpha1.LoadFailure{
			{Kind: v1alpha1.FailureTimeout, Count: ptr(int64(8)), Example: "no answer in 10 s"},
			{Kind: v1alpha1.FailureStatus, Count: ptr(int64(2)), Example: "503 Service Unavailable"},
		},
		Statuses: []v1alpha1.LoadStatusCount{{Code: 200, Count: ptr(int64(190))}, {Code: 503, Count: ptr(int64(2))}},
		Workers:  2, MeasuredMilliseconds: ptr(int64(1000)), TogetherBasisPoints: ptr(int32(9000)),
		LateMicroseconds: ptr(int64(700)), ThrottledBasisPoints: ptr(int32(500)), SignificantDigits: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

// Merging is the same as having measured all with one worker.
func TestMergedIsAsIfMeasuredByOne(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	one, workers := MakeWorker(), []*workerBuilder{MakeWorker().Of(0, 3), MakeWorker().Of(1, 3), MakeWorker().Of(2, 3)}
	for range 30_000 {
		latency, worker := int64(random.ExpFloat64()*20_000), random.IntN(3)
		latency *= int64(worker + 1)
		one.Good(latency)
		workers[worker].Good(latency)
	}
	want, err := Merge([]*Worker{one.Obj()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Merge([]*Worker{workers[2].Obj(), workers[0].Obj(), workers[1].Obj()})
	if err != nil {
		t.Fatal(err)
	}
	want.Workers = 3
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-one +three merged):\n%s", diff)
	}
}

func TestMergeTakesTheCoarsest(t *testing.T) {
	encoded, err := EncodeWith(MakeWorker().Of(0, 2).Good(upTo(1000)...).Obj(), 2, true)
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := Decode(string(encoded))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Merge([]*Worker{coarse, MakeWorker().Of(1, 2).Good(upTo(1000)...).Obj()})
	if err != nil {
		t.Fatal(err)
	}
	if p99 := *got.P99Microseconds; got.SignificantDigits != 2 || p99 < 990_000 || p99 > 990_000*101/100 {
		t.Errorf("p99 %d with %d significant digits, want 990000, or less than 1 %% above", p99, got.SignificantDigits)
	}
}

func TestMergeWantsEachWorkerOnce(t *testing.T) {
	worker := func(index, of int32) *Worker { return MakeWorker().Of(index, of).Good(1000).Obj() }
	for name, workers := range map[string][]*Worker{
		"none":               nil,
		"one is missing":     {worker(0, 3), worker(2, 3)},
		"one is there twice": {worker(0, 2), worker(0, 2)},
		"of another gate":    {worker(0, 2), worker(1, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Merge(workers); !errors.Is(err, ErrNoResult) {
				t.Errorf("%v, want that there is no result", err)
			}
		})
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{
		"ok": "ok", "a\x00\nb\t c": "a b c", "\xff": "?", strings.Repeat("é", 90): strings.Repeat("é", 46) + "...",
	} {
		if got := termination.OneLine(text, maxExample); got != want || len(got) > maxExample {
			t.Errorf("%q became %q (%d bytes), want %q", text, got, len(got), want)
		}
	}
}

// Whatever is found in a termination message is refused, or gives figures that hold together.
func FuzzDecode(f *testing.F) {
	for _, w := range []*Worker{
		MakeWorker().Good(upTo(10)...).Obj(),
		MakeWorker().Good(upTo(1000)...).Failed(v1alpha1.FailureOther, 5, "x").Obj(),
	} {
		encoded, err := Encode(w, termination.MaxBytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(encoded))
	}
	f.Add("exit code 1")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Decode(text)
		if err != nil {
			return
		}
		w.Index, w.Workers = 0, 1
		figures, err := Merge([]*Worker{w})
		if err != nil {
			t.Fatalf("decoded, but not merged: %v", err)
		}
		if *figures.Failed < 0 || *figures.Failed > *figures.Intended || *figures.SuccessBasisPoints < 0 || *figures.SuccessBasisPoints > 10000 {
			t.Errorf("%d of %d failed, %d basis points succeeded", *figures.Failed, *figures.Intended, *figures.SuccessBasisPoints)
		}
		for _, value := range []*int64{figures.P50Microseconds, figures.P99Microseconds} {
			if value != nil && (*value < 0 || *value > *figures.MaxMicroseconds) {
				t.Errorf("a percentile is %d, the longest %d", *value, *figures.MaxMicroseconds)
			}
		}
		if _, err := Encode(w, termination.MaxBytes); err != nil {
			t.Errorf("what was read does not fit again: %v", err)
		}
	})
}
