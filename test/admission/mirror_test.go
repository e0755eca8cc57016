package admission_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const mirror = "mirror.example.com/eu/api"

// mirrored makes a Namespace in which api is pulled from a mirror: the list holds what is pulled, and nothing else.
func mirrored(name string, lock v1alpha1.Lock) namespaceBuilder {
	return MakeNamespace(name, lock).
		Note(v1alpha1.ImagesAnnotation, mirror+"@"+current+" "+mirror+"@"+previous+" "+worker+"@"+current).
		Note(v1alpha1.PinsAnnotation, api+"="+mirror+"@"+current+" "+worker+"@"+current).
		Note(v1alpha1.MirrorsAnnotation, api+"="+mirror)
}

// Whichever name is asked for, the digest is pulled from the mirror.
func TestPinAndMirror(t *testing.T) {
	namespace := mirrored("mirror-pin", v1alpha1.LockEnforce).Obj()
	create(t, namespace)
	dave := person("dave")
	for form, image := range map[string]string{
		"tag": api + ":v5", "bare": api, "digest": api + "@" + unpromoted, "both": api + ":v5@" + current, "case": "Registry.Example.com:443/shop/api:v5",
		"mirror-tag": mirror + ":v5", "mirror-digest": mirror + "@" + unpromoted, "mirror-case": "MIRROR.example.com/eu/api",
	} {
		for kind, object := range MakePod(image).Init(worker+":v5").workloads(namespace.Name, form) {
			t.Run(kind+"/"+image, func(t *testing.T) {
				attempt{as: dave, write: creates(object), about: object, says: " -> " + current}.run(t)
				wantImage(t, object, mirror+"@"+current)
				if kind == "jobs" { // and again: a Job keeps what it runs, under whichever name
					if err := apply(t.Context(), person("helm"), copyOf(object), "helm"); err != nil {
						t.Fatal(err)
					}
					wantImage(t, object, mirror+"@"+current)
				}
			})
		}
	}
	for name, image := range map[string]string{"own-name": api + ":v5", "mirror-name": mirror + ":v5"} {
		pod := MakePod(image).Pod(namespace.Name, name)
		attempt{name: name, as: dave, write: creates(pod), about: pod, says: notAsAsked}.run(t)
		wantImage(t, pod, mirror+"@"+current)
	}
}

func TestLockAndMirror(t *testing.T) {
	dave := person("dave")
	for _, unmanaged := range []v1alpha1.UnmanagedImages{v1alpha1.UnmanagedDeny, v1alpha1.UnmanagedAllow} {
		namespace := mirrored("mirror-lock-"+strings.ToLower(string(unmanaged)), v1alpha1.LockEnforce).Note(v1alpha1.UnmanagedAnnotation, string(unmanaged)).Obj()
		create(t, namespace)
		for name, c := range map[string]struct {
			image string
			in    bool
		}{
			"mirror":            {mirror + "@" + current, true},
			"mirror-before":     {mirror + "@" + previous, true},
			"mirror-unpromoted": {mirror + "@" + unpromoted, false},
			"own-name":          {api + "@" + current, false},
			"not-mirrored":      {worker + "@" + current, true},
			"mirror-upper-case": {"MIRROR.example.com/eu/api@" + unpromoted, false},
			"beside-the-mirror": {"mirror.example.com/eu/other@" + current, unmanaged == v1alpha1.UnmanagedAllow},
		} {
			pod := MakePod(c.image).Pod(namespace.Name, name)
			a := attempt{name: namespace.Name + "/" + name, as: dave, write: creates(pod), about: pod}
			if !c.in {
				a.policy, a.says = "sluice-lock", "refused: "+c.image
			}
			t.Run(a.name, a.run)
		}
	}
}

// Before the first promotion, templates may name the repository or its mirror; pods may not.
func TestUnopenedMirror(t *testing.T) {
	namespace := mirrored("mirror-unopened", v1alpha1.LockEnforce).
		Note(v1alpha1.ImagesAnnotation, worker+"@"+current).Note(v1alpha1.PinsAnnotation, worker+"@"+current).Obj()
	create(t, namespace)
	dave := person("dave")
	for name, image := range map[string]string{"own": api + ":v1", "mirror": mirror + ":v1"} {
		deployment, pod := MakePod(image).Deployment(namespace.Name, name), MakePod(image).Pod(namespace.Name, name)
		try(t, []attempt{
			{name: name + " template", as: dave, write: creates(deployment), about: deployment},
			{name: name + " pod", as: dave, write: creates(pod), about: pod, policy: "sluice-lock", says: "refused: " + image},
		})
		wantImage(t, deployment, image)
	}
}

// A mirror that is named later moves nothing that runs: what was adopted keeps its registry, what was pinned its pin.
func TestAMirrorThatComesLater(t *testing.T) {
	namespace := MakeNamespace("mirror-later", v1alpha1.LockEnforce).
		Note(v1alpha1.MirrorsAnnotation, api+"="+mirror).
		Note(v1alpha1.AdoptedAnnotation, api+":v0-lts="+previous).Obj()
	create(t, namespace)
	flux := serviceAccount("flux-system", "kustomize-controller")
	for name, c := range map[string]struct{ image, want string }{
		"adopted":  {api + ":v0-lts", api + "@" + previous},
		"own-name": {api + ":v5", api + "@" + current},
		"mirror":   {mirror + ":v5", api + "@" + current},
	} {
		pod, deployment := MakePod(c.image).Pod(namespace.Name, name), MakePod(c.image).Deployment(namespace.Name, name)
		for _, object := range []client.Object{pod, deployment} {
			attempt{name: name, as: flux, write: creates(object), about: object}.run(t)
			wantImage(t, object, c.want)
		}
	}
	// The next promotion pins the mirror, and its touch moves the workloads.
	promoted := mirrored(namespace.Name, v1alpha1.LockEnforce).Obj()
	if err := merges(namespace, func(o client.Object) { o.SetAnnotations(promoted.Annotations) })(t.Context(), theOperator()); err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{ObjectMeta: named(namespace.Name, "own-name")}
	eventually(t, func() error {
		err := merges(deployment, func(o client.Object) { annotate(v1alpha1.ReleaseAnnotation, "7f3a/"+o.GetResourceVersion())(o) })(t.Context(), theOperator())
		if err != nil {
			return err
		}
		if got := imageOf(t, deployment); got != mirror+"@"+current {
			return &unlike{got: got, want: mirror + "@" + current}
		}
		return nil
	})
}

// By hand, with the operator down, the canonical name may be left out.
func TestPinsOfAMirrorByHand(t *testing.T) {
	namespace := mirrored("mirror-by-hand", v1alpha1.LockEnforce).Note(v1alpha1.PinsAnnotation, mirror+"@"+previous).Obj()
	create(t, namespace)
	for name, image := range map[string]string{"own": api + ":v5", "mirror": mirror + ":v5"} {
		deployment := MakePod(image).Deployment(namespace.Name, name)
		create(t, deployment, person("dave"))
		wantImage(t, deployment, mirror+"@"+previous)
	}
}
