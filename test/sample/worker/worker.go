package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"time"
)

const (
	// question is what is asked of the API.
	question = "/quote?cents=1999&quantity=3&discount=15"
	// patience is how many intervals may pass without a question before the worker counts as stuck.
	patience = 10
	// answerTimeout is the longest that one question may take.
	answerTimeout = 2 * time.Second
)

// worker asks and counts.
type worker struct {
	target   string
	interval time.Duration
	client   *http.Client

	mutex              sync.Mutex
	answered, failures int
	last               time.Time
}

func newWorker(target string, interval time.Duration) *worker {
	// Each question is a connection of its own, so that every pod behind the Service is asked.
	transport := &http.Transport{DisableKeepAlives: true}
	return &worker{target: target, interval: interval, client: &http.Client{Timeout: answerTimeout, Transport: transport}, last: time.Now()}
}

// run asks until ctx ends.
func (w *worker) run(ctx context.Context) {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		w.count(w.ask(ctx))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (w *worker) ask(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.target+question, http.NoBody)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", w.target, question, response.Status)
	}
	return nil
}

// count remembers how a question ended.
func (w *worker) count(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.last = time.Now()
	if err == nil {
		w.answered++
		return
	}
	w.failures++
	log.Printf("failure %d: %v", w.failures, err)
}

func (w *worker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		w.mutex.Lock()
		quiet := time.Since(w.last)
		w.mutex.Unlock()
		if limit := patience*w.interval + answerTimeout; quiet > limit {
			http.Error(response, fmt.Sprintf("nothing asked for %s, which is more than %s", quiet, limit), http.StatusServiceUnavailable)
			return
		}
		write(response, "ok\n")
	})
	mux.HandleFunc("GET /counts", func(response http.ResponseWriter, _ *http.Request) {
		w.mutex.Lock()
		text := fmt.Sprintf("answered %d\nfailed %d\n", w.answered, w.failures)
		w.mutex.Unlock()
		write(response, text)
	})
	return mux
}

func write(w http.ResponseWriter, text string) {
	if _, err := w.Write([]byte(text)); err != nil {
		log.Printf("answer: %v", err) // the client has gone
	}
}
