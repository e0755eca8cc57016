package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/load/result"
)

// tally counts the results of one worker as they come.
type tally struct {
	share   Share
	targets []target
	worker  result.Worker
	// late holds how late requests were sent that nothing held back.
	late *hdrhistogram.Histogram
	// skip is how many requests, the first, are the warm-up's.
	skip uint64
	// done is how many came back, those of the warm-up included.
	done uint64
}

func newTally(share Share, targets []target) *tally {
	t := &tally{share: share, targets: targets, late: result.NewHistogram(), skip: share.WarmUpRequests()}
	t.worker = result.Worker{
		Index: int32(share.Worker), Workers: int32(share.Workers),
		MeasuredMilliseconds:  (share.End() - share.WarmUp()).Milliseconds(),
		Intended:              int64(share.Requests() - t.skip),
		ThrottledMicroseconds: -1,
		Statuses:              map[int32]int64{}, Latencies: result.NewHistogram(),
	}
	return t
}

// add counts one result; began is when the attack did. The attacker measures from when it sent a request; here it counts
// from when that was due, so that what the target held up is in it.
func (t *tally) add(r *vegeta.Result, began time.Time) {
	t.done++
	if r.Seq < t.skip {
		return
	}
	due := began.Add(t.share.DueNth(r.Seq))
	index, heldBack := origin(r.URL)
	w := &t.worker
	w.Sent++
	if heldBack {
		w.HeldBack++
	} else {
		result.Record(t.late, r.Timestamp.Sub(due).Microseconds())
	}
	latency := max(0, r.Timestamp.Add(r.Latency).Sub(due)).Microseconds()
	w.MaxMicroseconds = max(w.MaxMicroseconds, latency)
	w.BytesReceived += int64(r.BytesIn)
	if kind, why := t.judge(index, r); kind != "" {
		w.Fail(kind, 1, why)
		return
	}
	w.BytesSent += int64(len(t.targets[index].plain.Body))
	result.Record(w.Latencies, latency)
}

func (t *tally) judge(index int, r *vegeta.Result) (v1alpha1.LoadFailureKind, string) {
	if r.Code == 0 || index < 0 || index >= len(t.targets) {
		return failureKind(r.Error), r.Error
	}
	t.worker.Statuses[int32(r.Code)]++
	return t.targets[index].judge(int(r.Code), r.Body)
}

// finish fills in what is known at the end. What was due and never sent has failed, whoever held it back.
func (t *tally) finish(began time.Time, heldBack bool, throttled int64) *result.Worker {
	w := &t.worker
	unsent, why := w.Intended-w.Sent, "the generator did not come to it before the end"
	if heldBack {
		why = "no connection became free before the end"
		w.HeldBack += unsent
	}
	w.Fail(v1alpha1.FailureNotSent, unsent, why)
	w.StartMilliseconds = began.Add(t.share.WarmUp()).UnixMilli()
	w.LateMicroseconds = t.late.ValueAtQuantile(99)
	w.ThrottledMicroseconds = throttled
	return w
}
