package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wiring is a controller with all that it watches.
type wiring struct {
	// name of the controller.
	name string
	// kind that it reconciles.
	kind client.Object
	// reconciler of the kind.
	reconciler reconcile.Reconciler
	// watches of other kinds, and of other objects of the same kind.
	watches []watch
}

// watch says which objects to look at again when one of a kind changes.
type watch struct {
	// object of the kind.
	object client.Object
	// requests that a change brings.
	requests handler.MapFunc
	// options narrow down which changes count, or what is kept of the objects.
	options []builder.WatchesOption
}

// where lets some changes count only.
func where(p predicate.Predicate) []builder.WatchesOption {
	return []builder.WatchesOption{builder.WithPredicates(p)}
}

// each watches several kinds alike.
func each(requests handler.MapFunc, objects ...client.Object) []watch {
	watches := make([]watch, 0, len(objects))
	for _, object := range objects {
		watches = append(watches, watch{object: object, requests: requests})
	}
	return watches
}

func (w wiring) setUp(mgr ctrl.Manager, options controller.Options) error {
	b := ctrl.NewControllerManagedBy(mgr).For(w.kind).Named(w.name).WithOptions(options)
	for _, other := range w.watches {
		b = b.Watches(other.object, handler.EnqueueRequestsFromMapFunc(other.requests), other.options...)
	}
	if err := b.Complete(w.reconciler); err != nil {
		return fmt.Errorf("set up the %s controller: %w", w.name, err)
	}
	return nil
}

// requests returns one for each object of a list's kind that an index holds under a value, and that is wanted.
func (g *Gatherer) requests(ctx context.Context, list client.ObjectList, by client.ListOption, wanted func(client.Object) bool) []reconcile.Request {
	if err := g.list(ctx, list, by); err != nil {
		// The cache is being started or stopped; what is missed here is looked at when it is whole.
		log.FromContext(ctx).Error(err, "Could not map a change to requests")
		return nil
	}
	var requests []reconcile.Request
	err := meta.EachListItem(list, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok && wanted(object) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
		}
		return nil
	})
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not read a list")
	}
	return requests
}

// all objects are wanted.
func all(client.Object) bool { return true }
