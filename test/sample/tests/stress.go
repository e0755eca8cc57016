package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load is an open-loop test: requests start at their own pace whether earlier ones were answered or not,
// as customers do. A closed loop would slow down with the service and hide how slow it is.
type load struct {
	rate     int
	duration time.Duration
	p99      time.Duration
	success  float64
	path     string
}

func (l *load) flags(flags *flag.FlagSet) {
	flags.IntVar(&l.rate, "rate", 100, "requests a second")
	flags.DurationVar(&l.duration, "duration", 10*time.Second, "how long to send")
	flags.DurationVar(&l.p99, "p99", 500*time.Millisecond, "the longest that 99 % of the answers may take")
	flags.Float64Var(&l.success, "success", 99.5, "percent of the requests that must be answered well")
	flags.StringVar(&l.path, "path", "/quote?cents=1999&quantity=3&discount=15", "what to ask")
}

// sample is one request: how long it took from the moment when it was due, and whether it was answered.
type sample struct {
	latency time.Duration
	ok      bool
}

// run sends, waits for the answers, and judges.
func (l *load) run(ctx context.Context, target string, report *report) error {
	total := int(float64(l.rate) * l.duration.Seconds())
	if total < 1 {
		return fmt.Errorf("rate %d for %s is no request at all", l.rate, l.duration)
	}
	report.say("%d requests a second for %s to %s%s", l.rate, l.duration, target, l.path)
	samples, err := l.send(ctx, target+l.path, total)
	if err != nil {
		return err
	}
	return l.judge(samples, report)
}

// send starts a request whenever one is due. Latency counts from then: a generator that falls behind must
// not make the service look better.
func (l *load) send(ctx context.Context, url string, total int) ([]sample, error) {
	// As many connections as it takes: waiting for one would be a closed loop again.
	transport := &http.Transport{MaxIdleConnsPerHost: l.rate}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	samples := make([]sample, total)
	interval := time.Second / time.Duration(l.rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var sent sync.WaitGroup
	begin := time.Now()
	for i := range total {
		due := begin.Add(time.Duration(i) * interval)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			sent.Wait()
			return nil, fmt.Errorf("stopped after %d of %d requests: %w", i, total, ctx.Err())
		case <-timer.C:
		}
		sent.Go(func() {
			status, _, err := get(ctx, client, url)
			samples[i] = sample{latency: time.Since(due), ok: err == nil && status == http.StatusOK}
		})
	}
	sent.Wait()
	return samples, nil
}

// judge prints the figures and compares them with the thresholds.
func (l *load) judge(samples []sample, report *report) error {
	latencies := make([]time.Duration, 0, len(samples))
	good := 0
	for _, s := range samples {
		latencies = append(latencies, s.latency)
		if s.ok {
			good++
		}
	}
	slices.Sort(latencies)
	success := 100 * float64(good) / float64(len(samples))
	p99 := quantile(latencies, 99)
	report.say("requests %d, success %.2f %%, p50 %s, p90 %s, p99 %s, max %s", len(samples), success,
		short(quantile(latencies, 50)), short(quantile(latencies, 90)), short(p99), short(quantile(latencies, 100)))
	failed := false
	if p99 > l.p99 {
		report.say("FAIL p99 is %s, and may be %s", short(p99), l.p99)
		failed = true
	}
	if success < l.success {
		report.say("FAIL %.2f %% of the requests succeeded, and %.2f %% must", success, l.success)
		failed = true
	}
	if failed {
		return errFailed
	}
	report.say("PASS p99 is at most %s, and at least %.2f %% succeeded", l.p99, l.success)
	return nil
}

// quantile is the smallest value that percent of the sorted values do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

func short(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
