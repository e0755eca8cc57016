package admission_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A namespace with everything in it that is guarded can be deleted to the end by the cluster's own controllers.
func TestScenario40TerminatingNamespaces(t *testing.T) {
	name := inbox(t, "cluster-terminating", nil)
	create(t, MakeApproval(name, "release").Obj(), person("alice"))
	create(t, MakeRecord(name, "checkout-aaaaaaaa-00000"), theOperator())
	create(t, gateJob(name, "sl-eeeeeeeeeeeeeeeeeeee", api+"@"+current), theOperator())
	create(t, MakePod(api+":v5").Deployment(name, "api"), person("dave"))
	create(t, MakePromotion(name, "release").Label(v1alpha1.OutcomeLabel, "Failed").Obj())

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	attempt{as: with(t, "unlock", name), about: namespace, write: deletes(namespace)}.run(t)
	eventually(t, func() error { return gone(t.Context(), namespace) })
}

// Foreground deletion is Argo CD's default: the garbage collector takes its finalizer from guarded objects too.
func TestScenario40ForegroundAndOrphanDeletion(t *testing.T) {
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
		namespace := inbox(t, "cluster-"+map[bool]string{true: "foreground", false: "orphan"}[policy == metav1.DeletePropagationForeground], nil)
		approval, record := MakeApproval(namespace, "release").Named("signed").Obj(), MakeRecord(namespace, "checkout-aaaaaaaa-00000")
		create(t, approval, person("alice"))
		create(t, record, theOperator())
		gate, deployment := gateJob(namespace, "sl-ffffffffffffffffffff", api+"@"+current), MakePod(api+":v5").Deployment(namespace, "api")
		create(t, gate, theOperator())
		create(t, deployment, person("dave"))
		environment := MakeEnvironment(namespace, v1alpha1.TierProduction).Obj()
		holder := with(t, "unlock", namespace)
		for object, by := range map[client.Object]*actor{
			approval: holder, environment: holder, record: theOperator(), gate: theOperator(), deployment: person("dave"),
		} {
			t.Run(fmt.Sprintf("%s/%T", policy, object), func(t *testing.T) {
				if err := by.Delete(t.Context(), object, client.PropagationPolicy(policy)); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() error { return gone(t.Context(), object) })
			})
		}
	}
}

// What is rolled out goes on under the lock: the real Deployment controller scales old and new ReplicaSets.
func TestARolloutUnderTheLock(t *testing.T) {
	namespace := MakeNamespace("cluster-rollout", v1alpha1.LockEnforce).Note(v1alpha1.PinsAnnotation, api+"@"+previous).Obj()
	create(t, namespace)
	deployment := MakePod(api+":v1").Deployment(namespace.Name, "api")
	deployment.Spec.Replicas = nil
	create(t, deployment, person("dave"))
	images := func() (map[string]int, error) {
		pods := &corev1.PodList{}
		if err := admin.List(t.Context(), pods, client.InNamespace(namespace.Name)); err != nil {
			return nil, err
		}
		seen := map[string]int{}
		for n := range pods.Items {
			seen[pods.Items[n].Spec.Containers[0].Image]++
		}
		return seen, nil
	}
	eventually(t, func() error {
		seen, err := images()
		if err == nil && seen[api+"@"+previous] != 1 {
			err = fmt.Errorf("want one pod of the previous release, got %v", seen)
		}
		return err
	})
	namespace.Annotations[v1alpha1.PinsAnnotation] = api + "@" + current
	if err := merges(namespace, annotate(v1alpha1.PinsAnnotation, api+"@"+current))(t.Context(), theOperator()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return touch(t.Context(), deployment, "7f3a/checkout") })
	eventually(t, func() error {
		seen, err := images()
		if err == nil && seen[api+"@"+current] != 1 {
			err = fmt.Errorf("want one pod of the current release, got %v", seen)
		}
		return err
	})
}
