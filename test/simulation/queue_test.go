package simulation

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// queue is the work queue of one controller: each object once, some of them later. The controller's own workers find it
// empty for ever; the simulation takes from it.
type queue struct {
	name     string
	clock    *fakeClock
	started  chan struct{}
	once     sync.Once
	closed   chan struct{}
	due      map[reconcile.Request]time.Time
	failures map[reconcile.Request]int
	busy     map[reconcile.Request]bool
}

var _ workqueue.TypedRateLimitingInterface[reconcile.Request] = (*queue)(nil)

func newQueue(name string, clock *fakeClock) *queue {
	return &queue{
		name: name, clock: clock, started: make(chan struct{}), closed: make(chan struct{}),
		due: map[reconcile.Request]time.Time{}, failures: map[reconcile.Request]int{}, busy: map[reconcile.Request]bool{},
	}
}

// Get blocks until the end: only when every watch of the controller was started, it is called at all.
func (q *queue) Get() (reconcile.Request, bool) {
	q.once.Do(func() { close(q.started) })
	<-q.closed
	return reconcile.Request{}, true
}

func (q *queue) Add(item reconcile.Request) { q.AddAfter(item, 0) }

func (q *queue) AddAfter(item reconcile.Request, wait time.Duration) {
	at := q.clock.now.Add(wait)
	if before, known := q.due[item]; !known || at.Before(before) {
		q.due[item] = at
	}
}

// AddRateLimited backs off as controller-runtime does: 5 ms, doubled with each failure, at most 1000 s.
func (q *queue) AddRateLimited(item reconcile.Request) {
	wait := 5 * time.Millisecond << min(q.failures[item], 18)
	q.failures[item]++
	q.AddAfter(item, min(wait, 1000*time.Second))
}

func (q *queue) Forget(item reconcile.Request)          { delete(q.failures, item) }
func (q *queue) NumRequeues(item reconcile.Request) int { return q.failures[item] }
func (q *queue) Len() int                               { return len(q.due) }
func (q *queue) Done(reconcile.Request)                 {}
func (q *queue) ShutDownWithDrain()                     { q.ShutDown() }
func (q *queue) ShuttingDown() bool                     { return false }

func (q *queue) ShutDown() {
	select {
	case <-q.closed:
	default:
		close(q.closed)
	}
}

// ready returns what may be reconciled now, in order; what is being reconciled has to wait.
func (q *queue) ready() []reconcile.Request {
	var items []reconcile.Request
	for item, at := range q.due {
		if !at.After(q.clock.now) && !q.busy[item] {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b reconcile.Request) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return items
}

// next is when something becomes ready; zero where nothing will.
func (q *queue) next() time.Time {
	var next time.Time
	for _, at := range q.due {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
