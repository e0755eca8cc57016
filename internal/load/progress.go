package load

import (
	"fmt"
	"io"
	"time"
)

// progress prints a line every few seconds, for whoever follows the log.
type progress struct{ out io.Writer }

func (p *progress) say(elapsed time.Duration, share *Share, t *tally) {
	percent := min(100, 100*int64(elapsed)/max(1, int64(share.End())))
	rate := share.Rate(elapsed) / float64(share.Workers)
	if elapsed < share.WarmUp() {
		p.print("%3d %%  warming up at %.0f/s, %d answers", percent, rate, t.done)
		return
	}
	w := &t.worker
	failed := w.Sent - w.Latencies.TotalCount()
	p.print("%3d %%  %.0f/s, %d measured, %d failed, p50 %s, p99 %s so far, sent at most %s late", percent, rate, w.Sent, failed,
		microseconds(w.Latencies.ValueAtQuantile(50)), microseconds(w.Latencies.ValueAtQuantile(99)), microseconds(t.late.ValueAtQuantile(99)))
}

// print is best effort: that nobody reads a line changes no measurement.
func (p *progress) print(format string, arguments ...any) {
	if _, err := fmt.Fprintf(p.out, format+"\n", arguments...); err != nil {
		p.out = io.Discard
	}
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
