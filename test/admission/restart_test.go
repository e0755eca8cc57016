package admission_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

var restarts = flag.Int("restarts", 3, "how often TestScenario29RestartOfTheAPIServer restarts the API server")

const (
	// pace is how often each kind of pod is created while the API server restarts.
	pace = 100 * time.Millisecond
	// looksAfterReady is how many creates of each kind have to be answered rightly, one after another, once it is ready.
	looksAfterReady = 30
)

// The API server restarts, and somebody creates pods all the while: from the first moment on, promoted images and other
// people's pods run, and nothing else does. Nobody notices but for the time in which the API server itself is down.
func TestScenario29RestartOfTheAPIServer(t *testing.T) {
	namespace, plain := inbox(t, "cluster-restart", nil), open(t, "cluster-restart-plain")
	creators := []*creator{
		{what: "a promoted image in the locked namespace", pod: MakePod(api+":v5").Pod(namespace, "p")},
		{what: "a digest in the locked namespace", pod: MakePod(api+"@"+current).Pod(namespace, "p")},
		{what: "an image in a namespace without a lock", pod: MakePod("nginx").Pod(plain, "p")},
		{what: "an image in kube-system", pod: MakePod("nginx").Pod("kube-system", "p")},
		{what: "an image that was not promoted", pod: MakePod("nginx").Pod(namespace, "p"), refusedBy: "sluice-lock"},
	}
	longest := time.Duration(0)
	for range *restarts {
		for _, c := range creators {
			c.begin(t)
		}
		err := plane.RestartAPIServer(t.Context())
		ready := time.Now()
		for _, c := range creators {
			longest = max(longest, c.end(ready))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	answers, down := 0, 0
	for _, c := range creators {
		answers, down = answers+c.answers, down+c.down
		for _, complaint := range c.complaints {
			t.Errorf("%s: %s", c.what, complaint)
		}
	}
	t.Logf("%d creates, %d of them while the API server was down", answers, down)
	fmt.Printf("restarts: %d, longest refusal: %d ms\n", *restarts, longest.Milliseconds())
	// Only Approvals may have to wait: their policies take a parameter, whose kind the API server learns anew.
	awaitInbox(t, namespace, "release")
}

// creator creates one pod again and again, as a dry run.
type creator struct {
	what string
	pod  client.Object
	// refusedBy is the policy that has to refuse it; "" has to let it in.
	refusedBy string

	answers, down int
	complaints    []string

	mutex sync.Mutex
	ready time.Time
	// right counts right answers in a row since the API server was ready.
	right int
	// last is how long after that the last wrong answer came.
	last time.Duration
	done chan struct{}
}

// begin starts creating.
func (c *creator) begin(t *testing.T) {
	c.ready, c.right, c.last, c.done = time.Time{}, 0, 0, make(chan struct{})
	dave := person("dave")
	go func() {
		defer close(c.done)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		deadline := time.NewTimer(2 * patience)
		defer deadline.Stop()
		for !c.look(t.Context(), dave) {
			select {
			case <-tick.C:
			case <-deadline.C:
				c.complaints = append(c.complaints, "no right answer in "+(2*patience).String())
				return
			case <-t.Context().Done():
				return
			}
		}
	}()
}

// look creates once; it reports whether enough was seen.
func (c *creator) look(ctx context.Context, dave *actor) bool {
	c.mutex.Lock()
	asked := !c.ready.IsZero()
	c.mutex.Unlock()
	err := dave.Create(ctx, copyOf(c.pod), dryRun)
	c.answers++
	if c.isRight(err) {
		if asked {
			c.right++
		}
		return c.right >= looksAfterReady
	}
	if !asked { // the API server is down, or says that it is not ready
		c.down++
		return false
	}
	c.mutex.Lock()
	c.last = time.Since(c.ready)
	c.mutex.Unlock()
	c.right = 0
	c.complaints = append(c.complaints, fmt.Sprintf("%s after it was ready: %v", c.last, err))
	return false
}

// isRight says whether an answer is the one that is wanted.
func (c *creator) isRight(err error) bool {
	if c.refusedBy == "" {
		return err == nil
	}
	return refusal(err, c.refusedBy, bringItIn) == nil
}

// end says when the API server was ready, waits until enough was seen, and returns how long wrong answers came after that.
func (c *creator) end(ready time.Time) time.Duration {
	c.mutex.Lock()
	c.ready = ready
	c.mutex.Unlock()
	<-c.done
	return c.last
}
