package attacks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-dev/sluice/test/controlplane"
)

// words stand in the scene and in the tables as $WORD. Names that the API server gives are added when it has.
var words = map[string]string{
	"API":   "registry.example.com/shop/api", // promoted by the pipeline
	"WEB":   "docker.io/shop/web",            // the same, in a registry with many names
	"TESTS": "registry.example.com/tests/load",
	// CURRENT runs in production, PREVIOUS may for a rollback, UNPROMOTED was never promoted.
	"CURRENT":    "sha256:" + strings.Repeat("a", 64),
	"PREVIOUS":   "sha256:" + strings.Repeat("0", 64),
	"UNPROMOTED": "sha256:" + strings.Repeat("e", 64),

	"RELEASE_HASH": strings.Repeat("b", 64), "EVIDENCE_HASH": strings.Repeat("c", 64), "OTHER_HASH": strings.Repeat("d", 64),
}

// fill puts the words in.
func fill(text string) string {
	return os.Expand(text, func(word string) string {
		value, known := words[word]
		if !known {
			panic("no word " + word) // a mistake in a table
		}
		return value
	})
}

// parse reads YAML with words in it.
func parse(text string) map[string]any {
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(fill(text)), &fields); err != nil {
		panic(fmt.Errorf("%w in\n%s", err, text)) // a mistake in a table
	}
	return fields
}

// kindsThatRun are the kinds of production's objects that hold an image; each has one, called live, in the scene.
var kindsThatRun = []string{
	"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "PodTemplate", "CronJob", "Job",
}

// setScene makes the scene, once: what is there is known, and nothing changes it but attacks that succeed.
func setScene(ctx context.Context) error {
	for _, file := range []string{"namespaces.yaml", "people.yaml", "shop.yaml"} {
		if err := play(ctx, file); err != nil {
			return err
		}
	}
	for _, kind := range kindsThatRun {
		if kind == "Pod" {
			continue // it stands in shop.yaml
		}
		if err := root.Create(ctx, runs(kind, "shop-prod", "live", one("$API@$CURRENT"))); err != nil {
			return fmt.Errorf("create %s live: %w", kind, err)
		}
	}
	if err := setMarkers(ctx); err != nil {
		return err
	}
	if err := awaitPolicies(ctx); err != nil {
		return err
	}
	return soon(ctx, "the scene to be still", func() error { return still(ctx) })
}

// play creates what a file says, in its order.
func play(ctx context.Context, file string) error {
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		return err
	}
	for _, document := range bytes.Split(data, []byte("\n---\n")) {
		object := &unstructured.Unstructured{Object: parse(string(document))}
		// Policies take effect some milliseconds late, and pods wait for the ServiceAccount of their namespace.
		err := soon(ctx, object.GetKind()+" "+object.GetName(), func() error { return enter(ctx, object.DeepCopy()) })
		if err != nil {
			return err
		}
	}
	return nil
}

// enter creates one object of the scene as whoever writes such things, and its status as the operator.
func enter(ctx context.Context, object thing) error {
	by := root
	if object.GetKind() == "ReleaseRecord" || strings.HasPrefix(object.GetName(), "sl-") {
		by = operator
	}
	status := object.Object["status"]
	if err := client.IgnoreAlreadyExists(by.Create(ctx, object)); err != nil {
		return err
	}
	if status != nil {
		if err := root.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		object.Object["status"] = status
		if err := operator.Status().Update(ctx, object); err != nil {
			return err
		}
	}
	if object.GetKind() == "Promotion" {
		words[strings.ReplaceAll(strings.ToUpper(object.GetName()), "-", "_")+"_UID"] = string(object.GetUID())
	}
	if object.GetKind() == "RoleBinding" || object.GetKind() == "ClusterRoleBinding" {
		return inForce(ctx, object)
	}
	return nil
}

// inForce is nil once RBAC grants what a binding says: each role reads pods or Environments.
func inForce(ctx context.Context, object thing) error {
	binding := &rbacv1.RoleBinding{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, binding); err != nil {
		return err
	}
	for _, subject := range binding.Subjects {
		name := subject.Name
		if subject.Kind == rbacv1.ServiceAccountKind {
			name = "system:serviceaccount:" + subject.Namespace + ":" + subject.Name
		}
		if allowed(ctx, name, object.GetNamespace(), "", "pods") != nil {
			if err := allowed(ctx, name, object.GetNamespace(), "sluice.dev", "environments"); err != nil {
				return err
			}
		}
	}
	return nil
}

func allowed(ctx context.Context, name, namespace, group, resource string) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               name,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Namespace: namespace, Group: group, Resource: resource},
	}}
	if err := root.Create(ctx, review); err != nil {
		return err
	}
	if !review.Status.Allowed {
		return fmt.Errorf("%s may not get %s in %q", name, resource, namespace)
	}
	return nil
}

// still is nil once the cluster's controllers have nothing left to do, and admission sees what waits for sign-off.
func still(ctx context.Context) error {
	pods := &corev1.PodList{}
	if err := root.List(ctx, pods, client.InNamespace("shop-test")); err != nil {
		return err
	}
	found := false
	for n := range pods.Items {
		pod := &pods.Items[n]
		if pod.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("pod %s/%s is %s", pod.Namespace, pod.Name, pod.Status.Phase)
		}
		if pod.Labels["sluice.dev/gate"] != "" {
			words["GATE_POD"], words["GATE_JOB_UID"] = pod.Name, pod.Labels["batch.kubernetes.io/controller-uid"]
			found = true
		}
	}
	if !found {
		return errors.New("the gate's Job has no pod")
	}
	job := like(the("Job", "", ""))
	if err := root.Get(ctx, client.ObjectKey{Namespace: "shop-test", Name: gateJob}, job); err != nil {
		return err
	}
	if ready, _, _ := unstructured.NestedInt64(job.Object, "status", "ready"); ready != 1 {
		return errors.New("the gate's Job does not know yet that its pod is ready")
	}
	for _, promotion := range []string{"release", "by-bot"} {
		if err := alice.Create(ctx, approval("probe", promotion, ""), client.DryRunAll); err != nil {
			return err
		}
	}
	return nil
}

const gateJob = "sl-00000000000000000000"

// approval signs one of the promotions that wait, as the scene has them, with fields of the spec changed.
func approval(name, promotion, changed string) thing {
	object := the("Approval", "shop-prod", name)
	if name == "" {
		object.SetGenerateName(promotion + "-")
	}
	uid := "$" + strings.ReplaceAll(strings.ToUpper(promotion), "-", "_") + "_UID"
	object.Object["spec"] = parse(`{promotionRef: {namespace: shop, name: ` + promotion + `, uid: "` + uid + `"},
		releaseHash: $RELEASE_HASH, evidenceHash: $EVIDENCE_HASH, decision: Approved}`)
	spec, _ := object.Object["spec"].(map[string]any)
	mergeInto(spec, parse(changed))
	return object
}

// soon looks again until check returns nil.
func soon(ctx context.Context, what string, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return controlplane.Until(ctx, what, check)
}

// sluicePolicies returns the names of the policies that are installed, with the bindings of each.
func sluicePolicies(ctx context.Context) (map[string][]thing, error) {
	policies := map[string][]thing{}
	for _, kind := range []string{"ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"} {
		for suffix, each := range map[string]func(thing){
			"List": func(policy thing) { policies[policy.GetName()] = policies[policy.GetName()] },
			"BindingList": func(binding thing) {
				name, _, _ := unstructured.NestedString(binding.Object, "spec", "policyName")
				policies[name] = append(policies[name], binding)
			},
		} {
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion("admissionregistration.k8s.io/v1")
			list.SetKind(kind + suffix)
			if err := root.List(ctx, list, client.MatchingLabels{"app.kubernetes.io/part-of": "sluice"}); err != nil {
				return nil, err
			}
			for n := range list.Items {
				each(&list.Items[n])
			}
		}
	}
	if len(policies) == 0 {
		return nil, errors.New("no policies are installed")
	}
	return policies, nil
}
