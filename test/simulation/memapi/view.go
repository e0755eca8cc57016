package memapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Transform changes an object on its way into a view, as those of a controller-runtime cache do.
type Transform func(any) (any, error)

// View is what a client reads: the present state, or that of informers, each of which lags behind on its own.
type View struct {
	server *Server
	live   bool
	// stores by kind, of a view that lags or is frozen.
	stores map[string]map[Key]client.Object
	// positions in the journal of each kind: how many of its revisions were delivered.
	positions  map[string]int
	transforms map[string]Transform
	indexes    map[string]client.IndexerFunc
	// shuffle puts lists into another order each time, as a cache does; nil keeps them sorted.
	shuffle *rand.Rand
	// frozen is the revision of a view that never changes.
	frozen int64
}

// Live returns a view of the present state, always.
func (s *Server) Live() *View { return &View{server: s, live: true} }

// Cache returns a view that knows the present state, and from now on what is delivered to it.
func (s *Server) Cache(transforms map[string]Transform, shuffle *rand.Rand) *View {
	v := &View{
		server: s, stores: map[string]map[Key]client.Object{}, positions: map[string]int{},
		transforms: transforms, indexes: map[string]client.IndexerFunc{}, shuffle: shuffle,
	}
	for kind, objects := range s.objects {
		store := make(map[Key]client.Object, len(objects))
		for key, obj := range objects {
			store[key] = v.transform(kind, obj)
		}
		v.stores[kind] = store
	}
	for kind, revisions := range s.byKind {
		v.positions[kind] = len(revisions)
	}
	return v
}

// Freeze returns a view of the state as it is now, for ever.
func (s *Server) Freeze() *View {
	v := &View{server: s, stores: map[string]map[Key]client.Object{}, indexes: map[string]client.IndexerFunc{}, frozen: s.Revision()}
	for kind, objects := range s.objects {
		v.stores[kind] = maps.Clone(objects)
	}
	return v
}

func (v *View) transform(kind string, obj client.Object) client.Object {
	transform := v.transforms[kind]
	if transform == nil {
		return obj
	}
	changed, err := transform(obj.DeepCopyObject())
	if err != nil {
		panic(err)
	}
	return changed.(client.Object) //nolint:forcetypeassert // transforms keep the type.
}

// Lagging returns the kinds for which there is something to deliver, in order.
func (v *View) Lagging() []string {
	var kinds []string
	for kind, revisions := range v.server.byKind {
		if v.positions[kind] < len(revisions) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Pending says whether there is something of a kind to deliver.
func (v *View) Pending(kind string) bool { return v.positions[kind] < len(v.server.byKind[kind]) }

// Next returns the revision of a kind that is delivered next; something has to be Pending.
func (v *View) Next(kind string) Revision {
	return v.server.journal[v.server.byKind[kind][v.positions[kind]]]
}

// Object returns what the view holds, not a copy; nil where there is nothing.
func (v *View) Object(kind string, key Key) client.Object { return v.store(kind)[key] }

// Objects returns what the view holds of a kind, not copies, by namespace and name.
func (v *View) Objects(kind string) []client.Object {
	found := slices.Collect(maps.Values(v.store(kind)))
	slices.SortFunc(found, byName)
	return found
}

func byName(a, b client.Object) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// Deliver brings the next revision of a kind into the view, and returns it.
func (v *View) Deliver(kind string) Revision {
	r := v.Next(kind)
	v.positions[kind]++
	if v.stores[kind] == nil {
		v.stores[kind] = map[Key]client.Object{}
	}
	if r.Verb == Delete {
		delete(v.stores[kind], r.Key)
	} else {
		v.stores[kind][r.Key] = v.transform(kind, r.Object)
	}
	return r
}

// Horizon is the number of the last revision before which the view knows everything.
func (v *View) Horizon() int64 {
	switch {
	case v.live:
		return v.server.Revision()
	case v.positions == nil:
		return v.frozen
	}
	horizon := v.server.Revision()
	for kind, revisions := range v.server.byKind {
		if next := v.positions[kind]; next < len(revisions) {
			horizon = min(horizon, v.server.journal[revisions[next]].Number-1)
		}
	}
	return horizon
}

// IndexField makes a field of a kind fit for selection, as client.FieldIndexer.
func (v *View) IndexField(_ context.Context, obj client.Object, name string, extract client.IndexerFunc) error {
	v.indexes[v.server.Kind(obj)+"/"+name] = extract
	return nil
}

func (v *View) store(kind string) map[Key]client.Object {
	if v.live {
		return v.server.objects[kind]
	}
	return v.stores[kind]
}

// Get as client.Reader.
func (v *View) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	found := v.store(v.server.Kind(obj))[key]
	if found == nil {
		return apierrors.NewNotFound(v.server.resource(obj), key.Name)
	}
	copyInto(found, obj)
	return nil
}

func copyInto(from, to client.Object) {
	copied := from.DeepCopyObject()
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(copied).Elem())
}

// List as client.Reader.
func (v *View) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	for _, option := range options {
		option.ApplyToList(&o)
	}
	gvk := v.server.gvk(list)
	kind := gvk.Kind[:len(gvk.Kind)-len("List")]
	found, err := v.selectObjects(kind, o)
	if err != nil {
		return err
	}
	shared := o.UnsafeDisableDeepCopy != nil && *o.UnsafeDisableDeepCopy
	target := reflect.ValueOf(list).Elem().FieldByName("Items")
	items := reflect.MakeSlice(target.Type(), len(found), len(found))
	for i, obj := range found {
		if !shared {
			obj = obj.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
		}
		items.Index(i).Set(reflect.ValueOf(obj).Elem())
	}
	target.Set(items)
	return nil
}

func (v *View) selectObjects(kind string, o client.ListOptions) ([]client.Object, error) {
	var found []client.Object
	for _, obj := range v.store(kind) {
		if o.Namespace != "" && obj.GetNamespace() != o.Namespace {
			continue
		}
		if o.LabelSelector != nil && !o.LabelSelector.Matches(labelsOf(obj)) {
			continue
		}
		matches, err := v.matchesFields(kind, obj, o)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, obj)
		}
	}
	slices.SortFunc(found, byName)
	if v.shuffle != nil {
		v.shuffle.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	}
	return found, nil
}

func (v *View) matchesFields(kind string, obj client.Object, o client.ListOptions) (bool, error) {
	if o.FieldSelector == nil {
		return true, nil
	}
	for _, requirement := range o.FieldSelector.Requirements() {
		var values []string
		switch requirement.Field {
		case "metadata.name":
			values = []string{obj.GetName()}
		case "metadata.namespace":
			values = []string{obj.GetNamespace()}
		default:
			extract := v.indexes[kind+"/"+requirement.Field]
			if extract == nil {
				return false, fmt.Errorf("no index %s of %s", requirement.Field, kind)
			}
			values = extract(obj)
		}
		if !slices.Contains(values, requirement.Value) {
			return false, nil
		}
	}
	return true, nil
}

type labelSet map[string]string

func labelsOf(obj client.Object) labelSet { return obj.GetLabels() }

// Has as labels.Labels.
func (l labelSet) Has(label string) bool { _, ok := l[label]; return ok }

// Get as labels.Labels.
func (l labelSet) Get(label string) string { return l[label] }

// Lookup as labels.Labels.
func (l labelSet) Lookup(label string) (string, bool) { value, ok := l[label]; return value, ok }
