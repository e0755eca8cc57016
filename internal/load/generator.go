package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/clock"
	"github.com/sluice-dev/sluice/internal/load/result"
)

const (
	// defaultMaxOpen is how many requests of a worker may wait for their answers: about 100 MiB of memory. A request that
	// is due while so many wait is held back; its latency counts all the same.
	defaultMaxOpen = 4096
	// punctual is how late a request may be sent and still be on time.
	punctual = time.Millisecond
	// progressInterval lies between two lines of progress.
	progressInterval = 5 * time.Second
)

// Generator sends the load of one worker.
type Generator struct {
	// Gate to run.
	Gate v1alpha1.LoadGate
	// Worker is the number of this one, from 0, of as many as the gate says.
	Worker int
	// Lookup finds variables that targets name.
	Lookup Lookup
	// Progress is written to, a line every few seconds.
	Progress io.Writer
	// Clock of the machine.
	Clock clock.Clock
	// MaxOpen requests may wait for their answers; default 4096.
	MaxOpen int
	// Root of the file system in which the kernel tells of control groups; default that of the machine.
	Root fs.FS
}

// Run sends the load and returns what it measured. An error means that there is nothing to judge.
func (g *Generator) Run(ctx context.Context) (*result.Worker, error) {
	a, err := g.prepare()
	if err != nil {
		return nil, err
	}
	defer a.client.CloseIdleConnections()
	return a.run(ctx)
}

func (g *Generator) prepare() (*attack, error) {
	workers := max(1, int(g.Gate.Workers))
	if g.Worker < 0 || g.Worker >= workers {
		return nil, fmt.Errorf("there is no worker %d of %d", g.Worker, workers)
	}
	if len(g.Gate.Targets) == 0 {
		return nil, errors.New("the gate names no target")
	}
	maxOpen := g.MaxOpen
	if maxOpen == 0 {
		maxOpen = defaultMaxOpen
	}
	root := g.Root
	if root == nil {
		root = os.DirFS("/")
	}
	client, err := newClient(g.Gate, maxOpen)
	if err != nil {
		return nil, err
	}
	targets := make([]target, 0, len(g.Gate.Targets))
	for i, spec := range g.Gate.Targets {
		t, err := newTarget(i, spec, g.Lookup)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	share := Share{Schedule: NewSchedule(g.Gate), Worker: uint64(g.Worker), Workers: uint64(workers)}
	return &attack{
		share: share, targets: targets, order: order(g.Gate.Targets), client: client, maxOpen: int64(maxOpen), clock: g.Clock,
		patience: requestTimeout(g.Gate), tally: newTally(share, targets), progress: progress{out: g.Progress}, root: root, pause: pause,
	}, nil
}

// attack is one run. It is the pacer and the targeter of vegeta's attacker: when to send, and what.
type attack struct {
	share    Share
	targets  []target
	order    []int
	client   *http.Client
	maxOpen  int64
	clock    clock.Clock
	patience time.Duration
	tally    *tally
	progress progress
	root     fs.FS
	// pause waits, more precisely than the attacker does, and returns how long it did; a part of the time or all of it.
	pause func(time.Duration) time.Duration

	// began is when the attack did; the pacer learns it at the first request.
	began atomic.Pointer[time.Time]
	// open requests, whose answers have not been counted.
	open atomic.Int64
	// next request to choose a target for.
	next atomic.Uint64
	// heldBack says that requests are late because too many were open.
	heldBack atomic.Bool
}

func (a *attack) run(ctx context.Context) (*result.Worker, error) {
	attacker := vegeta.NewAttacker(vegeta.Client(a.client), vegeta.MaxBody(bodyBytes),
		vegeta.Workers(uint64(min(16, a.maxOpen))), vegeta.MaxWorkers(uint64(a.maxOpen)))
	before := throttled(a.root)
	results := attacker.Attack(a.target, a, 0, "")
	// What is still not sent when the last request had its time, never will be.
	end := time.NewTimer(a.share.End() + a.patience)
	defer end.Stop()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	done := ctx.Done()
	for {
		select {
		case r, more := <-results:
			if !more {
				return a.finish(ctx, before)
			}
			a.tally.add(r, *a.began.Load())
			a.open.Add(-1)
		case <-tick.C:
			a.report()
		case <-end.C:
			attacker.Stop()
		case <-done:
			attacker.Stop()
			done = nil
		}
	}
}

func (a *attack) finish(ctx context.Context, before int64) (*result.Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("stopped after %d of %d requests: %w", a.tally.done, a.share.Requests(), err)
	}
	began := a.began.Load()
	if began == nil {
		return nil, fmt.Errorf("worker %d of %d has no request to send; use fewer workers", a.share.Worker, a.share.Workers)
	}
	held := throttled(a.root)
	if held >= 0 && before >= 0 {
		held -= before
	}
	return a.tally.finish(*began, a.heldBack.Load(), held), nil
}

// Pace says how long to wait before the next request. It implements vegeta.Pacer.
func (a *attack) Pace(elapsed time.Duration, sent uint64) (time.Duration, bool) {
	if sent >= a.share.Requests() {
		return 0, true
	}
	if a.began.Load() == nil {
		began := a.clock.Now().Add(-elapsed)
		a.began.Store(&began)
	}
	wait := a.share.DueNth(sent) - elapsed
	if wait > -punctual {
		a.heldBack.Store(false)
	}
	return wait - a.pause(wait), false
}

// Rate implements vegeta.Pacer.
func (a *attack) Rate(elapsed time.Duration) float64 {
	return a.share.Rate(elapsed) / float64(a.share.Workers)
}

// target fills in the next request. Once as many are open as may be, requests count as held back until they are sent on
// time again: the backlog is the target's doing as much as what made it.
func (a *attack) target(t *vegeta.Target) error {
	if a.open.Add(1) >= a.maxOpen {
		a.heldBack.Store(true)
	}
	number := a.share.Number(a.next.Add(1) - 1)
	next := &a.targets[a.order[number%uint64(len(a.order))]]
	if a.heldBack.Load() {
		*t = next.marked
	} else {
		*t = next.plain
	}
	return nil
}

// report prints how far the load is.
func (a *attack) report() {
	began := a.began.Load()
	if began == nil {
		return
	}
	a.progress.say(a.clock.Now().Sub(*began), &a.share, a.tally)
}
