package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// attempt is one write of one actor, and the answer that the API server has to give.
type attempt struct {
	name string
	as   *actor
	// write is tried by as.
	write func(context.Context, client.Client) error
	// policy that refuses it; "" lets it through.
	policy string
	// says is what the answer has to tell: of a refusal, what to do instead.
	says string
	// about is what must not change where the write is refused, and exists where it is let through.
	about client.Object
}

func try(t *testing.T, attempts []attempt) {
	t.Helper()
	for _, a := range attempts {
		t.Run(a.name, a.run)
	}
}

func (a attempt) run(t *testing.T) {
	before := stored(t, a.about)
	a.as.heard.Take()
	err := a.write(t.Context(), a.as)
	if a.policy == "" {
		if err != nil {
			t.Fatalf("%s: must be let through: %v", a.as.name, err)
		}
		if heard := a.as.heard.Take(); !strings.Contains(heard, a.says) {
			t.Fatalf("warned %q, want %q", heard, a.says)
		}
		return
	}
	refused(t, err, a.policy, a.says)
	if after := stored(t, a.about); after != before {
		t.Fatalf("refused, and yet it changed from\n%s\nto\n%s", before, after)
	}
}

// suffix of the policies' names: they are shipped in a static form too (static_test.go).
var suffix string

// refused fails the test unless err is 403 of that policy, and says what to do.
func refused(t *testing.T, err error, policy, says string) {
	t.Helper()
	if err := refusal(err, policy, says); err != nil {
		t.Fatal(err)
	}
}

func refusal(err error, policy, says string) error {
	policy += suffix
	switch {
	case err == nil:
		return fmt.Errorf("let through; %s must refuse it", policy)
	case !apierrors.IsForbidden(err):
		return fmt.Errorf("want 403 of %s, got %w", policy, err)
	case !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+policy+"'"):
		return fmt.Errorf("want a refusal of %s, got %w", policy, err)
	case !strings.Contains(err.Error(), says):
		return fmt.Errorf("the refusal does not say %q: %w", says, err)
	}
	return nil
}

// stored returns what is stored, "" where nothing is, without what the cluster's controllers write.
func stored(t *testing.T, object client.Object) string {
	t.Helper()
	if object == nil || object.GetName() == "" {
		return ""
	}
	found := copyOf(object)
	err := admin.Get(t.Context(), client.ObjectKeyFromObject(object), found)
	if apierrors.IsNotFound(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	found.SetResourceVersion("")
	found.SetManagedFields(nil)
	notes := found.GetAnnotations()
	delete(notes, "deployment.kubernetes.io/revision")
	if len(notes) == 0 {
		found.SetAnnotations(nil)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(found)
	if err != nil {
		t.Fatal(err)
	}
	delete(fields, "status")
	text, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// as returns the object as what it is known to be.
func as[T any](object any) T {
	typed, ok := object.(T)
	if !ok {
		panic(fmt.Sprintf("%T is no %T", object, typed)) // a mistake in the test
	}
	return typed
}

func copyOf[T client.Object](object T) T { return as[T](object.DeepCopyObject()) }

// on returns a change of one kind of object.
func on[T client.Object](change func(T)) func(client.Object) {
	return func(object client.Object) { change(as[T](object)) }
}

// create is part of the scene: the administrator makes it, or who is named.
func create(t *testing.T, object client.Object, by ...*actor) {
	t.Helper()
	for _, creator := range append(by, admin)[:1] {
		if err := creator.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// creates is a write that makes a copy of the object.
func creates(object client.Object) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error { return c.Create(ctx, copyOf(object)) }
}

// deletes is a write that removes the object.
func deletes(object client.Object) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error { return c.Delete(ctx, copyOf(object)) }
}

// ways tries the same change in each way that the API offers: PUT, merge patch, JSON patch and forced apply.
func ways(object client.Object, change func(client.Object)) map[string]func(context.Context, client.Client) error {
	return map[string]func(context.Context, client.Client) error{
		"PUT": changes(object, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.Update(ctx, wanted)
		}),
		"merge patch": changes(object, change, func(ctx context.Context, c client.Client, was, wanted client.Object) error {
			return c.Patch(ctx, wanted, client.MergeFrom(was))
		}),
		"JSON patch": changes(object, change, func(ctx context.Context, c client.Client, was, wanted client.Object) error {
			patch, err := jsonPatch(was, wanted)
			if err != nil {
				return err
			}
			return c.Patch(ctx, wanted, client.RawPatch(types.JSONPatchType, patch))
		}),
		"apply with force": changes(object, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return apply(ctx, c, wanted, "somebody")
		}),
	}
}

// changes reads the object as it is stored, changes a copy, and sends it.
func changes(object client.Object, change func(client.Object),
	send func(ctx context.Context, c client.Client, was, wanted client.Object) error,
) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error {
		return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			was := copyOf(object)
			if err := admin.Get(ctx, client.ObjectKeyFromObject(object), was); err != nil {
				return err
			}
			wanted := copyOf(was)
			change(wanted)
			return send(ctx, c, was, wanted)
		})
	}
}

// merges is the change as a merge patch.
func merges(object client.Object, change func(client.Object)) func(context.Context, client.Client) error {
	return ways(object, change)["merge patch"]
}

// tryWays is one attempt in each of the ways.
func tryWays(t *testing.T, a attempt, change func(client.Object)) {
	t.Helper()
	for way, write := range ways(a.about, change) {
		one := a
		one.name, one.write = a.name+" by "+way, write
		t.Run(one.name, one.run)
	}
}

// jsonPatch writes what differs, but for status: each part of the object, and of its metadata.
func jsonPatch(was, wanted client.Object) ([]byte, error) {
	from, err := runtime.DefaultUnstructuredConverter.ToUnstructured(was)
	if err != nil {
		return nil, err
	}
	to, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return nil, err
	}
	operations := append(differences("", from, to), differences("/metadata", metadataOf(from), metadataOf(to))...)
	return json.Marshal(operations)
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func differences(path string, from, to map[string]any) []operation {
	var operations []operation
	for key, value := range to {
		if key != "metadata" && key != "status" && !reflect.DeepEqual(value, from[key]) {
			operations = append(operations, operation{Op: "add", Path: path + "/" + key, Value: value})
		}
	}
	for key := range from {
		if _, kept := to[key]; !kept {
			operations = append(operations, operation{Op: "remove", Path: path + "/" + key})
		}
	}
	return operations
}

func metadataOf(object map[string]any) map[string]any {
	metadata, found := object["metadata"].(map[string]any)
	if !found {
		return nil
	}
	return metadata
}

// apply sends the object by server-side apply with force, as a GitOps tool does.
func apply(ctx context.Context, c client.Client, object client.Object, owner string) error {
	kind, err := apiutil.GVKForObject(object, scheme)
	if err != nil {
		return err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	fields["apiVersion"], fields["kind"] = kind.GroupVersion().String(), kind.Kind
	delete(fields, "status")
	for _, key := range []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"} {
		delete(metadataOf(fields), key)
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return c.Patch(ctx, copyOf(object), client.RawPatch(types.ApplyPatchType, data), client.FieldOwner(owner), client.ForceOwnership)
}

// canI is nil once the API server grants the verb on the Environment of the namespace.
func canI(ctx context.Context, a *actor, verb, namespace string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: "sluice.dev", Resource: "environments", Name: "environment", Namespace: namespace, Verb: verb,
		},
	}}
	if err := a.Create(ctx, review); err != nil {
		return err
	}
	if !review.Status.Allowed {
		return fmt.Errorf("%s does not hold %s in %s", a.name, verb, namespace)
	}
	return nil
}
