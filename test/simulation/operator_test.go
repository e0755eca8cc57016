package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/internal/delivery"
	"github.com/sluice-dev/sluice/internal/policy"
	"github.com/sluice-dev/sluice/internal/registry"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// operatorUser is who the operator is to the API server.
const operatorUser = "system:serviceaccount:sluice-system:sluice"

var errDead = errors.New("the process is dead")

// fault is what may happen to a write.
type fault int

const (
	noFault fault = iota
	crashBefore
	crashAfter
	responseLost
	conflictFault
	transientFault
	faultKinds
)

var faultNames = [faultKinds]string{"none", "crash before", "crash after", "response lost", "conflict", "transient"}

// operator is one process of the operator: its caches, its queues, its memory.
type operator struct {
	sim      *simulation
	name     string
	view     *memapi.View
	queues   []*queue
	made     chan *queue
	runs     map[string]reconcile.Reconciler
	handlers map[string][]toolscache.ResourceEventHandler
	ctx      context.Context
	cancel   context.CancelFunc
	dead     bool
	// writesLeft of one that lost the lead; negative: as many as it wants.
	writesLeft int
	// own writes by kind and object, which reads wait for.
	own map[string]map[memapi.Key]int64
	// depth of reconciles that interrupt each other at a write.
	depth int
}

// cacheTransforms are those of the operator's cache.
func cacheTransforms() map[string]memapi.Transform {
	return map[string]memapi.Transform{
		"Pod": delivery.StripPod, "Event": delivery.StripEvent,
		"Deployment": delivery.StripWorkload, "StatefulSet": delivery.StripWorkload, "DaemonSet": delivery.StripWorkload,
		"ReplicaSet": delivery.StripWorkload, "CronJob": delivery.StripWorkload, "Job": delivery.StripWorkload,
		policy.ValidatingPolicy: policy.Strip, policy.ValidatingBinding: policy.Strip,
		policy.MutatingPolicy: policy.Strip, policy.MutatingBinding: policy.Strip,
	}
}

// startOperator starts a process: its caches know what there is, and everything is queued.
func (s *simulation) startOperator() *operator {
	s.processes++
	ctx, cancel := context.WithCancel(logr.NewContext(context.Background(), logr.Discard()))
	o := &operator{
		sim: s, name: fmt.Sprintf("operator-%d", s.processes), ctx: ctx, cancel: cancel, writesLeft: -1,
		view: s.api.Cache(cacheTransforms(), rand.New(rand.NewPCG(s.seed, uint64(s.processes)))), //nolint:gosec // repeatable on purpose.
		made: make(chan *queue, 1), runs: map[string]reconcile.Reconciler{}, own: map[string]map[memapi.Key]int64{},
	}
	writer := s.api.ClientFor(operatorUser, o.view)
	writer.Through = o.through
	informers := &fakeInformers{kind: s.api.Kind, handlers: map[string][]toolscache.ResourceEventHandler{}}
	m := &fakeManager{
		scheme: s.scheme, client: consistentClient{writer, o}, live: s.api.Live(), indexer: o.view,
		recorder: eventLog{s.note}, informers: informers,
	}
	resolver, err := registry.New(registry.Options{Transport: s.registry})
	s.must(err)
	setup := sluice.Setup{
		Operator: types.NamespacedName{Namespace: "sluice-system", Name: "sluice"},
		Registry: resolver, Reviewer: s.registry, Clock: s.clock, Options: o.options,
	}
	s.must(setup.WithManager(ctx, m))
	o.startControllers(ctx, m)
	o.handlers = informers.handlers
	o.replay()
	return o
}

// options of one controller: a queue that the simulation takes from.
func (o *operator) options() controller.Options {
	no := false
	return controller.Options{
		MaxConcurrentReconciles: 1, RecoverPanic: &no,
		NewQueue: func(name string, _ workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			q := newQueue(name, o.sim.clock)
			o.made <- q
			return q
		},
	}
}

// startControllers starts every controller and waits until all its watches are there, one after the other, so that
// queues are in the same order each time.
func (o *operator) startControllers(ctx context.Context, m *fakeManager) {
	for _, runnable := range m.runnables {
		c, ok := runnable.(controller.Controller)
		if !ok {
			continue
		}
		failed := make(chan error, 1)
		go func() { failed <- c.Start(ctx) }()
		select {
		case q := <-o.made:
			<-q.started
			o.queues = append(o.queues, q)
			o.runs[q.name] = c
		case err := <-failed:
			o.sim.must(fmt.Errorf("controller ended: %w", err))
		}
	}
}

// replay tells every handler of everything that is there, as informers do at the start.
func (o *operator) replay() {
	for _, kind := range sortedKeys(o.handlers) {
		for _, obj := range o.view.Objects(kind) {
			for _, handler := range o.handlers[kind] {
				handler.OnAdd(obj, true)
			}
		}
	}
}

// deliver brings the next revision of a kind into the cache, and tells the handlers.
func (o *operator) deliver(kind string) {
	before := o.view.Object(kind, o.view.Next(kind).Key)
	r := o.view.Deliver(kind)
	after := o.view.Object(kind, r.Key)
	for _, handler := range o.handlers[kind] {
		switch {
		case r.Verb == memapi.Delete && before != nil:
			handler.OnDelete(before)
		case r.Verb == memapi.Delete:
		case before == nil:
			handler.OnAdd(after, false)
		default:
			handler.OnUpdate(before, after)
		}
	}
}

// catchUp delivers a kind until the cache knows a revision.
func (o *operator) catchUp(kind string, revision int64) {
	for o.view.Pending(kind) && o.view.Next(kind).Number <= revision {
		o.deliver(kind)
	}
}

// consistentClient reads the cache once the process's own writes are in it, as
// client.CacheOptions.EnableReadYourWritesConsistency does: Get waits for the object, List for the kind.
type consistentClient struct {
	*memapi.Client

	process *operator
}

// Get as client.Reader.
func (c consistentClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, options ...client.GetOption) error {
	kind := c.process.sim.api.Kind(obj)
	if kind == "Secret" {
		return c.process.sim.api.Live().Get(ctx, key, obj, options...)
	}
	c.process.catchUp(kind, c.process.own[kind][key])
	return c.Client.Get(ctx, key, obj, options...)
}

// List as client.Reader.
func (c consistentClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	kind := c.process.sim.api.Kind(list)
	kind = kind[:len(kind)-len("List")]
	last := int64(0)
	for _, revision := range c.process.own[kind] {
		last = max(last, revision)
	}
	c.process.catchUp(kind, last)
	return c.Client.List(ctx, list, options...)
}

// through lets a write of this process happen, or not.
func (o *operator) through(attempt memapi.Attempt, write func() error) error {
	if o.dead || o.writesLeft == 0 {
		return errDead
	}
	o.sim.interleave(o, attempt)
	if o.dead {
		return errDead
	}
	kind := o.sim.drawFault()
	o.sim.counts["fault "+faultNames[kind]]++
	switch kind {
	case crashBefore:
		o.crash("before " + describe(attempt))
		return errDead
	case conflictFault:
		o.sim.note("  fault: conflict at " + describe(attempt))
		return apierrors.NewConflict(schema.GroupResource{Resource: attempt.Kind}, attempt.Object.GetName(), errors.New("somebody else wrote first"))
	case transientFault:
		o.sim.note("  fault: the API server is unavailable at " + describe(attempt))
		return apierrors.NewServiceUnavailable("etcdserver: leader changed")
	}
	err := write()
	o.noteWrite(attempt, err)
	switch kind {
	case crashAfter:
		o.crash("after " + describe(attempt))
		return errDead
	case responseLost:
		o.sim.note("  fault: the answer is lost")
		return apierrors.NewTimeoutError("context deadline exceeded", 1)
	}
	o.remember(attempt, err)
	return err
}

func (o *operator) noteWrite(attempt memapi.Attempt, err error) {
	o.sim.note(fmt.Sprintf("  %s: %s -> %s", o.name, describe(attempt), outcomeOf(err, o.sim.api.Revision())))
	if err == nil && o.writesLeft > 0 {
		o.writesLeft--
	}
}

// remember notes an own write that reads have to wait for.
func (o *operator) remember(attempt memapi.Attempt, err error) {
	if err != nil {
		return
	}
	revision := o.sim.api.Revision()
	if attempt.Verb != memapi.Delete {
		if parsed, failed := strconv.ParseInt(attempt.Object.GetResourceVersion(), 10, 64); failed == nil {
			revision = parsed
		}
	}
	if o.own[attempt.Kind] == nil {
		o.own[attempt.Kind] = map[memapi.Key]int64{}
	}
	o.own[attempt.Kind][client.ObjectKeyFromObject(attempt.Object)] = revision
}

func (o *operator) crash(when string) {
	o.dead = true
	o.cancel()
	o.sim.note("  fault: " + o.name + " dies " + when)
}

func describe(attempt memapi.Attempt) string {
	return fmt.Sprintf("%s %s %s/%s", attempt.Verb, attempt.Kind, attempt.Object.GetNamespace(), attempt.Object.GetName())
}

func outcomeOf(err error, revision int64) string {
	if err != nil {
		return err.Error()
	}
	return "revision " + strconv.FormatInt(revision, 10)
}

// reconcile takes one object of a queue, and treats the result as controller-runtime does.
func (o *operator) reconcile(q *queue, item reconcile.Request) {
	delete(q.due, item)
	q.busy[item] = true
	o.depth++
	o.sim.note(fmt.Sprintf("%s reconciles %s %s", o.name, q.name, item))
	result, err := o.runs[q.name].Reconcile(o.ctx, item)
	o.depth--
	delete(q.busy, item)
	switch {
	case o.dead:
	case err != nil:
		o.sim.note("  failed: " + err.Error())
		q.AddRateLimited(item)
	case result.RequeueAfter > 0:
		q.Forget(item)
		q.AddAfter(item, result.RequeueAfter)
	default:
		q.Forget(item)
	}
}
