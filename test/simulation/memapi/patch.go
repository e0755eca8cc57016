package memapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// metadataPatch is a merge patch of labels and annotations alone: by far the most frequent one, and worth a short cut.
type metadataPatch struct {
	Metadata struct {
		ResourceVersion string             `json:"resourceVersion"`
		UID             string             `json:"uid"`
		Labels          map[string]*string `json:"labels"`
		Annotations     map[string]*string `json:"annotations"`
	} `json:"metadata"`
}

func (s *Server) patch(actor string, given client.Object, patch client.Patch, status bool) (client.Object, error) {
	if patch.Type() != patchType {
		return nil, fmt.Errorf("%w: patch of type %s", ErrUnsupported, patch.Type())
	}
	body, err := patch.Data(given)
	if err != nil {
		return nil, err
	}
	stored := s.objects[s.Kind(given)][keyOf(given)]
	if stored == nil {
		return nil, s.notFound(given)
	}
	patched, err := merge(stored, body)
	if err != nil {
		return nil, err
	}
	if !changesVersion(body) {
		patched.SetResourceVersion("")
	}
	return s.update(actor, patched, status)
}

func (s *Server) notFound(obj client.Object) error {
	_, err := s.find(obj)
	return err
}

// changesVersion says whether a patch carries a precondition.
func changesVersion(body []byte) bool { return bytes.Contains(body, []byte(`"resourceVersion"`)) }

func merge(stored client.Object, body []byte) (client.Object, error) {
	var quick metadataPatch
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&quick) == nil {
		return mergeMetadata(stored, quick), nil
	}
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, body)
	if err != nil {
		return nil, err
	}
	patched := stored.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
	reflect.ValueOf(patched).Elem().SetZero()
	return patched, json.Unmarshal(after, patched)
}

func mergeMetadata(stored client.Object, patch metadataPatch) client.Object {
	patched := stored.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
	m := patch.Metadata
	if m.ResourceVersion != "" {
		patched.SetResourceVersion(m.ResourceVersion)
	}
	patched.SetLabels(mergeMap(patched.GetLabels(), m.Labels))
	patched.SetAnnotations(mergeMap(patched.GetAnnotations(), m.Annotations))
	return patched
}

func mergeMap(values map[string]string, patch map[string]*string) map[string]string {
	for key, value := range patch {
		if value == nil {
			delete(values, key)
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		values[key] = *value
	}
	return values
}
