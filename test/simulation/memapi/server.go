package memapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Verb is what a write did.
type Verb string

// The verbs of a journal.
const (
	Create       Verb = "create"
	Update       Verb = "update"
	UpdateStatus Verb = "updateStatus"
	Delete       Verb = "delete"
)

// Key names an object of a kind.
type Key = types.NamespacedName

// Revision is one write that succeeded.
type Revision struct {
	// Number is the resourceVersion.
	Number int64
	// Time of the fake clock.
	Time time.Time
	// Actor who wrote.
	Actor string
	// Horizon is the oldest revision that the actor's view of any kind stood at: what happened since it may not have known.
	Horizon int64
	// Verb of the write.
	Verb Verb
	// Kind of the object.
	Kind string
	// Key of the object.
	Key Key
	// Object after the write; as it was last, where it was deleted.
	Object client.Object
	// Before is the object before the write; nil where it was created.
	Before client.Object
}

// Request is a write that asks for admission.
type Request struct {
	// Actor who writes.
	Actor string
	// Verb of the write: Create, Update or Delete; a write of a status is not asked for.
	Verb Verb
	// Kind of the object.
	Kind string
	// Object to store; admission may change it.
	Object client.Object
	// Old object; nil on Create.
	Old client.Object
}

// Server is the API.
type Server struct {
	// Now is the fake clock.
	Now func() time.Time
	// Admit changes or refuses writes; nil lets everything in.
	Admit func(*Request) error
	// Compare keeps the content of every revision, so that Tampered can tell.
	Compare bool

	scheme  *runtime.Scheme
	kinds   map[reflect.Type]schema.GroupVersionKind
	objects map[string]map[Key]client.Object
	journal []Revision
	byKind  map[string][]int
	// sorted objects of a kind, as long as none changes.
	sorted  map[string][]client.Object
	serial  int
	horizon int64
	// contents of the journal's objects as JSON, where they are kept to compare.
	contents []string
}

// NewServer returns an empty API for the kinds of a scheme.
func NewServer(scheme *runtime.Scheme, now func() time.Time) *Server {
	return &Server{
		Now: now, scheme: scheme, kinds: map[reflect.Type]schema.GroupVersionKind{},
		objects: map[string]map[Key]client.Object{}, byKind: map[string][]int{}, sorted: map[string][]client.Object{},
	}
}

// Journal returns every revision, from the oldest.
func (s *Server) Journal() []Revision { return s.journal }

// Revision is the number of the last write.
func (s *Server) Revision() int64 { return int64(len(s.journal)) }

// All returns the stored objects of a kind, not copies, by namespace and name.
func (s *Server) All(kind string) []client.Object {
	sorted, known := s.sorted[kind]
	if !known {
		sorted = s.Live().Objects(kind)
		s.sorted[kind] = sorted
	}
	return sorted
}

// Tampered returns the revisions whose object somebody modified in memory: what a cache lends is not to be written to.
func (s *Server) Tampered() []Revision {
	var found []Revision
	for i, content := range s.contents {
		if encode(s.journal[i].Object) != content {
			found = append(found, s.journal[i])
		}
	}
	return found
}

func encode(obj client.Object) string {
	encoded, err := json.Marshal(obj)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// Get returns the stored object, not a copy; nil where there is none.
func (s *Server) Get(kind string, key Key) client.Object { return s.objects[kind][key] }

// gvk returns the kind of an object by its Go type.
func (s *Server) gvk(obj runtime.Object) schema.GroupVersionKind {
	t := reflect.TypeOf(obj)
	if known, ok := s.kinds[t]; ok {
		return known
	}
	gvk, err := apiutil.GVKForObject(obj, s.scheme)
	if err != nil {
		panic(err)
	}
	s.kinds[t] = gvk
	return gvk
}

// Kind returns the kind of an object.
func (s *Server) Kind(obj runtime.Object) string { return s.gvk(obj).Kind }

func (s *Server) resource(obj runtime.Object) schema.GroupResource {
	gvk := s.gvk(obj)
	return schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}
}

func keyOf(obj client.Object) Key {
	return Key{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// create stores a new object and returns it.
func (s *Server) create(actor string, given client.Object) (client.Object, error) {
	obj := given.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
	kind := s.Kind(obj)
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		s.serial++
		obj.SetName(obj.GetGenerateName() + fmt.Sprintf("%05d", s.serial))
	}
	key := keyOf(obj)
	if obj.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if err := s.checkNamespace(obj); err != nil {
		return nil, err
	}
	if s.objects[kind][key] != nil {
		return nil, apierrors.NewAlreadyExists(s.resource(obj), key.Name)
	}
	setStatus(obj, nil)
	s.serial++
	obj.SetUID(types.UID(fmt.Sprintf("uid-%06d", s.serial)))
	obj.SetCreationTimestamp(metav1.NewTime(s.Now().Truncate(time.Second)))
	obj.SetDeletionTimestamp(nil)
	obj.SetGeneration(1)
	if err := s.admit(&Request{Actor: actor, Verb: Create, Kind: kind, Object: obj}); err != nil {
		return nil, err
	}
	s.store(actor, Create, kind, obj, nil)
	return obj, nil
}

// checkNamespace refuses what belongs into a namespace that is not there, or being deleted.
func (s *Server) checkNamespace(obj client.Object) error {
	if obj.GetNamespace() == "" {
		return nil
	}
	stored := s.objects["Namespace"][Key{Name: obj.GetNamespace()}]
	if stored == nil {
		return apierrors.NewNotFound(corev1.Resource("namespaces"), obj.GetNamespace())
	}
	if stored.GetDeletionTimestamp() != nil {
		return apierrors.NewForbidden(s.resource(obj), obj.GetName(),
			fmt.Errorf("unable to create new content in namespace %s because it is being terminated", obj.GetNamespace()))
	}
	return nil
}

func (s *Server) admit(request *Request) error {
	if s.Admit == nil {
		return nil
	}
	return s.Admit(request)
}

// find returns the stored object that a write is about, once its precondition holds.
func (s *Server) find(obj client.Object) (client.Object, error) {
	stored := s.objects[s.Kind(obj)][keyOf(obj)]
	if stored == nil {
		return nil, apierrors.NewNotFound(s.resource(obj), obj.GetName())
	}
	if uid := obj.GetUID(); uid != "" && uid != stored.GetUID() {
		return nil, s.conflict(obj, "the object has another uid")
	}
	if version := obj.GetResourceVersion(); version != "" && version != stored.GetResourceVersion() {
		return nil, s.conflict(obj, "the object has been modified; please apply your changes to the latest version and try again")
	}
	return stored, nil
}

func (s *Server) conflict(obj client.Object, why string) error {
	return apierrors.NewConflict(s.resource(obj), obj.GetName(), fmt.Errorf("%s", why))
}

// update replaces all but the status, or the status alone.
func (s *Server) update(actor string, given client.Object, status bool) (client.Object, error) {
	stored, err := s.find(given)
	if err != nil {
		return nil, err
	}
	kind := s.Kind(given)
	if status {
		obj := stored.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
		setStatus(obj, given.DeepCopyObject())
		return s.replace(actor, UpdateStatus, kind, obj, stored), nil
	}
	obj := given.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
	setStatus(obj, stored)
	obj.SetUID(stored.GetUID())
	obj.SetCreationTimestamp(stored.GetCreationTimestamp())
	obj.SetDeletionTimestamp(stored.GetDeletionTimestamp())
	obj.SetGeneration(stored.GetGeneration())
	if err := s.admit(&Request{Actor: actor, Verb: Update, Kind: kind, Object: obj, Old: stored}); err != nil {
		return nil, err
	}
	if !apiequality.Semantic.DeepEqual(field(obj, "Spec"), field(stored, "Spec")) {
		obj.SetGeneration(stored.GetGeneration() + 1)
	}
	return s.replace(actor, Update, kind, obj, stored), nil
}

// replace stores an object, unless nothing about it changed, and lets go of one that only waited for its finalizers.
func (s *Server) replace(actor string, verb Verb, kind string, obj, stored client.Object) client.Object {
	obj.SetResourceVersion(stored.GetResourceVersion())
	if apiequality.Semantic.DeepEqual(obj, stored) {
		return stored
	}
	if obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0 && kind != "Namespace" {
		s.store(actor, Delete, kind, obj, stored)
		return obj
	}
	s.store(actor, verb, kind, obj, stored)
	return obj
}

// remove deletes an object, or marks it where finalizers keep it. A Namespace stays until Finalize.
func (s *Server) remove(actor string, given client.Object) error {
	stored, err := s.find(given)
	if err != nil {
		return err
	}
	kind := s.Kind(given)
	if err := s.admit(&Request{Actor: actor, Verb: Delete, Kind: kind, Object: stored, Old: stored}); err != nil {
		return err
	}
	obj := stored.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
	if kind != "Namespace" && len(obj.GetFinalizers()) == 0 {
		s.store(actor, Delete, kind, obj, stored)
		return nil
	}
	if obj.GetDeletionTimestamp() == nil {
		now := metav1.NewTime(s.Now().Truncate(time.Second))
		obj.SetDeletionTimestamp(&now)
		s.store(actor, Update, kind, obj, stored)
	}
	return nil
}

// Finalize lets go of a Namespace that is empty.
func (s *Server) Finalize(actor, namespace string) {
	key := Key{Name: namespace}
	if stored := s.objects["Namespace"][key]; stored != nil {
		obj := stored.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
		s.store(actor, Delete, "Namespace", obj, stored)
	}
}

// store writes the journal and the state.
func (s *Server) store(actor string, verb Verb, kind string, obj, before client.Object) {
	number := s.Revision() + 1
	obj.SetResourceVersion(strconv.FormatInt(number, 10))
	key := keyOf(obj)
	delete(s.sorted, kind)
	if s.objects[kind] == nil {
		s.objects[kind] = map[Key]client.Object{}
	}
	if verb == Delete {
		delete(s.objects[kind], key)
	} else {
		s.objects[kind][key] = obj
	}
	if s.Compare {
		s.contents = append(s.contents, encode(obj))
	}
	s.byKind[kind] = append(s.byKind[kind], len(s.journal))
	s.journal = append(s.journal, Revision{
		Number: number, Time: s.Now(), Actor: actor, Horizon: s.horizon, Verb: verb, Kind: kind, Key: key, Object: obj, Before: before,
	})
}

// field returns a field of an object by name; nil where it has none.
func field(obj runtime.Object, name string) any {
	f := reflect.ValueOf(obj).Elem().FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return f.Interface()
}

// setStatus takes the status from another object; nil empties it.
func setStatus(obj, from runtime.Object) {
	to := reflect.ValueOf(obj).Elem().FieldByName("Status")
	switch {
	case !to.IsValid():
	case from == nil || reflect.ValueOf(from).IsNil():
		to.SetZero()
	default:
		to.Set(reflect.ValueOf(from).Elem().FieldByName("Status"))
	}
}
