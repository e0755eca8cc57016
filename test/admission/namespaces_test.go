package admission_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const changeTheEnvironment = "change the Environment in namespace"

func TestNamespaceGuardKeepsTheLock(t *testing.T) {
	namespace := MakeNamespace("guard-lock", v1alpha1.LockEnforce).Obj()
	create(t, namespace)
	guarded := map[string]func(client.Object){
		"unlock":             label(v1alpha1.LockLabel, "Off"),
		"allow an image":     annotate(v1alpha1.ImagesAnnotation, "nginx"),
		"move the pin":       annotate(v1alpha1.PinsAnnotation, api+"@"+unpromoted),
		"add a label":        label("sluice.dev/anything", "x"),
		"add an annotation":  annotate("sluice.dev/anything", "x"),
		"change the tier":    label(v1alpha1.EnvironmentLabel, "Development"),
		"allow gate images":  annotate(v1alpha1.GateImagesAnnotation, "nginx"),
		"allow what's other": annotate(v1alpha1.UnmanagedAnnotation, "Allow"),
	}
	for name, change := range guarded {
		for who, somebody := range map[string]*actor{"mallory": person("mallory"), "a pretender": pretender()} {
			tryWays(t, attempt{
				name: who + "/" + name, as: somebody, about: namespace, policy: "sluice-namespaces", says: changeTheEnvironment + " guard-lock",
			}, change)
		}
	}
	strip := func(o client.Object) {
		delete(o.GetLabels(), v1alpha1.LockLabel)
		delete(o.GetAnnotations(), v1alpha1.ImagesAnnotation)
	}
	for _, way := range []string{"PUT", "merge patch", "JSON patch"} {
		attempt{
			name: "strip by " + way, as: person("mallory"), about: namespace, write: ways(namespace, strip)[way],
			policy: "sluice-namespaces", says: changeTheEnvironment,
		}.run(t)
	}
	attempt{name: "a label of somebody else", as: person("dave"), about: namespace, write: merges(namespace, label("team", "shop"))}.run(t)
}

func TestNamespaceGuardSeesSubresources(t *testing.T) {
	namespace := MakeNamespace("guard-subresources", v1alpha1.LockEnforce).Obj()
	create(t, namespace)
	through := func(subresource string, change func(client.Object)) func(context.Context, client.Client) error {
		return changes(namespace, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.SubResource(subresource).Update(ctx, wanted)
		})
	}
	for _, subresource := range []string{"status", "finalize"} {
		try(t, []attempt{
			{
				name: "unlock through " + subresource, as: person("mallory"), about: namespace,
				write:  through(subresource, label(v1alpha1.LockLabel, "Off")),
				policy: "sluice-namespaces", says: changeTheEnvironment,
			},
			{name: subresource + " itself", as: controller("namespace-controller"), about: namespace, write: through(subresource, func(client.Object) {})},
		})
	}
}

func TestNamespaceGuardOnCreate(t *testing.T) {
	locked, plain := MakeNamespace("guard-create", v1alpha1.LockOff).Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "guard-plain"}}
	try(t, []attempt{
		{name: "with the lock", as: person("mallory"), write: creates(locked), about: locked, policy: "sluice-namespaces", says: changeTheEnvironment},
		{name: "without", as: person("dave"), write: creates(plain), about: plain},
	})
}

func TestNamespaceGuardOnTheOperator(t *testing.T) {
	namespace := MakeNamespace("guard-operator", v1alpha1.LockAudit).Obj()
	namespace.Labels["team"] = "shop"
	create(t, namespace)
	tryWays(t, attempt{name: "the enforced copy", as: theOperator(), about: namespace}, func(o client.Object) {
		label(v1alpha1.LockLabel, "Enforce")(o)
		annotate(v1alpha1.ImagesAnnotation, api+"@"+current)(o)
	})
	const nothingElse = "and nothing else in a Namespace"
	other := map[string]func(client.Object){
		"Pod Security":   label("pod-security.kubernetes.io/enforce", "privileged"),
		"another label":  label("team", "other"),
		"an annotation":  annotate("scheduler.alpha.kubernetes.io/node-selector", "x=y"),
		"a finalizer":    func(o client.Object) { o.SetFinalizers([]string{"example.com/stay"}) },
		"both in one go": func(o client.Object) { label("team", "x")(o); label(v1alpha1.LockLabel, "Off")(o) },
	}
	for name, change := range other {
		tryWays(t, attempt{name: name, as: theOperator(), about: namespace, policy: "sluice-namespaces", says: nothingElse}, change)
		if name != "both in one go" { // which is refused for two reasons
			tryWays(t, attempt{name: name + ", with the operator's name only", as: pretender(), about: namespace, policy: "sluice-namespaces", says: nothingElse}, change)
		}
	}
	plain := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: open(t, "guard-operator-plain")}}
	try(t, []attempt{
		{
			name: "in a namespace that is none of its", as: theOperator(), about: plain, write: merges(plain, label("team", "x")),
			policy: "sluice-namespaces", says: nothingElse,
		},
		{name: "deletion", as: theOperator(), about: plain, write: deletes(plain), policy: "sluice-namespaces", says: nothingElse},
	})
}

// With the operator down, at 3 am: who holds unlock changes the copy by hand.
func TestNamespaceGuardBreakGlass(t *testing.T) {
	namespace := MakeNamespace("guard-glass", v1alpha1.LockEnforce).Obj()
	create(t, namespace)
	elsewhere := locked(t, "guard-glass-elsewhere")
	attempt{
		name: "unlock of another namespace", as: with(t, "unlock", elsewhere), about: namespace,
		write:  merges(namespace, annotate(v1alpha1.PinsAnnotation, api+"@"+previous)),
		policy: "sluice-namespaces", says: "the verb unlock on environments",
	}.run(t)
	attempt{
		name: "unlock", as: with(t, "unlock", namespace.Name), about: namespace,
		write: merges(namespace, annotate(v1alpha1.PinsAnnotation, api+"@"+previous)),
	}.run(t)
}

// Who changes the copy by hand is written down by the API server, and the seal by which that shows is the operator's alone.
func TestOverridesAreStamped(t *testing.T) {
	namespace := MakeNamespace("overrides", v1alpha1.LockEnforce).Note(v1alpha1.SealAnnotation, "pins=0123456789abcdef").Obj()
	create(t, namespace)
	first, second := with(t, "unlock", namespace.Name), person("second-holder")
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: named(namespace.Name, "second"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "unlock-" + namespace.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "second-holder"}},
	})
	eventually(t, func() error { return canI(t.Context(), second, "unlock", namespace.Name) })
	pin := annotate(v1alpha1.PinsAnnotation, api+"@"+previous)
	const seal = "the annotation sluice.dev/seal is the operator's alone"
	for name, change := range map[string]func(client.Object){
		"the seal": annotate(v1alpha1.SealAnnotation, "pins=fedcba9876543210"),
		"the seal with the pins": func(o client.Object) {
			pin(o)
			annotate(v1alpha1.SealAnnotation, "pins=fedcba9876543210")(o)
		},
	} {
		tryWays(t, attempt{name: name, as: first, about: namespace, policy: "sluice-namespaces", says: seal}, change)
	}
	noSeal := func(o client.Object) { delete(o.GetAnnotations(), v1alpha1.SealAnnotation) }
	attempt{name: "without a seal", as: first, about: namespace, write: merges(namespace, noSeal), policy: "sluice-namespaces", says: seal}.run(t)
	stamped := func(want string) {
		t.Helper()
		found := &corev1.Namespace{}
		if err := admin.Get(t.Context(), client.ObjectKey{Name: namespace.Name}, found); err != nil {
			t.Fatal(err)
		}
		if got := found.Annotations[v1alpha1.OverriddenByAnnotation]; got != want {
			t.Errorf("overridden by %q, want %q", got, want)
		}
	}
	forged := func(o client.Object) { pin(o); annotate(v1alpha1.OverriddenByAnnotation, "alice")(o) }
	attempt{name: "a forged name", as: first, about: namespace, write: merges(namespace, forged)}.run(t)
	stamped(first.name)
	attempt{name: "somebody else too", as: second, about: namespace, write: merges(namespace, label(v1alpha1.LockLabel, "Audit"))}.run(t)
	stamped(first.name + "\n" + second.name)
	attempt{
		name: "nobody any more", as: first, about: namespace, policy: "sluice-namespaces", says: "add unlock-overrides to it",
		write: merges(namespace, func(o client.Object) { delete(o.GetAnnotations(), v1alpha1.OverriddenByAnnotation) }),
	}.run(t)
	attempt{name: "a label of somebody else", as: person("dave"), about: namespace, write: merges(namespace, label("team", "shop"))}.run(t)
	stamped(first.name + "\n" + second.name)
	attempt{name: "the operator seals it", as: theOperator(), about: namespace, write: merges(namespace, func(o client.Object) {
		delete(o.GetAnnotations(), v1alpha1.OverriddenByAnnotation)
		annotate(v1alpha1.SealAnnotation, "pins=fedcba9876543210")(o)
	})}.run(t)
	stamped("")
}

func TestScenario28DeletingALockedNamespace(t *testing.T) {
	const ask = "deleting it takes the verb unlock on environments"
	enforced, audited := MakeNamespace("delete-enforced", v1alpha1.LockEnforce).Obj(), MakeNamespace("delete-audited", v1alpha1.LockAudit).Obj()
	off := MakeNamespace("delete-off", v1alpha1.LockOff).Obj()
	for _, namespace := range []client.Object{enforced, audited, off} {
		create(t, namespace)
	}
	dave := person("dave")
	try(t, []attempt{
		{name: "Enforce", as: dave, about: enforced, write: deletes(enforced), policy: "sluice-namespaces", says: ask},
		{name: "Audit", as: dave, about: audited, write: deletes(audited), policy: "sluice-namespaces", says: ask},
		{name: "Off", as: dave, about: off, write: deletes(off)},
		{name: "with unlock", as: with(t, "unlock", audited.Name), about: audited, write: deletes(audited)},
	})
}
