package admission_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const bringItIn = "Bring an image in with a Promotion"

func TestLockOnEveryKind(t *testing.T) {
	namespace := locked(t, "lock-kinds")
	somebody := person("mallory")
	for kind, object := range MakePod("docker.io/attacker/x:1").kinds(namespace, "foreign") {
		attempt{
			name: kind, as: somebody, write: creates(object), about: object,
			policy: "sluice-lock", says: "refused: docker.io/attacker/x:1. " + bringItIn,
		}.run(t)
	}
	for kind, object := range MakePod(api+"@"+current).kinds(namespace, "promoted") {
		attempt{name: kind, as: somebody, write: creates(object), about: object}.run(t)
	}
	// On these the pin writes nothing: what is not promoted is refused, even of our own repository.
	for kind, object := range MakePod(api+"@"+unpromoted).kinds(namespace, "unpromoted") {
		if _, pinned := MakePod("").workloads("", "")[kind]; !pinned {
			attempt{name: kind, as: somebody, write: creates(object), about: object, policy: "sluice-lock", says: unpromoted}.run(t)
		}
	}
}

func TestLockOnEveryImageOfAPod(t *testing.T) {
	namespace := locked(t, "lock-images")
	somebody := person("mallory")
	promoted := api + "@" + current
	running := MakePod(promoted).Pod(namespace, "running")
	create(t, running)
	debug := func(image string) func(context.Context, client.Client) error {
		return func(ctx context.Context, c client.Client) error {
			pod := &corev1.Pod{}
			if err := admin.Get(ctx, client.ObjectKeyFromObject(running), pod); err != nil {
				return err
			}
			pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{
				EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image},
			})
			return c.SubResource("ephemeralcontainers").Update(ctx, pod)
		}
	}
	second := func(image string) *corev1.Pod {
		return MakePod(promoted).Sidecar("second", image).Pod(namespace, "sidecar")
	}
	attempts := []attempt{
		{name: "second container", as: somebody, write: creates(second("nginx")), about: second("nginx"), policy: "sluice-lock", says: "refused: nginx."},
		{name: "second container, promoted", as: somebody, write: creates(second(worker + "@" + current)), about: second("")},
		{name: "ephemeral container", as: somebody, write: debug("busybox"), about: running, policy: "sluice-lock", says: "refused: busybox."},
		{name: "ephemeral container, promoted", as: somebody, write: debug(promoted), about: running},
	}
	pods := map[string]func(image string) podBuilder{
		"init container": func(image string) podBuilder { return MakePod(promoted).Init(image) },
		"image volume":   func(image string) podBuilder { return MakePod(promoted).Volume(image) },
	}
	for name, with := range pods {
		bad, good := with("nginx:1").Pod(namespace, "bad"), with(promoted).Pod(namespace, strings.Fields(name)[0])
		attempts = append(attempts,
			attempt{name: name, as: somebody, write: creates(bad), about: bad, policy: "sluice-lock", says: "refused: nginx:1."},
			attempt{name: name + ", promoted", as: somebody, write: creates(good), about: good})
	}
	try(t, attempts)
}

// What makes pods is looked at as a pod is: init containers and image volumes of every template.
func TestLockOnEveryImageOfATemplate(t *testing.T) {
	namespace := locked(t, "lock-templates")
	somebody := person("mallory")
	promoted := api + "@" + current
	for name, with := range map[string]func(image string) podBuilder{
		"second container": func(image string) podBuilder { return MakePod(promoted).Sidecar("second", image) },
		"init container":   func(image string) podBuilder { return MakePod(promoted).Init(image) },
		"image volume":     func(image string) podBuilder { return MakePod(promoted).Volume(image) },
	} {
		short := strings.Fields(name)[0]
		bad, good := with("nginx:1").kinds(namespace, short+"-bad"), with(promoted).kinds(namespace, short+"-good")
		for kind := range bad {
			try(t, []attempt{
				{name: kind + "/" + name, as: somebody, write: creates(bad[kind]), about: bad[kind], policy: "sluice-lock", says: "refused: nginx:1."},
				{name: kind + "/" + name + ", promoted", as: somebody, write: creates(good[kind]), about: good[kind]},
			})
		}
	}
}

func TestLockOnUpdates(t *testing.T) {
	namespace := locked(t, "lock-updates")
	somebody := person("mallory")
	deployment := MakePod(api+"@"+current).Deployment(namespace, "api")
	create(t, deployment)
	tryWays(t, attempt{
		name: "set a foreign image", as: somebody, about: deployment, policy: "sluice-lock", says: bringItIn,
	}, setImage("nginx:1"))

	try(t, []attempt{
		{name: "annotate", as: somebody, about: deployment, write: merges(deployment, annotate("team", "shop"))},
		{name: "scale", as: somebody, about: deployment, write: merges(deployment, func(o client.Object) {
			podTemplateOf(o).Labels["changed"] = "yes"
		})},
	})
}

// The cluster's controllers update what ran before it was locked: an image that was there is not looked at again.
func TestLockLeavesWhatWasThere(t *testing.T) {
	namespace := open(t, "lock-before")
	set := MakePod("registry.example.com/shop/api:before").ReplicaSet(namespace, "old")
	pod := MakePod("nginx:before").Pod(namespace, "old")
	pod.Finalizers = []string{"batch.kubernetes.io/job-tracking"}
	create(t, set)
	create(t, pod)
	lock(t, namespace)

	fresh := MakePod("nginx:before").Pod(namespace, "new")
	try(t, []attempt{
		{name: "scale an old ReplicaSet", as: controller("deployment-controller"), about: set, write: merges(set, on(func(set *appsv1.ReplicaSet) { set.Spec.MinReadySeconds = 1 }))},
		{name: "take a finalizer from an old pod", as: controller("job-controller"), about: pod, write: merges(pod, func(o client.Object) {
			o.SetFinalizers(nil)
		})},
		{name: "a new pod of the same image", as: person("mallory"), write: creates(fresh), about: fresh, policy: "sluice-lock", says: bringItIn},
	})
}

// lock puts the enforced copy on a Namespace that is there, and waits until admission sees it.
func lock(t *testing.T, namespace string) {
	t.Helper()
	enforced := MakeNamespace(namespace, v1alpha1.LockEnforce).Obj()
	eventually(t, func() error {
		stored := &corev1.Namespace{}
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(enforced), stored); err != nil {
			return err
		}
		maps.Copy(stored.Labels, enforced.Labels)
		stored.Annotations = enforced.Annotations
		return admin.Update(t.Context(), stored)
	})
	eventually(t, probe(t.Context(), person("prober"), "sluice-lock", MakePod("nginx").Pod(namespace, "probe")))
}

func TestScenario21OtherNamesOfARepository(t *testing.T) {
	allows := MakeNamespace("lock-allow", v1alpha1.LockEnforce).Note(v1alpha1.UnmanagedAnnotation, "Allow").Obj()
	denies := MakeNamespace("lock-deny", v1alpha1.LockEnforce).
		Note(v1alpha1.OthersAnnotation, "redis:7 envoy@"+digest("9")).
		Note(v1alpha1.PrefixesAnnotation, "registry.example.com/mesh/ quay.io/exact/one:1").Obj()
	create(t, allows)
	create(t, denies)
	evil := "@" + unpromoted
	cases := []struct {
		image         string
		allowed, deny bool // let in under unmanagedImages Allow, Deny
	}{
		{image: "registry.example.com/shop/api2@" + current, allowed: true},
		{image: "nginx", allowed: true},
		{image: "docker.io/attacker/x:1", allowed: true},
		{image: "redis:7", allowed: true, deny: true},
		{image: "redis:8", allowed: true},
		{image: "envoy@" + digest("9"), allowed: true, deny: true},
		{image: "registry.example.com/mesh/proxy:3", allowed: true, deny: true},
		{image: "registry.example.com/mesh2/proxy:3", allowed: true},
		{image: "quay.io/exact/one:1", allowed: true, deny: true},
		{image: "quay.io/exact/one:2", allowed: true},
		// Our own repository under other names, with a digest that was not promoted: never.
		{image: api + evil},
		{image: api + ":v1" + evil},
		{image: "registry.example.com:443/shop/api" + evil},
		{image: "REGISTRY.example.com/shop/api" + evil},
		{image: api + "@sha512:" + hash("e") + hash("e")},
		// No reference at all.
		{image: "registry.example.com/mesh/../shop/api:1"},
		{image: "Nginx"},
	}
	somebody := person("mallory")
	for n, c := range cases {
		for namespace, in := range map[string]bool{allows.Name: c.allowed, denies.Name: c.deny} {
			pod := MakePod(c.image).Pod(namespace, fmt.Sprintf("p%d", n))
			a := attempt{name: namespace + "/" + c.image, as: somebody, write: creates(pod), about: pod}
			if !in {
				a.policy, a.says = "sluice-lock", "refused: "+c.image
			}
			t.Run(a.name, a.run)
		}
	}
}

func TestLockWithoutItsListRefuses(t *testing.T) {
	namespace := MakeNamespace("lock-lost", v1alpha1.LockEnforce).Obj()
	namespace.Annotations = nil
	create(t, namespace)
	pod := MakePod(api+"@"+current).Pod(namespace.Name, "p")
	attempt{as: person("mallory"), write: creates(pod), about: pod, policy: "sluice-lock", says: bringItIn}.run(t)
}

func TestLockAuditWarns(t *testing.T) {
	namespace := MakeNamespace("lock-audit", v1alpha1.LockAudit).Obj()
	create(t, namespace)
	foreign, promoted := MakePod("nginx:1").Pod(namespace.Name, "a"), MakePod(api+"@"+current).Pod(namespace.Name, "b")
	try(t, []attempt{
		{name: "not promoted", as: person("dave"), write: creates(foreign), about: foreign, says: "runs promoted images only; refused: nginx:1"},
		{name: "promoted", as: person("dave"), write: creates(promoted), about: promoted},
	})
}

// What Audit lets in is in the audit log too, with the same words.
func TestLockAuditIsWrittenDown(t *testing.T) {
	namespace := MakeNamespace("lock-audit-log", v1alpha1.LockAudit).Obj()
	create(t, namespace)
	create(t, MakePod("nginx:1").Pod(namespace.Name, "a"), person("dave"))
	events, err := plane.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		failure := e.Annotations["validation.policy.admission.k8s.io/validation_failure"]
		if e.ObjectRef != nil && e.ObjectRef.Namespace == namespace.Name && strings.Contains(failure, "sluice-lock") && strings.Contains(failure, "refused: nginx:1.") {
			return
		}
	}
	t.Fatal("no audit annotation tells of nginx:1")
}

func TestNoLockElsewhere(t *testing.T) {
	namespace := MakeNamespace("lock-off", v1alpha1.LockOff).Obj()
	create(t, namespace)
	for _, name := range []string{namespace.Name, open(t, "lock-none")} {
		pod := MakePod("docker.io/attacker/x:1").Pod(name, "p")
		attempt{as: person("dave"), write: creates(pod), about: pod}.run(t)
	}
}

// The most that an Environment may hold, and a pod of 30 containers: within the budget of CEL.
func TestLockWithAThousandReferences(t *testing.T) {
	references := make([]string, 1000)
	for n := range references {
		references[n] = fmt.Sprintf("registry.example.com/a-team-with-a-long-name/service-%03d@sha256:%064x", n%300, n)
	}
	namespace := MakeNamespace("lock-thousand", v1alpha1.LockEnforce).
		Note(v1alpha1.ImagesAnnotation, strings.Join(references, " ")).
		Note(v1alpha1.PinsAnnotation, strings.Join(references[:300], " ")).Obj()
	create(t, namespace)
	pod := MakePod(references[999])
	for n := range 29 {
		pod = pod.Sidecar(fmt.Sprintf("s%d", n), references[998-n])
	}
	good, bad := pod.Pod(namespace.Name, "good"), pod.Sidecar("bad", "nginx:1").Pod(namespace.Name, "bad")
	workload := pod.Deployment(namespace.Name, "workload")
	workload.Spec.Replicas = ptr.To[int32](0)
	try(t, []attempt{
		{name: "all promoted", as: person("dave"), write: creates(good), about: good},
		{name: "one is not", as: person("dave"), write: creates(bad), about: bad, policy: "sluice-lock", says: "refused: nginx:1."},
		{name: "pinned", as: person("dave"), write: creates(workload), about: workload, says: "not deployed as asked"},
	})
}
