package plugin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// paper is an output that a test can wait for.
type paper struct {
	mutex   sync.Mutex
	written strings.Builder
	changed chan struct{}
}

func newPaper() *paper { return &paper{changed: make(chan struct{}, 1)} }

func (p *paper) Write(text []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.written.Write(text)
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return len(text), nil
}

func (p *paper) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.written.String()
}

// patience bounds every wait; none of them measures time.
const patience = 30 * time.Second

// watching is a watch that a test plays the API server for.
type watching struct {
	t *testing.T
	// api is the API server; begun says which kinds are watched by now.
	api     client.WithWatch
	begun   chan string
	watched map[string]int
	paper   *paper
	status  chan int
	ctx     context.Context
}

// startWatch runs the plugin against a cluster, and hands over once it watches the kind.
func startWatch(t *testing.T, c cluster, screen *emulator, args string) *watching {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &watching{t: t, begun: make(chan string, 32), watched: map[string]int{}, paper: newPaper(), status: make(chan int, 1), ctx: ctx}
	answer := c.funcs.Watch
	if answer == nil {
		answer = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
			return api.Watch(ctx, list, options...)
		}
	}
	c.funcs.Watch = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
		started, err := answer(ctx, api, list, options...)
		w.begun <- fmt.Sprintf("%T", list)
		return started, err
	}
	w.api = c.client()
	console := newTerminal("")
	console.Out = w.paper
	console.ErrOut = w.paper
	if screen != nil {
		console.Screen, console.Size = true, screen.size
	}
	a := app(t, console.Console, w.api)
	go func() { w.status <- a.Run(ctx, strings.Fields(args)) }()
	return w
}

// watches waits until a kind is watched, once more than when it was asked last.
func (w *watching) watches(kind string) {
	w.t.Helper()
	for w.watched[kind] == 0 {
		select {
		case begun := <-w.begun:
			w.watched[begun[strings.LastIndex(begun, ".")+1:]]++
		case <-w.ctx.Done():
			w.t.Fatalf("%s are not watched; it wrote:\n%s", kind, w.paper)
		}
	}
	w.watched[kind]--
}

// says waits until a text was written.
func (w *watching) says(want string) {
	w.t.Helper()
	for !strings.Contains(w.paper.String(), want) {
		select {
		case <-w.paper.changed:
		case <-w.ctx.Done():
			w.t.Fatalf("it did not say %q, but:\n%s", want, w.paper)
		}
	}
}

// ends waits for the exit status.
func (w *watching) ends(want int) {
	w.t.Helper()
	select {
	case status := <-w.status:
		if status != want {
			w.t.Errorf("exit status %d, want %d; it wrote:\n%s", status, want, w.paper)
		}
	case <-w.ctx.Done():
		w.t.Fatalf("it did not end; it wrote:\n%s", w.paper)
	}
}

// becomes writes the status of the promotion.
func (w *watching) becomes(change func(*v1alpha1.PromotionStatus)) {
	w.t.Helper()
	p := &v1alpha1.Promotion{}
	if err := w.api.Get(w.ctx, client.ObjectKey{Namespace: "shop", Name: "checkout-1.4.2"}, p); err != nil {
		w.t.Fatal(err)
	}
	change(&p.Status)
	if err := w.api.Status().Update(w.ctx, p); err != nil {
		w.t.Fatal(err)
	}
}

func ending(outcome v1alpha1.PromotionOutcome) func(*v1alpha1.PromotionStatus) {
	return func(s *v1alpha1.PromotionStatus) {
		s.Outcome, s.Message = outcome, "that was it"
		s.Environments[0].State = v1alpha1.StatePassed
		s.Environments[0].Gates[0].State = v1alpha1.GatePassed
	}
}

func verifying() *v1alpha1.Promotion {
	return makePromotion(makeProgress("test", v1alpha1.StateVerifying).Gate("contract", v1alpha1.GateRunning))
}

const watchArgs = "get promotion checkout-1.4.2 -n shop --watch"

func TestWatchLines(t *testing.T) {
	w := startWatch(t, cluster{objects: []client.Object{verifying()}}, nil, watchArgs)
	w.watches("PromotionList")
	w.watches("JobList")
	job := makeJob("shop-test", "contract")
	if err := w.api.Create(w.ctx, job); err != nil {
		t.Fatal(err)
	}
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: ago(30 * time.Second)}}
	if err := w.api.Status().Update(w.ctx, job); err != nil {
		t.Fatal(err)
	}
	w.says("2026-08-03T12:00:00Z  test          gate contract (Functional) Passed in 30s\n")
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
	want := `2026-08-03T12:00:00Z  promotion     resolved, release 7f3a9c21
2026-08-03T12:00:00Z  test          Verifying
2026-08-03T12:00:00Z  test          gate contract (Functional) Running
2026-08-03T12:00:00Z  test          gate contract (Functional) Passed in 30s
2026-08-03T12:00:00Z  test          Passed
2026-08-03T12:00:00Z  promotion     Succeeded: that was it
`
	if got := w.paper.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWatchEndsAsThePromotionDoes(t *testing.T) {
	for _, outcome := range []v1alpha1.PromotionOutcome{
		v1alpha1.OutcomeFailed, v1alpha1.OutcomeRejected, v1alpha1.OutcomeSuperseded, v1alpha1.OutcomeCancelled, v1alpha1.OutcomeExpired,
	} {
		t.Run(string(outcome), func(t *testing.T) {
			w := startWatch(t, cluster{objects: []client.Object{verifying()}}, nil, watchArgs)
			w.watches("PromotionList")
			w.becomes(ending(outcome))
			w.ends(1)
			if want := "promotion     " + string(outcome) + ": that was it\n"; !strings.HasSuffix(w.paper.String(), want) {
				t.Errorf("it does not end with %q:\n%s", want, w.paper)
			}
		})
	}
}

func TestWatchOfWhatHasEnded(t *testing.T) {
	p := verifying()
	ending(v1alpha1.OutcomeSucceeded)(&p.Status)
	w := startWatch(t, cluster{objects: []client.Object{p}}, nil, watchArgs)
	w.ends(0)
}

func TestWatchSaysHowFarAGateIs(t *testing.T) {
	w := startWatch(t, cluster{objects: append(atWork("shop-test", "contract"), verifying())}, &emulator{columns: 60, rows: 24}, watchArgs)
	w.watches("PromotionList")
	w.says("└─ the log of shop-test/sl-contract-x")
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
}

func TestWatchOnAScreen(t *testing.T) {
	screen := &emulator{columns: 60, rows: 24}
	w := startWatch(t, cluster{objects: []client.Object{verifying()}}, screen, watchArgs)
	w.watches("PromotionList")
	w.becomes(func(s *v1alpha1.PromotionStatus) { s.Environments[0].Gates[0].Message = "half of it" })
	w.says("half of it")
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
	screen.write(w.paper.String())
	shown := screen.String()
	for _, want := range []string{"Status:       ✓ Succeeded", "└─ ✓ test", "that was it"} {
		if strings.Count(shown, want) != 1 {
			t.Errorf("%q is not on the screen once:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "Verifying") {
		t.Errorf("what was drawn before is still on the screen:\n%s", shown)
	}
}

func TestWatchOfWhatIsDeleted(t *testing.T) {
	w := startWatch(t, cluster{objects: []client.Object{verifying()}}, nil, watchArgs)
	w.watches("PromotionList")
	if err := w.api.Delete(w.ctx, verifying()); err != nil {
		t.Fatal(err)
	}
	w.ends(1)
	w.says("was deleted while it was watched")
}

// TestWatchWithoutRights may read the promotion once, but watch neither it nor Jobs.
func TestWatchWithoutRights(t *testing.T) {
	c := cluster{objects: []client.Object{verifying()}}
	c.funcs.Watch = func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) (watch.Interface, error) {
		return nil, apierrors.NewForbidden(schema.GroupResource{Group: "sluice.dev", Resource: "promotions"}, "", fmt.Errorf("%T", list))
	}
	w := startWatch(t, c, nil, watchArgs)
	w.ends(1)
	w.says("Error from server (Forbidden)")
}

// TestWatchWithoutRightToJobs goes on with what the status says.
func TestWatchWithoutRightToJobs(t *testing.T) {
	c := cluster{objects: []client.Object{verifying()}}
	c.funcs.List = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if _, ok := list.(*batchv1.JobList); ok {
			return apierrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "jobs"}, "", nil)
		}
		return api.List(ctx, list, options...)
	}
	w := startWatch(t, c, nil, watchArgs)
	w.watches("PromotionList")
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
}

// TestWatchIsTakenUpAgain ends the first watch of the promotion, as API servers do.
func TestWatchIsTakenUpAgain(t *testing.T) {
	c := cluster{objects: []client.Object{verifying()}}
	var ends sync.Once
	c.funcs.Watch = func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
		ended := watch.NewFake()
		if _, ok := list.(*v1alpha1.PromotionList); ok {
			ends.Do(ended.Stop)
		}
		if ended.IsStopped() {
			return ended, nil
		}
		return api.Watch(ctx, list, options...)
	}
	w := startWatch(t, c, nil, watchArgs)
	w.watches("PromotionList")
	w.watches("PromotionList")
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
}

func TestWatchIsInterrupted(t *testing.T) {
	w := startWatch(t, cluster{objects: []client.Object{verifying()}}, nil, watchArgs)
	w.watches("PromotionList")
	ctx, interrupt := context.WithCancel(t.Context())
	console := newTerminal("")
	a := app(t, console.Console, w.api)
	interrupt()
	if status := a.Run(ctx, strings.Fields(watchArgs)); status != exitInterrupted {
		t.Errorf("exit status %d, want %d", status, exitInterrupted)
	}
	w.becomes(ending(v1alpha1.OutcomeSucceeded))
	w.ends(0)
}

// TestLive follows tables and trees, which have no end.
func TestLive(t *testing.T) {
	for _, args := range []string{
		"get promotions -n shop -w", "get pipeline checkout -n shop -w", "get pipelines -n shop -w", "get environment shop-test -w", "get environments -A -w",
	} {
		t.Run(args, func(t *testing.T) {
			env := makeEnvironment("shop-test")
			w := startWatch(t, cluster{objects: []client.Object{verifying(), makePipeline(), env}}, nil, args)
			var want string
			if strings.Contains(args, "promotions") {
				w.watches("PromotionList")
				w.becomes(ending(v1alpha1.OutcomeSucceeded))
				want = "Z  checkout-1.4.2   checkout   7f3a9c21   Succeeded"
			} else {
				w.watches("EnvironmentList")
				env.Status.Pipelines = []v1alpha1.DeliveredPipeline{{Pipeline: "shop/checkout", State: v1alpha1.DeliveryHeld, ReleaseHash: hash("ba5eba11")}}
				if err := w.api.Status().Update(w.ctx, env); err != nil {
					t.Fatal(err)
				}
				want = "ba5eba11"
			}
			w.says(want)
			if !strings.Contains(w.paper.String(), "\n2026-08-03T12:00:00Z  ") {
				t.Errorf("the change carries no time:\n%s", w.paper)
			}
		})
	}
}
