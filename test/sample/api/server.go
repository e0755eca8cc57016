package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-dev/sluice/test/sample/internal/build"
	"github.com/sluice-dev/sluice/test/sample/internal/checkout"
)

// workTime is what a request takes in the version whose requests wait for one another: nothing that one
// person would notice, and 40 requests a second for all of them together.
const workTime = 25 * time.Millisecond

// server answers; its fault is chosen when the program is linked.
type server struct {
	version  string
	rounding checkout.Rounding
	// contended is whether all requests go through busy, one at a time.
	contended bool
	busy      sync.Mutex
}

// answer is the body of every answer that is not an error.
type answer struct {
	Cents   int64  `json:"cents"`
	Version string `json:"version"`
}

func newServer(version, fault string) http.Handler {
	s := &server{version: version, rounding: checkout.Nearest, contended: fault == build.FaultContention}
	if fault == build.FaultRounding {
		s.rounding = checkout.CutOff
	}
	mux, seen := http.NewServeMux(), newMetrics()
	mux.Handle("/quote", seen.count("/quote", s.amount(func(r *http.Request) (int64, error) {
		n, err := numbers(r, "cents", "quantity", "discount")
		if err != nil {
			return 0, err
		}
		return checkout.Quote(n[0], n[1], n[2])
	})))
	mux.Handle("/refund", seen.count("/refund", s.amount(func(r *http.Request) (int64, error) {
		n, err := numbers(r, "paid", "items", "returned")
		if err != nil {
			return 0, err
		}
		return checkout.Refund(n[0], n[1], n[2], s.rounding)
	})))
	mux.Handle("GET /metrics", seen.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { write(w, "ok\n") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { write(w, s.version+"\n") })
	return mux
}

// amount answers with what calculate returns.
func (s *server) amount(calculate func(*http.Request) (int64, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.contended {
			s.busy.Lock()
			time.Sleep(workTime)
			s.busy.Unlock()
		}
		cents, err := calculate(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body, err := json.Marshal(answer{Cents: cents, Version: s.version})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		write(w, string(body)+"\n")
	}
}

// numbers reads whole numbers from the query or the posted form. What is not given is zero.
func numbers(r *http.Request, names ...string) ([]int64, error) {
	values := make([]int64, len(names))
	for i, name := range names {
		text := r.FormValue(name)
		if text == "" {
			continue
		}
		var err error
		if values[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%w: %s=%q is not a whole number", checkout.ErrInvalid, name, text)
		}
	}
	return values, nil
}

func write(w http.ResponseWriter, text string) {
	if _, err := w.Write([]byte(text)); err != nil {
		log.Printf("answer: %v", err) // the client has gone
	}
}
