package load

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/load/result"
)

// generate runs a gate, with what tests may change of the generator.
func generate(t *testing.T, gate v1alpha1.LoadGate, changes ...func(*Generator)) (*result.Worker, error) {
	t.Helper()
	g := Generator{
		Gate: gate, Lookup: func(string) (string, bool) { return "", false }, Progress: io.Discard, Clock: clock.Real{}, Root: fstest.MapFS{},
	}
	for _, change := range changes {
		change(&g)
	}
	return g.Run(t.Context())
}

// measure runs a gate that can be run.
func measure(t *testing.T, gate v1alpha1.LoadGate, changes ...func(*Generator)) *result.Worker {
	t.Helper()
	w, err := generate(t, gate, changes...)
	if err != nil {
		t.Fatal(err)
	}
	if good := w.Latencies.TotalCount(); good+failed(w) != w.Intended {
		t.Errorf("%d good and %d failed are not the %d intended", good, failed(w), w.Intended)
	}
	return w
}

func failed(w *result.Worker) int64 {
	total := int64(0)
	for _, failure := range w.Failures {
		total += failure.Count
	}
	return total
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestWhatIsSentAndCounted(t *testing.T) {
	t.Parallel()
	var lock sync.Mutex
	seen := map[string]int{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lock.Lock()
		defer lock.Unlock()
		seen[r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Env")+" "+r.Header.Get("User-Agent")+" "+string(body)]++
		_, _ = w.Write([]byte("fine"))
	})
	environment := "test"
	gate := MakeGate().Rate(100, 1).WarmUp(1).
		Target(url+"/$(SLUICE_NAMESPACE)?a=1", func(target *v1alpha1.LoadTarget) { target.Weight = 3 }).
		Target(url+"/post", func(target *v1alpha1.LoadTarget) {
			target.Method, target.Body = v1alpha1.MethodPost, "in $(SLUICE_NAMESPACE), $$ and $(HOME)"
			target.Headers = []v1alpha1.LoadHeader{{Name: "X-Env", Value: &environment}}
		}).Obj()
	w := measure(t, gate, func(g *Generator) {
		g.Lookup = func(name string) (string, bool) { return "shop", name == "SLUICE_NAMESPACE" }
	})
	if w.Intended != 100 || w.Sent != 100 || w.Latencies.TotalCount() != 100 || w.Statuses[200] != 100 || len(w.Failures) != 0 {
		t.Errorf("counted %+v, want 100 good requests: the warm-up does not count", w)
	}
	if w.BytesReceived != 100*4 || w.BytesSent != 25*int64(len("in shop, $$ and $(HOME)")) {
		t.Errorf("%d bytes received, %d sent", w.BytesReceived, w.BytesSent)
	}
	want := map[string]int{"GET /shop?a=1  sluice-load ": 150, "POST /post test sluice-load in shop, $$ and $(HOME)": 50}
	for request, count := range want {
		if seen[request] != count {
			t.Errorf("%q came %d times, want %d; came: %v", request, seen[request], count, seen)
		}
	}
}

func TestWorkersShareTheRate(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	url := serve(t, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	gate := MakeGate().Target(url).Rate(50, 1).WarmUp(0).With(func(g *v1alpha1.LoadGate) { g.Workers = 3 }).Obj()
	var results []*result.Worker
	for worker := range 3 {
		results = append(results, measure(t, gate, func(g *Generator) { g.Worker = worker }))
	}
	figures, err := result.Merge(results)
	if err != nil {
		t.Fatal(err)
	}
	if came.Load() != 50 || *figures.Requests != 50 || *figures.Failed != 0 || figures.Workers != 3 {
		t.Errorf("%d requests came, %+v measured; want 50 of three workers", came.Load(), figures)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		check  func(*v1alpha1.LoadTarget)
		kind   v1alpha1.LoadFailureKind
		says   string
	}{
		"any 2xx is good":            {201, "", nil, "", ""},
		"an error is not":            {500, "", nil, v1alpha1.FailureStatus, "status 500"},
		"a redirect is not":          {302, "", nil, v1alpha1.FailureStatus, "status 302"},
		"unless it is asked for":     {302, "", func(t *v1alpha1.LoadTarget) { t.Statuses = []int32{301, 302} }, "", ""},
		"another than asked for":     {200, "", func(t *v1alpha1.LoadTarget) { t.Statuses = []int32{404} }, v1alpha1.FailureStatus, "status 200"},
		"the body contains it":       {200, "cents: 12", func(t *v1alpha1.LoadTarget) { t.BodyContains = "cents" }, "", ""},
		"the body does not":          {200, "oops", func(t *v1alpha1.LoadTarget) { t.BodyContains = "cents" }, v1alpha1.FailureBody, `does not contain "cents"`},
		"the body matches":           {200, "cents: 12", func(t *v1alpha1.LoadTarget) { t.BodyMatches = `cents: \d+` }, "", ""},
		"the body matches not":       {200, "cents: x", func(t *v1alpha1.LoadTarget) { t.BodyMatches = `cents: \d+` }, v1alpha1.FailureBody, "does not match"},
		"an error with a right body": {503, "cents", func(t *v1alpha1.LoadTarget) { t.BodyContains = "cents" }, v1alpha1.FailureStatus, "status 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			b := MakeGate().Rate(5, 1).WarmUp(0).Target(url)
			if c.check != nil {
				c.check(&b.g.Targets[0])
			}
			w := measure(t, b.Obj())
			want := map[bool]int64{true: 0, false: 5}[c.kind == ""]
			if failed(w) != want || c.kind != "" && (w.Failures[c.kind].Count != 5 || !strings.Contains(w.Failures[c.kind].Example, c.says)) {
				t.Errorf("failures %+v, want %d of kind %q: %s", w.Failures, want, c.kind, c.says)
			}
		})
	}
}

func TestFailuresOfConnections(t *testing.T) {
	t.Parallel()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	abort := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	t.Cleanup(secure.Close)
	for kind, url := range map[v1alpha1.LoadFailureKind]string{
		v1alpha1.FailureConnectionRefused: "http://" + closed.Addr().String(),
		v1alpha1.FailureTimeout:           hanging,
		v1alpha1.FailureConnectionClosed:  abort,
		v1alpha1.FailureTLS:               secure.URL,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := measure(t, MakeGate().Target(url).Rate(3, 1).WarmUp(0).With(func(g *v1alpha1.LoadGate) { g.RequestTimeoutSeconds = 1 }).Obj())
			if w.Failures[kind].Count != 3 || w.Failures[kind].Example == "" {
				t.Errorf("failures %+v, want three of kind %s", w.Failures, kind)
			}
		})
	}
}

func TestFailureKind(t *testing.T) {
	for message, want := range map[string]v1alpha1.LoadFailureKind{
		`Get "http://x": dial tcp: lookup x: no such host`:                                                   v1alpha1.FailureNameNotFound,
		`Get "http://x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`:         v1alpha1.FailureTimeout,
		`Get "http://x": dial tcp 10.0.0.1:80: i/o timeout`:                                                  v1alpha1.FailureTimeout,
		`Get "http://x": read tcp 1.1.1.1:1->2.2.2.2:2: read: connection reset by peer`:                      v1alpha1.FailureConnectionReset,
		`Get "http://x": net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x00\x00"`: v1alpha1.FailureProtocol,
		`Get "https://x": http: server gave HTTP response to HTTPS client`:                                   v1alpha1.FailureTLS,
		`Get "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`:  v1alpha1.FailureTLS,
		`http2: server sent GOAWAY and closed the connection`:                                                v1alpha1.FailureConnectionClosed,
		`the moon is in the wrong place`:                                                                     v1alpha1.FailureOther,
	} {
		if got := failureKind(message); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	var lock sync.Mutex
	spoken := map[string]bool{}
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		spoken[r.URL.Path+" "+r.Proto] = true
	})
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.Protocols = &http.Protocols{}
	plain.Config.Protocols.SetHTTP1(true)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(func() { plain.Close(); secure.Close() })
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	for path, c := range map[string]struct {
		url, proto string
		change     func(*v1alpha1.LoadGate)
	}{
		"/http1":      {plain.URL, "HTTP/1.1", func(*v1alpha1.LoadGate) {}},
		"/h2c":        {plain.URL, "HTTP/2.0", func(g *v1alpha1.LoadGate) { g.Protocol = v1alpha1.ProtocolHTTP2Cleartext }},
		"/tls-skip":   {secure.URL, "HTTP/1.1", func(g *v1alpha1.LoadGate) { g.TLS.Verification = v1alpha1.SkipTLS }},
		"/tls-verify": {secure.URL, "HTTP/1.1", func(g *v1alpha1.LoadGate) { g.TLS.CertificateAuthorities = authority }},
		"/h2": {secure.URL, "HTTP/2.0", func(g *v1alpha1.LoadGate) {
			g.Protocol, g.TLS.CertificateAuthorities = v1alpha1.ProtocolHTTP2, authority
		}},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := measure(t, MakeGate().Target(c.url+path).Rate(5, 1).WarmUp(0).With(c.change).Obj())
			lock.Lock()
			defer lock.Unlock()
			if len(w.Failures) != 0 || !spoken[path+" "+c.proto] {
				t.Errorf("failures %+v, spoken %v, want %s", w.Failures, spoken, c.proto)
			}
		})
	}
}

// A server that lets one request in at a time and takes 20 ms for each answers 50 a second; 150 are due within that
// second. The last waited two seconds for its turn, though the server took 20 ms for it as for any other. A generator
// that counts from when it sends would not see that.
func TestAStallIsSeenThoughNothingCouldBeSent(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
	w := measure(t, MakeGate().Target(url).Rate(150, 1).WarmUp(0).Obj(), func(g *Generator) { g.MaxOpen = 1 })
	// The n-th answer comes n*20 ms after the start at the earliest, and was due after n*6.7 ms.
	if p99 := time.Duration(w.Latencies.ValueAtQuantile(99)) * time.Microsecond; p99 < 149*(20-7)*time.Millisecond {
		t.Errorf("p99 is %s, want the time for which requests were held back", p99)
	}
	if w.HeldBack < 100 || w.Sent != 150 {
		t.Errorf("%d of %d were held back, want most of 150", w.HeldBack, w.Sent)
	}
}

func TestWhatIsNeverSentHasFailed(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	gate := MakeGate().Target(url).Rate(20, 1).WarmUp(0).With(func(g *v1alpha1.LoadGate) { g.RequestTimeoutSeconds = 1 }).Obj()
	w := measure(t, gate, func(g *Generator) { g.MaxOpen = 1 })
	unsent := w.Failures[v1alpha1.FailureNotSent]
	if w.Intended != 20 || unsent.Count != 20-w.Sent || unsent.Count < 15 || !strings.Contains(unsent.Example, "no connection became free") {
		t.Errorf("%d of %d were sent, failures %+v", w.Sent, w.Intended, w.Failures)
	}
	if w.HeldBack < unsent.Count {
		t.Errorf("%d were held back, want those that could not be sent among them", w.HeldBack)
	}
}

func TestAGateThatCannotRun(t *testing.T) {
	value := "x"
	for name, c := range map[string]struct {
		gate   v1alpha1.LoadGate
		change func(*Generator)
		want   string
	}{
		"no target":           {MakeGate().Rate(1, 1).Obj(), nil, "names no target"},
		"an unknown variable": {MakeGate().Target("http://$(SLUICE_HOST)/").Rate(1, 1).Obj(), nil, "SLUICE_HOST is not set"},
		"an unknown variable in a header": {MakeGate().Target("http://x/", func(t *v1alpha1.LoadTarget) {
			text := "$(SLUICE_TOKEN)"
			t.Headers = []v1alpha1.LoadHeader{{Name: "A", Value: &value}, {Name: "B", Value: &text}}
		}).Rate(1, 1).Obj(), nil, "SLUICE_TOKEN is not set"},
		"no URL":               {MakeGate().Target("checkout").Rate(1, 1).Obj(), nil, "no URL"},
		"no regular":           {MakeGate().Target("http://x", func(t *v1alpha1.LoadTarget) { t.BodyMatches = "(" }).Rate(1, 1).Obj(), nil, "bodyMatches"},
		"no certificate":       {MakeGate().Target("http://x").With(func(g *v1alpha1.LoadGate) { g.TLS.CertificateAuthorities = "x" }).Obj(), nil, "holds no certificate"},
		"no such worker":       {MakeGate().Target("http://x").Obj(), func(g *Generator) { g.Worker = 1 }, "no worker 1 of 1"},
		"a header of a Secret": {MakeGate().Target("http://x", func(t *v1alpha1.LoadTarget) { t.Headers = []v1alpha1.LoadHeader{{Name: "A"}} }).Obj(), nil, "header A has no value"},
		"a worker with nothing to do": {MakeGate().Target("http://x").Rate(1, 1).WarmUp(0).With(func(g *v1alpha1.LoadGate) { g.Workers = 2 }).Obj(),
			func(g *Generator) { g.Worker = 1 }, "has no request to send"},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*Generator) {}
			}
			if _, err := generate(t, c.gate, change); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error that says: %s", err, c.want)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(http.ResponseWriter, *http.Request) { cancel() })
	g := Generator{Gate: MakeGate().Target(url).Rate(100, 60).Obj(), Lookup: nil, Progress: io.Discard, Clock: clock.Real{}}
	if _, err := g.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was stopped", err)
	}
}

func TestThrottled(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"version 2":      {fstest.MapFS{"sys/fs/cgroup/cpu.stat": file("usage_usec 5\nnr_throttled 2\nthrottled_usec 1234\n")}, 1234},
		"its root":       {fstest.MapFS{"sys/fs/cgroup/cpu.stat": file("usage_usec 5\n")}, -1},
		"version 1":      {fstest.MapFS{"sys/fs/cgroup/cpu,cpuacct/cpu.stat": file("nr_periods 1\nthrottled_time 5000000\n")}, 5000},
		"nothing there":  {fstest.MapFS{}, -1},
		"nothing useful": {fstest.MapFS{"sys/fs/cgroup/cpu.stat": file("throttled_usec much\n")}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := throttled(c.files); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

// A request is held back from when as many are open as may be, until requests are sent on time again.
func TestHeldBack(t *testing.T) {
	gate := MakeGate().Target("http://x").Rate(10, 10).WarmUp(0).Obj()
	g := Generator{Gate: gate, Lookup: nil, Progress: io.Discard, Clock: clock.Real{}, MaxOpen: 2}
	a, err := g.prepare()
	if err != nil {
		t.Fatal(err)
	}
	a.pause = func(time.Duration) time.Duration { return 0 }
	for i, step := range []struct {
		// elapsed when the request is looked at, and how many were answered before it is sent.
		elapsed  time.Duration
		answered int64
		held     bool
	}{
		{0, 0, false},
		{100 * time.Millisecond, 0, true},
		{900 * time.Millisecond, 2, true},
		{910 * time.Millisecond, 1, true},
		{400 * time.Millisecond, 1, false},
	} {
		wait, stop := a.Pace(step.elapsed, uint64(i))
		if due := time.Duration(i) * 100 * time.Millisecond; stop || wait != due-step.elapsed {
			t.Errorf("request %d: wait %s, stop %t", i, wait, stop)
		}
		a.open.Add(-step.answered)
		var sent = a.targets[0].plain
		if err := a.target(&sent); err != nil {
			t.Fatal(err)
		}
		if _, held := origin(sent.URL); held != step.held {
			t.Errorf("request %d is held back: %t, want %t", i, held, step.held)
		}
	}
	if _, stop := a.Pace(time.Hour, 100); !stop {
		t.Error("there is no end")
	}
}

func TestProgress(t *testing.T) {
	gate := MakeGate().Target("http://x").Rate(200, 10).WarmUp(2).Obj()
	share := Share{Schedule: NewSchedule(gate), Workers: 2}
	counted := newTally(share, nil)
	for range 99 {
		counted.worker.Sent++
		result.Record(counted.worker.Latencies, 20_000)
	}
	counted.worker.Sent++
	var out bytes.Buffer
	p := progress{out: &out}
	p.say(time.Second, &share, counted)
	p.say(7*time.Second, &share, counted)
	for _, want := range []string{"  8 %  warming up at 100/s", " 58 %  100/s, 100 measured, 1 failed, p50 20.", "p99 20."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}
