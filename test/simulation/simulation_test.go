package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

var (
	seeds = flag.Uint64("seeds", 1000, "how many schedules to play")
	first = flag.Uint64("first", 1, "the first seed to play")
	seed  = flag.Uint64("seed", 0, "the one seed to play; its whole log is printed with -v")
)

// TestMain keeps controller-runtime quiet.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	debug.SetGCPercent(400)
	m.Run()
}

// reported is how many schedules that break something are printed in full.
const reported = 5

// TestSimulation plays schedules, and fails where one breaks an invariant.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		s := newSimulation(*seed)
		s.run()
		t.Log("\n" + s.tail(len(s.log)))
		report(t, s, 0)
		summary(1, int64(len(s.found)))
		return
	}
	var next atomic.Uint64
	var broken, most atomic.Int64
	var failed sync.Mutex
	counts := map[string]int{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1); n <= *seeds; n = next.Add(1) {
				s := newSimulation(*first - 1 + n)
				s.run()
				failed.Lock()
				for what, n := range s.counts {
					counts[what] += n
				}
				most.Store(max(most.Load(), int64(s.most)))
				if len(s.found) > 0 && broken.Add(int64(len(s.found))) <= reported {
					report(t, s, 60)
				} else if len(s.found) > 0 {
					report(t, s, 0)
				}
				failed.Unlock()
			}
		})
	}
	workers.Wait()
	for _, what := range sortedKeys(counts) {
		t.Logf("%6d %s", counts[what], what)
	}
	fmt.Printf("most writes for one promotion: %d\n", most.Load())
	summary(*seeds, broken.Load())
}

func summary(played uint64, broken int64) {
	fmt.Printf("schedules: %d, invariants broken: %d\n", played, broken)
}

// report says what a schedule breaks, how it ended, and how to play it again.
func report(t *testing.T, s *simulation, lines int) {
	t.Helper()
	if len(s.found) == 0 {
		return
	}
	for _, v := range s.found {
		t.Errorf("seed %d: %s", s.seed, v)
	}
	if lines > 0 {
		t.Logf("the end of its schedule:\n%s", s.tail(lines))
	}
	t.Logf("play it again: go test ./test/simulation -run TestSimulation -seed=%d -v", s.seed)
}

func stack() string { return string(debug.Stack()) }

// TestSameSeedSameSchedule makes sure that a failing seed fails again.
func TestSameSeedSameSchedule(t *testing.T) {
	for n := range uint64(6) {
		once, again := newSimulation(n+1), newSimulation(n+1)
		once.run()
		again.run()
		for i := range min(len(once.log), len(again.log)) {
			if once.log[i] != again.log[i] {
				t.Fatalf("seed %d, line %d: first %q, then %q", n+1, i, once.log[i], again.log[i])
			}
		}
		if len(once.log) != len(again.log) {
			t.Errorf("seed %d: %d lines, then %d", n+1, len(once.log), len(again.log))
		}
	}
}
