package admission_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A GitOps tool applies `:v1` again and again, whatever is promoted: it gets no conflict, and changes nothing.
func TestServerSideApplyOfATagIsQuiet(t *testing.T) {
	namespace := MakeNamespace("gitops-quiet", v1alpha1.LockEnforce).Note(v1alpha1.PinsAnnotation, api+"@"+previous).Obj()
	create(t, namespace)
	manifest := MakePod(api+":v1").Deployment(namespace.Name, "api")
	flux := serviceAccount("flux-system", "kustomize-controller")
	applied := func() *appsv1.Deployment {
		t.Helper()
		if err := apply(t.Context(), flux, copyOf(manifest), "kustomize-controller"); err != nil {
			t.Fatalf("the tool may apply what it likes: %v", err)
		}
		stored := &appsv1.Deployment{}
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(manifest), stored); err != nil {
			t.Fatal(err)
		}
		return stored
	}
	applied()
	wantImage(t, manifest, api+"@"+previous)

	// A promotion: the pin moves, the operator touches. The tool goes on as before.
	namespace.Annotations[v1alpha1.PinsAnnotation] = api + "@" + current
	if err := admin.Update(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return touch(t.Context(), manifest, "7f3a/checkout") })
	first := applied()
	flux.heard.Take()
	for range 5 {
		again := applied()
		if again.Generation != first.Generation {
			t.Fatalf("generation went from %d to %d", first.Generation, again.Generation)
		}
		if heard := flux.heard.Take(); heard != "" {
			t.Fatalf("said again: %s", heard)
		}
	}
	wantImage(t, manifest, api+"@"+current)
	if note := noteOf(t, manifest); note != "c: :v1 -> "+current {
		t.Fatalf("the note says %q", note)
	}
}

// An older tag or digest in Git does not roll back, and a container that Git renames is not left behind.
func TestGitIsNoWayAroundAPromotion(t *testing.T) {
	namespace := locked(t, "gitops-rename")
	flux := serviceAccount("flux-system", "kustomize-controller")
	manifest := MakePod(api+":v1").Deployment(namespace, "api")
	renamed := copyOf(manifest)
	renamed.Spec.Template.Spec.Containers[0].Name = "web"
	renamed.Spec.Template.Spec.Containers[0].Image = api + "@" + previous
	for _, object := range []client.Object{manifest, renamed} {
		if err := apply(t.Context(), flux, copyOf(object), "kustomize-controller"); err != nil {
			t.Fatal(err)
		}
	}
	stored := &appsv1.Deployment{}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(manifest), stored); err != nil {
		t.Fatal(err)
	}
	containers := stored.Spec.Template.Spec.Containers
	if len(containers) != 1 || containers[0].Name != "web" || containers[0].Image != api+"@"+current {
		t.Fatalf("want one container, web, at the pin; got %v", containers)
	}
}

// Adoption restarts nothing: what a container had stays, and Git may apply it again.
func TestScenario3Adoption(t *testing.T) {
	namespace := open(t, "gitops-adopt")
	flux := serviceAccount("flux-system", "kustomize-controller")
	lts, v1 := MakePod(api+":v0-lts").Deployment(namespace, "lts"), MakePod(api+":v1").Deployment(namespace, "v1")
	for _, object := range []client.Object{lts, v1} {
		if err := apply(t.Context(), flux, copyOf(object), "kustomize-controller"); err != nil {
			t.Fatal(err)
		}
	}
	lock(t, namespace)
	adopt(t, namespace, api+":v0-lts="+previous)
	for object, image := range map[client.Object]string{lts: api + ":v0-lts", v1: api + ":v1"} {
		attempt{
			name: "applied again, and stays", as: flux, about: object, says: "",
			write: merges(object, annotate("git", "2")),
		}.run(t)
		wantImage(t, object, image)
	}

	t.Run("an adopted string has its own digest elsewhere, any other has the pin", func(t *testing.T) {
		for image, want := range map[string]string{":v0-lts": previous, ":v1": current} {
			pod := MakePod(api+image).Pod(namespace, "pod"+strings.ReplaceAll(image, ":", "-"))
			attempt{as: controller("replicaset-controller"), write: creates(pod), about: pod}.run(t)
			wantImage(t, pod, api+"@"+want)
			set := MakePod(api+image).StatefulSet(namespace, "set"+strings.ReplaceAll(image, ":", "-"))
			create(t, set)
			wantImage(t, set, api+"@"+want)
		}
	})
	t.Run("the first promotion brings one digest for all, and Git does not bring the adopted one back", func(t *testing.T) {
		for _, object := range []client.Object{lts, v1} {
			if err := touch(t.Context(), object, "7f3a/checkout"); err != nil {
				t.Fatal(err)
			}
			if err := apply(t.Context(), flux, copyOf(object), "kustomize-controller"); err != nil {
				t.Fatal(err)
			}
			wantImage(t, object, api+"@"+current)
		}
	})
}

// Somebody else's workload: the operator does not touch it, and where the lock is Off the pin does not either.
func TestScenario44Ignore(t *testing.T) {
	off, enforced := MakeNamespace("ignore-off", v1alpha1.LockOff).Obj(), MakeNamespace("ignore-locked", v1alpha1.LockEnforce).Obj()
	create(t, off)
	create(t, enforced)
	dave := person("dave")
	for kind, object := range MakePod(api+":branch").workloads(off.Name, "blue") {
		t.Run(kind, func(t *testing.T) {
			ignored := copyOf(object)
			annotate(v1alpha1.DeliveryAnnotation, v1alpha1.DeliveryIgnore)(ignored)
			attempt{as: dave, write: creates(ignored), about: ignored}.run(t)
			wantImage(t, ignored, api+":branch")
			twin := copyOf(object)
			twin.SetName("green")
			create(t, twin)
			wantImage(t, twin, api+"@"+current)
		})
	}
	t.Run("its pods are left alone as well", func(t *testing.T) {
		blue := &appsv1.Deployment{}
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: off.Name, Name: "blue"}, blue); err != nil {
			t.Fatal(err)
		}
		pod := MakePod(api+":branch").Pod(off.Name, "blue-pod")
		pod.Annotations = blue.Spec.Template.Annotations
		attempt{as: controller("replicaset-controller"), write: creates(pod), about: pod}.run(t)
		wantImage(t, pod, api+":branch")
	})
	t.Run("the lock applies to it", func(t *testing.T) {
		ignored := MakePod(api+":branch").Deployment(enforced.Name, "blue")
		annotate(v1alpha1.DeliveryAnnotation, v1alpha1.DeliveryIgnore)(ignored)
		attempt{as: dave, write: creates(ignored), about: ignored, says: notAsAsked}.run(t)
		wantImage(t, ignored, api+"@"+current)
		foreign := MakePod("nginx:1").Deployment(enforced.Name, "foreign")
		annotate(v1alpha1.DeliveryAnnotation, v1alpha1.DeliveryIgnore)(foreign)
		attempt{as: dave, write: creates(foreign), about: foreign, policy: "sluice-lock", says: bringItIn}.run(t)
	})
}
