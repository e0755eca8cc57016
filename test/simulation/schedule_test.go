package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
	"github.com/sluice-dev/sluice/test/simulation/observer"
)

// Bounds of the part without faults: more steps, or more jumps of time, mean that it does not come to rest.
const (
	maxRestSteps = 30000
	maxJumps     = 2000
	// quietJumps of time without a write mean that nothing is written any more.
	quietJumps = 30
)

// compareEvery so many schedules it is looked whether anybody modified what a cache lent.
const compareEvery = 16

// simulation is one schedule.
type simulation struct {
	seed      uint64
	rng       *rand.Rand
	scheme    *runtime.Scheme
	clock     *fakeClock
	api       *memapi.Server
	registry  *fakeRegistry
	world     *world
	plan      *plan
	active    *operator
	former    []*operator
	processes int
	promoted  int
	// faulty while faults happen, and people act.
	faulty bool
	// adopts says that the operator itself adopts what runs.
	adopts bool
	log    []string
	found  []observer.Violation
	most   int
	// counts of what schedules came to, so that one can see that they come to everything.
	counts map[string]int
}

var scheme = sluice.Scheme()

func newSimulation(seed uint64) *simulation {
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose.
	s := &simulation{seed: seed, rng: rng, scheme: scheme, clock: newClock(), registry: newRegistry(), plan: newPlan(seed, rng), adopts: true, counts: map[string]int{}}
	s.api = memapi.NewServer(s.scheme, s.clock.Now)
	s.world = newWorld(s)
	s.api.Compare = seed%compareEvery == 0
	s.api.Admit = s.world.admission.admit
	return s
}

// run plays the schedule, and has the observer look at it.
func (s *simulation) run() {
	defer func() {
		if s.active != nil {
			s.active.cancel()
		}
		for _, o := range s.former {
			o.cancel()
		}
		if problem := recover(); problem != nil {
			s.found = append(s.found, observer.Violation{Invariant: "panic", Message: fmt.Sprint(problem)})
			s.note(stack())
		}
	}()
	s.setUp()
	s.active = s.startOperator()
	s.faulty = true
	for range s.plan.length {
		s.step()
	}
	s.faulty = false
	rested := s.rest() && s.settlesAgain()
	o := observer.Check(operatorUser, s.api.Journal())
	if rested {
		o.CheckRest()
	}
	for _, r := range s.api.Tampered() {
		s.found = append(s.found, observer.Violation{
			Invariant: "cache", Revision: r.Number, Message: fmt.Sprintf("%s %s was modified in the cache", r.Kind, r.Key),
		})
	}
	s.most = o.MostWrites()
	s.count()
	s.found = append(s.found, o.Found()...)
}

// step draws one of the things that may happen next.
func (s *simulation) step() {
	s.clock.now = s.clock.now.Add(time.Duration(s.rng.IntN(150)) * time.Millisecond)
	s.replaceDead()
	if s.plan.faults > 0 && s.rng.IntN(1000) < 3 {
		s.changeLeader()
	}
	switch n := s.rng.IntN(1000); {
	case n < s.plan.people:
		s.personActs()
	case n < 400:
		s.firstOf(s.deliverSome, s.reconcileSome, s.chore)
	case n < 700:
		s.firstOf(s.reconcileSome, s.chore, s.deliverSome)
	case n < 980:
		s.firstOf(s.chore, s.deliverSome, s.reconcileSome)
	case n < 997:
		s.formerActs()
	default:
		s.jump()
	}
}

// firstOf does the first of some things that can be done. Where none can, somebody acts, or time passes.
func (s *simulation) firstOf(things ...func() bool) {
	for _, thing := range things {
		if thing() {
			return
		}
	}
	if s.rng.IntN(4) == 0 {
		s.jump()
		return
	}
	s.personActs()
}

func (s *simulation) deliverSome() bool {
	kinds := s.active.view.Lagging()
	if len(kinds) == 0 {
		return false
	}
	s.active.deliver(pick(s.rng, kinds...))
	return true
}

// work is an object of a queue.
type work struct {
	queue *queue
	item  reconcile.Request
}

func (o *operator) ready() []work {
	var list []work
	for _, q := range o.queues {
		for _, item := range q.ready() {
			list = append(list, work{q, item})
		}
	}
	return list
}

func (s *simulation) reconcileSome() bool {
	list := s.active.ready()
	if len(list) == 0 || s.active.dead {
		return false
	}
	w := pick(s.rng, list...)
	s.active.reconcile(w.queue, w.item)
	return true
}

func (s *simulation) chore() bool {
	chores := s.world.chores()
	if len(chores) == 0 {
		return false
	}
	c := pick(s.rng, chores...)
	s.note(c.what)
	c.do()
	return true
}

// jump moves the clock to the next deadline of anybody.
func (s *simulation) jump() bool {
	next := s.world.nextDeadline()
	for _, q := range s.active.queues {
		if at := q.next(); at.After(s.clock.now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return false
	}
	s.clock.now = next
	s.note("time jumps to " + next.Format(time.DateTime+".000"))
	return true
}

func (s *simulation) drawFault() fault {
	if !s.faulty || s.rng.IntN(1000) >= s.plan.faults {
		return noFault
	}
	return fault(1 + s.rng.IntN(int(faultKinds)-1))
}

func (s *simulation) replaceDead() {
	if s.active.dead {
		s.active = s.startOperator()
	}
}

// changeLeader lets another process lead. The former one does not know yet, and may write once more.
func (s *simulation) changeLeader() {
	s.note("  fault: " + s.active.name + " loses the lead")
	s.active.writesLeft = 1
	s.former = append(s.former, s.active)
	s.active = s.startOperator()
}

func (s *simulation) formerActs() {
	s.former = slices.DeleteFunc(s.former, func(o *operator) bool {
		if o.writesLeft == 0 {
			o.cancel()
		}
		return o.writesLeft == 0
	})
	if len(s.former) == 0 {
		return
	}
	o := pick(s.rng, s.former...)
	list := o.ready()
	if len(list) == 0 {
		o.writesLeft = 0
		return
	}
	w := pick(s.rng, list...)
	o.reconcile(w.queue, w.item)
}

// interleave lets other things happen just before a write of the operator: the world moves, somebody acts, another
// worker of the operator runs.
func (s *simulation) interleave(o *operator, attempt memapi.Attempt) {
	oneIn := pick2(attempt.Kind == "Environment", 2, 4)
	if !s.faulty || s.rng.IntN(oneIn) > 0 || o != s.active {
		return
	}
	for range 1 + s.rng.IntN(3) {
		switch s.rng.IntN(5) {
		case 0:
			s.chore()
		case 1:
			if s.rng.IntN(1000) < 5*s.plan.people {
				s.personActs()
			}
		case 2:
			s.deliverSome()
		default:
			if o.depth < 3 {
				s.reconcileSome()
			}
		}
	}
}

// rest lets everything go on without faults, until nothing is written any more.
func (s *simulation) rest() bool {
	s.note("=== faults stop ===")
	s.registry.down, s.registry.deaf = false, false
	s.replaceDead()
	steps, jumps, quiet := 0, 0, 0
	written := s.api.Revision()
	for steps < maxRestSteps && jumps < maxJumps {
		if s.deliverSome() || s.chore() || s.reconcileSome() {
			s.clock.now = s.clock.now.Add(time.Duration(s.rng.IntN(100)) * time.Millisecond)
			steps++
			continue
		}
		if now := s.api.Revision(); now != written {
			written, quiet = now, 0
		}
		quiet++
		if quiet > quietJumps || !s.jump() {
			return true
		}
		jumps++
	}
	s.found = append(s.found, observer.Violation{Invariant: "I4", Message: fmt.Sprintf("no rest after %d steps and %d jumps of time", steps, jumps)})
	return false
}

// settlesAgain starts the operator anew, which looks at everything once more: it has nothing to write.
func (s *simulation) settlesAgain() bool {
	s.note("=== all is quiet; the operator starts again ===")
	s.active.cancel()
	s.active = s.startOperator()
	before := s.api.Revision()
	for range maxRestSteps {
		if !s.deliverSome() && !s.reconcileSome() {
			break
		}
	}
	if after := s.api.Revision(); after != before {
		r := s.api.Journal()[before]
		s.found = append(s.found, observer.Violation{
			Invariant: "I4", Revision: r.Number, Message: fmt.Sprintf("written though nothing happened: %s %s %s%s", r.Verb, r.Kind, r.Key, difference(r)),
		})
	}
	return true
}

// count notes how the promotions of this schedule ended.
func (s *simulation) count() {
	for _, obj := range s.api.All("Promotion") {
		p := obj.(*v1alpha1.Promotion)
		s.counts[fmt.Sprintf("promotion %s %s", p.Spec.Intent, pick2(p.Status.Outcome == "", "waits", string(p.Status.Outcome)))]++
		for _, e := range p.Status.Environments {
			s.counts["environment "+e.Name+" "+string(e.State)+" "+string(e.Cause)]++
		}
	}
	for _, r := range s.api.Journal() {
		if r.Actor == operatorUser {
			s.counts["operator "+string(r.Verb)+" "+r.Kind]++
		}
	}
}

// difference lists the lines of an object that a write changed.
func difference(r memapi.Revision) string {
	lines := func(obj any) map[string]bool {
		encoded, err := json.MarshalIndent(obj, "", " ")
		if err != nil {
			return nil
		}
		found := map[string]bool{}
		for _, line := range strings.Split(string(encoded), "\n") {
			found[line] = true
		}
		return found
	}
	before, after := lines(r.Before), lines(r.Object)
	text := ""
	for _, line := range sortedKeys(before) {
		if !after[line] {
			text += "\n    - " + strings.TrimSpace(line)
		}
	}
	for _, line := range sortedKeys(after) {
		if !before[line] {
			text += "\n    + " + strings.TrimSpace(line)
		}
	}
	return text
}

func (s *simulation) note(line string) {
	s.log = append(s.log, fmt.Sprintf("%6d %s  %s", s.api.Revision(), s.clock.now.Format("15:04:05.000"), line))
}

func (s *simulation) must(err error) {
	if err != nil {
		panic(err)
	}
}

// tail returns the end of the log.
func (s *simulation) tail(lines int) string {
	return strings.Join(s.log[max(0, len(s.log)-lines):], "\n")
}
