package attacks_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// request is one thing that somebody wants of the API server, in every way that could carry it.
type request []way

// way is one verb, or one form of a patch.
type way struct {
	verb string
	// about is what would change; without a name, all objects of its kind in its namespace.
	about thing
	// send does it, and returns the object as the API server answered.
	send func(ctx context.Context, c client.Client) (thing, error)
}

// by keeps the ways with these verbs.
func (r request) by(verbs ...string) request {
	return slices.DeleteFunc(slices.Clone(r), func(w way) bool { return !slices.Contains(verbs, w.verb) })
}

// and adds the ways of another request: the same intent, by other means.
func (r request) and(others ...request) request {
	return slices.Concat(append([]request{r}, others...)...)
}

// somebody is the field manager of what is applied; at is that of somebody at a terminal, who types kubectl edit.
const (
	somebody = client.FieldOwner("somebody")
	at       = client.FieldOwner("kubectl-edit")
)

// creates makes an object: by POST, and by server-side apply.
func creates(object thing) request {
	ways := request{{verb: "create", about: object, send: func(ctx context.Context, c client.Client) (thing, error) {
		made := object.DeepCopy()
		return made, c.Create(ctx, made)
	}}}
	if object.GetName() == "" {
		return ways // what is applied has a name
	}
	return append(ways, way{verb: "apply with force", about: object, send: func(ctx context.Context, c client.Client) (thing, error) {
		made := named(object)
		return made, c.Patch(ctx, made, applied{object}, somebody, client.ForceOwnership)
	}})
}

// changes alters an object that is there, as a merge patch in YAML says.
func changes(object thing, merge string) request { return changesThrough("", object, merge) }

// changesThrough does it through a subresource.
func changesThrough(subresource string, object thing, merge string) request {
	ways := edits(subresource, object, func(fields map[string]any) { mergeInto(fields, parse(merge)) })
	if strings.Contains(merge, "null") { // server-side apply cannot remove what others own
		ways = slices.DeleteFunc(ways, func(w way) bool { return w.verb == "apply with force" })
	}
	return ways
}

// edits alters an object that is there: by PUT, by each kind of patch that the API offers for it, and by server-side
// apply with force.
func edits(subresource string, object thing, edit func(fields map[string]any)) request {
	c := change{object: object, subresource: subresource, edit: edit}
	ways := request{
		{verb: "PUT", about: object, send: c.put},
		{verb: "merge patch", about: object, send: c.patch(types.MergePatchType)},
		{verb: "JSON patch", about: object, send: c.patch(types.JSONPatchType)},
	}
	if !strings.Contains(object.GroupVersionKind().Group, "sluice.dev") {
		ways = append(ways, way{verb: "strategic merge patch", about: object, send: c.patch(types.StrategicMergePatchType)})
	}
	return append(ways, way{verb: "apply with force", about: object, send: c.apply})
}

// deletes removes an object: alone, and as one of all.
func deletes(object thing) request {
	ways := request{{verb: "delete", about: object, send: func(ctx context.Context, c client.Client) (thing, error) {
		return nil, c.Delete(ctx, named(object))
	}}}
	if object.GetKind() == "Namespace" {
		return ways // namespaces have no deletecollection
	}
	return append(ways, way{verb: "deletecollection", about: object, send: func(ctx context.Context, c client.Client) (thing, error) {
		return nil, c.DeleteAllOf(ctx, like(object), client.InNamespace(object.GetNamespace()),
			client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", object.GetName())})
	}})
}

// change is a change of an object, or of one of its subresources, to be sent in different forms.
type change struct {
	object      thing
	subresource string
	edit        func(fields map[string]any)
}

// wanted returns the object as it is stored, and as it is wanted.
func (c change) wanted(ctx context.Context) (was, wanted thing, err error) {
	was = like(c.object)
	if err := root.Get(ctx, client.ObjectKeyFromObject(c.object), was); err != nil {
		return nil, nil, err
	}
	wanted = was.DeepCopy()
	c.edit(wanted.Object)
	return was, wanted, nil
}

func (c change) put(ctx context.Context, as client.Client) (answer thing, err error) {
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if _, answer, err = c.wanted(ctx); err != nil {
			return err
		}
		if c.subresource != "" {
			return as.SubResource(c.subresource).Update(ctx, answer, at)
		}
		return as.Update(ctx, answer, at)
	})
	return answer, err
}

func (c change) patch(kind types.PatchType) func(context.Context, client.Client) (thing, error) {
	return func(ctx context.Context, as client.Client) (thing, error) {
		was, wanted, err := c.wanted(ctx)
		if err != nil {
			return nil, err
		}
		body, err := difference(kind, was, wanted)
		if err != nil {
			return nil, err
		}
		answer := named(c.object)
		if c.subresource != "" {
			return answer, as.SubResource(c.subresource).Patch(ctx, answer, client.RawPatch(kind, body), at)
		}
		return answer, as.Patch(ctx, answer, client.RawPatch(kind, body), at)
	}
}

func (c change) apply(ctx context.Context, as client.Client) (thing, error) {
	_, wanted, err := c.wanted(ctx)
	if err != nil {
		return nil, err
	}
	answer := named(c.object)
	if c.subresource != "" {
		return answer, as.SubResource(c.subresource).Patch(ctx, answer, applied{wanted}, somebody, client.ForceOwnership)
	}
	return answer, as.Patch(ctx, answer, applied{wanted}, somebody, client.ForceOwnership)
}

// difference is the body of a patch. A merge patch that names whole lists is a strategic one, too.
func difference(kind types.PatchType, was, wanted thing) ([]byte, error) {
	before, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	merge, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil || kind != types.JSONPatchType {
		return merge, err
	}
	differs := map[string]any{}
	if err := json.Unmarshal(merge, &differs); err != nil {
		return nil, err
	}
	return json.Marshal(operations("", was.Object, differs))
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// operations are what a merge patch says, as a JSON patch of what is stored.
func operations(path string, was, merge map[string]any) []operation {
	var list []operation
	for _, key := range slices.Sorted(maps.Keys(merge)) {
		here := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		inner, deeper := merge[key].(map[string]any)
		old, there := was[key].(map[string]any)
		switch {
		case merge[key] == nil:
			list = append(list, operation{Op: "remove", Path: here})
		case deeper && there:
			list = append(list, operations(here, old, inner)...)
		default:
			list = append(list, operation{Op: "add", Path: here, Value: merge[key]})
		}
	}
	return list
}

// mergeInto applies a merge patch.
func mergeInto(fields, merge map[string]any) {
	for key, value := range merge {
		inner, deeper := value.(map[string]any)
		old, there := fields[key].(map[string]any)
		switch {
		case value == nil:
			delete(fields, key)
		case deeper && there:
			mergeInto(old, inner)
		default:
			fields[key] = value
		}
	}
}

// applied is the body of a server-side apply: the object without what the API server writes. It is a client.Patch.
type applied struct{ object thing }

// Type implements client.Patch.
func (applied) Type() types.PatchType { return types.ApplyPatchType }

// Data implements client.Patch.
func (a applied) Data(client.Object) ([]byte, error) {
	body := a.object.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(body.Object, "metadata", field)
	}
	return json.Marshal(body)
}
