package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// delays are how long the server takes for a thousand requests: a log-normal distribution by its quantiles, in an order
// that spreads them. The next thousand requests take the same again, so that any thousand in a row have the very same
// percentiles.
func delays() []time.Duration {
	const n, median, spread = 1000, 100 * time.Millisecond, 0.5
	sequence := make([]time.Duration, n)
	for i := range n {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/n-1)
		// 617 and 1000 have no common divisor: each place is filled once.
		sequence[i*617%n] = time.Duration(float64(median) * math.Exp(spread*z))
	}
	return sequence
}

// truth is the percentile of the delays: the smallest that so many of a hundred do not exceed.
func truth(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(delays()))
	return sorted[(len(sorted)*percent+99)/100-1]
}

// counts are what the server saw at /fast.
type counts struct {
	Requests int64
	// FirstNano and LastNano are when the first and the last came.
	FirstNano, LastNano int64
}

// serve answers until its standard input ends, and prints its address first.
func serve(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
	}()
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return nil // the listener was closed
	}
	return nil
}

func handler() http.Handler {
	var next atomic.Int64
	var lock sync.Mutex
	var seen counts
	sequence, start := delays(), time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("/known", func(w http.ResponseWriter, _ *http.Request) {
		sleep(sequence[(next.Add(1)-1)%int64(len(sequence))])
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("/fast", func(w http.ResponseWriter, _ *http.Request) {
		now := time.Since(start).Nanoseconds()
		lock.Lock()
		seen.Requests++
		seen.LastNano = now
		if seen.Requests == 1 {
			seen.FirstNano = now
		}
		lock.Unlock()
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("/counts", func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		_ = json.NewEncoder(w).Encode(seen)
		seen = counts{}
	})
	return mux
}

// take reads what the server counted since it was asked before.
func take(ctx context.Context, address string) (counts, error) {
	var seen counts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/counts", http.NoBody)
	if err != nil {
		return seen, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return seen, err
	}
	defer func() { _ = response.Body.Close() }()
	err = json.NewDecoder(bufio.NewReader(response.Body)).Decode(&seen)
	return seen, err
}
