package attacks_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// thing is an object of any kind. The tables write them in YAML, as people do.
type thing = *unstructured.Unstructured

// apiVersions of the kinds that attacks are about.
var apiVersions = map[string]string{
	"Namespace": "v1", "Pod": "v1", "PodTemplate": "v1", "ReplicationController": "v1", "ServiceAccount": "v1", "ConfigMap": "v1",
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
	"Job": "batch/v1", "CronJob": "batch/v1",
	"CustomResourceDefinition":         "apiextensions.k8s.io/v1",
	"ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
	"DeliveryPipeline":                 sluiceVersion, "Environment": sluiceVersion, "GateTemplate": sluiceVersion, "Promotion": sluiceVersion,
	"Approval": sluiceVersion, "ReleaseRecord": sluiceVersion,
}

const sluiceVersion = "sluice.dev/v1alpha1"

// the names an object; what is of the cluster has no namespace.
func the(kind, namespace, name string) thing {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(apiVersions[kind])
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// object reads an object from YAML.
func object(text string) thing { return &unstructured.Unstructured{Object: parse(text)} }

// with adds fields to an object.
func with(object thing, fields string) thing {
	more := object.DeepCopy()
	mergeInto(more.Object, parse(fields))
	return more
}

// runs is a workload of a kind, or a pod, whose pod spec is given in YAML.
func runs(kind, namespace, name, podSpec string) thing {
	object := the(kind, namespace, name)
	spec := parse(podSpec)
	template := map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": name}}, "spec": spec}
	selector := map[string]any{"matchLabels": map[string]any{"app": name}}
	switch kind {
	case "Pod":
		object.Object["spec"] = spec
	case "PodTemplate":
		object.Object["template"] = template
	case "ReplicationController":
		object.Object["spec"] = map[string]any{"replicas": int64(0), "selector": selector["matchLabels"], "template": template}
	case "DaemonSet":
		object.Object["spec"] = map[string]any{"selector": selector, "template": template}
	case "Job":
		spec["restartPolicy"] = "Never"
		object.Object["spec"] = map[string]any{"suspend": true, "template": template}
	case "CronJob":
		spec["restartPolicy"] = "Never"
		object.Object["spec"] = map[string]any{
			"schedule": "0 0 1 1 *", "suspend": true,
			"jobTemplate": map[string]any{"spec": map[string]any{"template": template}},
		}
	default:
		object.Object["spec"] = map[string]any{"replicas": int64(0), "selector": selector, "template": template}
	}
	return object
}

// one is the pod spec of one container.
func one(image string) string { return "containers: [{name: c, image: " + quoted(image) + "}]" }

func quoted(text string) string { return fmt.Sprintf("%q", text) }

// podSpecOf finds the pod spec of any kind.
func podSpecOf(fields map[string]any, kind string) map[string]any {
	path := map[string][]string{
		"Pod": {"spec"}, "PodTemplate": {"template", "spec"}, "CronJob": {"spec", "jobTemplate", "spec", "template", "spec"},
	}[kind]
	if path == nil {
		path = []string{"spec", "template", "spec"}
	}
	spec, found, err := unstructured.NestedFieldNoCopy(fields, path...)
	if err != nil || !found {
		return nil
	}
	fieldsOf, _ := spec.(map[string]any)
	return fieldsOf
}

// imagesOf are those of all containers.
func imagesOf(object thing) []string {
	var images []string
	spec := podSpecOf(object.Object, object.GetKind())
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			fields, _ := c.(map[string]any)
			images = append(images, fmt.Sprint(fields["image"]))
		}
	}
	return images
}

// setsImage changes the image of the first container.
func setsImage(object thing, image string) request {
	return edits("", object, func(fields map[string]any) {
		containers, _ := podSpecOf(fields, object.GetKind())["containers"].([]any)
		container, _ := containers[0].(map[string]any)
		container["image"] = fill(image)
	})
}

// like is an empty object of the same kind.
func like(object thing) thing {
	empty := &unstructured.Unstructured{}
	empty.SetGroupVersionKind(object.GroupVersionKind())
	return empty
}

// named is like, with the name.
func named(object thing) thing {
	n := like(object)
	n.SetNamespace(object.GetNamespace())
	n.SetName(object.GetName())
	return n
}

// stored is what is stored of an object, as text; "" where nothing is. The note of the pin, and what the cluster's
// controllers write at any time, are left out. Of things without a name, it is the list of the names that are there.
func stored(ctx context.Context, about thing) (string, error) {
	if about.GetName() == "" {
		return namesOf(ctx, about)
	}
	found := like(about)
	if err := root.Get(ctx, client.ObjectKeyFromObject(about), found); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	found.SetManagedFields(nil)
	found.SetResourceVersion("")
	unstructured.RemoveNestedField(found.Object, "metadata", "annotations", "sluice.dev/pinned")
	unstructured.RemoveNestedField(found.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	if len(found.GetAnnotations()) == 0 {
		found.SetAnnotations(nil)
	}
	if found.GroupVersionKind().Group == "apps" || about.GetKind() == "ReplicationController" {
		unstructured.RemoveNestedField(found.Object, "status")
		unstructured.RemoveNestedField(found.Object, "metadata", "generation") // a Deployment's counts annotations, too
	}
	text, err := yaml.Marshal(found.Object)
	return string(text), err
}

func namesOf(ctx context.Context, about thing) (string, error) {
	list := &unstructured.UnstructuredList{}
	kind := about.GroupVersionKind()
	kind.Kind += "List"
	list.SetGroupVersionKind(kind)
	if err := root.List(ctx, list, client.InNamespace(about.GetNamespace())); err != nil {
		return "", err
	}
	var names []string
	for n := range list.Items {
		names = append(names, list.Items[n].GetName())
	}
	slices.Sort(names)
	return strings.Join(names, "\n"), nil
}
