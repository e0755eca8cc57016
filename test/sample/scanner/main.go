// Command scanner is a receiver of webhook gates, such as a team writes: it takes events of Sluice, says that the answer
// comes later, and then says which images it does not like.
//
//	WEBHOOK_SIGNING_KEY=whsec_... scanner [-listen :8080] [-refuse sha256:...]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// maxEvent bounds what is read of an event, in bytes.
const maxEvent = 64 << 10

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Getenv("WEBHOOK_SIGNING_KEY"))
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scanner:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, key string) error {
	flags := flag.NewFlagSet("scanner", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "address to serve on")
	refuse := flags.String("refuse", "", "digests of images that do not pass, with commas between")
	if err := flags.Parse(args); err != nil {
		return err
	}
	handler, err := newScanner(key, strings.Split(*refuse, ","))
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("serving on", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// scanner remembers the events that it got.
type scanner struct {
	verifier *standardwebhooks.Webhook
	refused  []string
	lock     sync.Mutex
	events   map[string]event
}

// event is what a scanner reads of one; docs/gates.md describes all of it.
type event struct {
	ID   string `json:"id"`
	Data struct {
		Images []struct {
			Name   string `json:"name"`
			Digest string `json:"digest"`
		} `json:"images"`
	} `json:"data"`
}

// answer is what the gate is told.
type answer struct {
	Result  string `json:"result,omitempty"`
	Message string `json:"message,omitempty"`
	URL     string `json:"url,omitempty"`
	Poll    string `json:"poll,omitempty"`
}

func newScanner(key string, refused []string) (http.Handler, error) {
	verifier, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		return nil, fmt.Errorf("WEBHOOK_SIGNING_KEY: %w", err)
	}
	s := &scanner{verifier: verifier, refused: refused, events: map[string]event{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("POST /gates", s.take)
	mux.HandleFunc("GET /runs/{id}", s.tell)
	return mux, nil
}

// take accepts an event. One that comes again is the same run.
func (s *scanner) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err == nil {
		err = s.verifier.Verify(body, r.Header)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || len(e.Data.Images) == 0 {
		http.Error(w, "an event with an id and images is wanted", http.StatusBadRequest)
		return
	}
	s.lock.Lock()
	s.events[e.ID] = e
	s.lock.Unlock()
	reply(w, http.StatusAccepted, answer{Poll: "/runs/" + e.ID, Message: "scanning"})
}

// tell says what came of a run.
func (s *scanner) tell(w http.ResponseWriter, r *http.Request) {
	if err := s.verifier.Verify(nil, r.Header); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	s.lock.Lock()
	e, found := s.events[r.PathValue("id")]
	s.lock.Unlock()
	if !found {
		http.Error(w, "there is no such run", http.StatusNotFound)
		return
	}
	said := answer{Result: "passed", Message: fmt.Sprintf("%d images scanned", len(e.Data.Images)), URL: "https://scanner.example.com/runs/" + e.ID}
	for _, image := range e.Data.Images {
		if slices.Contains(s.refused, image.Digest) {
			said.Result, said.Message = "failed", "image "+image.Name+" holds a library that is not let in"
		}
	}
	reply(w, http.StatusOK, said)
}

func reply(w http.ResponseWriter, status int, said answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(said)
}
