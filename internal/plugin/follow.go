package plugin

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// target is what is watched: objects of one kind, in one namespace or in all, some or all of them.
type target struct {
	example   client.Object
	list      func() client.ObjectList
	namespace string
	// name of the one object that is meant; empty for all.
	name   string
	labels labels.Set
	// optional targets are left out where the reader may not watch them.
	optional bool
}

// event is what happened to an object of a target; or err, what came of watching it.
type event struct {
	object client.Object
	gone   bool
	// lost is why the API server cannot be reached for now; it is tried again.
	lost error
	// err is why it cannot be watched.
	err error
}

// follower watches targets. Each is listed first and watched from there; when a watch ends it is taken up again.
type follower struct {
	client client.WithWatch
	events chan event
	known  map[string]bool
	group  sync.WaitGroup
}

func newFollower(c client.WithWatch) *follower {
	return &follower{client: c, events: make(chan event), known: map[string]bool{}}
}

// follow begins to watch a target, unless it is watched already; until ctx ends.
func (f *follower) follow(ctx context.Context, t target) error {
	key := t.key()
	if f.known[key] {
		return nil
	}
	f.known[key] = true
	// How a watch goes is told through events; a log would end up in the middle of what is drawn.
	ctx, stop := context.WithCancel(logr.NewContext(ctx, logr.Discard()))
	informer := toolscache.NewSharedIndexInformer(f.listWatch(t), t.example, 0, toolscache.Indexers{})
	deliver := func(e event) {
		select {
		case f.events <- e:
		case <-ctx.Done():
		}
	}
	_, errHandler := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { deliver(seen(object, false)) },
		UpdateFunc: func(_, object any) { deliver(seen(object, false)) },
		DeleteFunc: func(object any) { deliver(seen(object, true)) },
	})
	errTrouble := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *toolscache.Reflector, err error) {
		switch {
		case refuses(err) && t.optional:
			stop()
		case refuses(err):
			deliver(event{err: err})
			stop()
		case !routine(err):
			deliver(event{lost: err})
		}
	})
	f.group.Go(func() {
		defer stop()
		informer.RunWithContext(ctx)
	})
	return errors.Join(errHandler, errTrouble)
}

// wait returns when nothing is watched any more: after the context of follow has ended.
func (f *follower) wait() { f.group.Wait() }

// drain takes what else has happened, so that several events lead to one look.
func (f *follower) drain() (last event) {
	for {
		select {
		case e := <-f.events:
			if e.err != nil {
				return e
			}
			last = e
		default:
			return last
		}
	}
}

// refuses says whether the API server will not let this be watched, however often it is asked.
func refuses(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err)
}

// routine says whether a watch ended as watches do.
func routine(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled)
}

func seen(object any, gone bool) event {
	if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	o, ok := object.(client.Object)
	if !ok {
		return event{gone: gone}
	}
	return event{object: o, gone: gone}
}

// plainLists says that lists are asked for as lists: every API server, and every stand-in for one, answers those.
type plainLists struct{}

// IsWatchListSemanticsUnSupported keeps the reflector from asking for a list as a watch.
func (plainLists) IsWatchListSemanticsUnSupported() bool { return true }

func (f *follower) listWatch(t target) toolscache.ListerWatcher {
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list := t.list()
			return list, f.client.List(ctx, list, t.options(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return f.client.Watch(ctx, t.list(), t.options(o))
		},
	}, plainLists{})
}

func (t target) options(o metav1.ListOptions) *client.ListOptions {
	options := &client.ListOptions{Namespace: t.namespace, Raw: &o}
	if t.name != "" {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", t.name)
	}
	if t.labels != nil {
		options.LabelSelector = labels.SelectorFromSet(t.labels)
	}
	return options
}

func (t target) key() string {
	kind := "?"
	if t.example != nil {
		kind = typeName(t.example)
	}
	return kind + " " + t.namespace + " " + t.name + " " + t.labels.String()
}
