package admission_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// gatePod makes the pod of a gate as the Job controller does, and one of somebody else beside it.
func gatePod(t *testing.T, namespace, name string) (test, mine *corev1.Pod) {
	t.Helper()
	test, mine = MakePod(api+"@"+current).Pod(namespace, name), MakePod(api+"@"+current).Pod(namespace, "mine")
	test.Labels = map[string]string{v1alpha1.GateLabel: "contract", "batch.kubernetes.io/controller-uid": "1"}
	for _, pod := range []*corev1.Pod{test, mine} {
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	}
	create(t, test.DeepCopy(), controller("job-controller"))
	create(t, mine.DeepCopy(), person("dave"))
	return test, mine
}

// kubelet of some node.
func kubelet() *actor {
	return newActor(rest.ImpersonationConfig{UserName: "system:node:node-0", Groups: []string{anything, "system:nodes"}})
}

// Whoever can enter a test can make it pass.
func TestNobodyEntersATest(t *testing.T) {
	namespace := locked(t, "gates-access")
	test, mine := gatePod(t, namespace, "sl-aaaaaaaaaaaaaaaaaaaa-x7k2p")
	connect := func(pod *corev1.Pod, verb, subresource string) func(context.Context, *actor) error {
		return func(ctx context.Context, a *actor) error {
			clients, err := kubernetes.NewForConfig(a.config)
			if err != nil {
				return err
			}
			return clients.CoreV1().RESTClient().Verb(verb).Namespace(namespace).Resource("pods").Name(pod.Name).SubResource(subresource).
				Param("command", "true").Param("stdout", "true").Param("ports", "80").Do(ctx).Error()
		}
	}
	const instead = "read its log (kubectl logs sl-aaaaaaaaaaaaaaaaaaaa-x7k2p -n gates-access)"
	for subresource, verbs := range map[string][]string{
		"exec": {"GET", "POST"}, "attach": {"GET", "POST"}, "portforward": {"GET", "POST"}, "proxy": {"GET", "POST", "PUT", "PATCH", "DELETE"},
	} {
		for _, verb := range verbs {
			for who, somebody := range map[string]*actor{"mallory": person("mallory"), "the operator": theOperator(), "the administrator": admin} {
				t.Run(verb+" "+subresource+" by "+who, func(t *testing.T) {
					before := stored(t, test)
					refused(t, connect(test, verb, subresource)(t.Context(), somebody), "sluice-gate-access", instead)
					if after := stored(t, test); after != before {
						t.Errorf("refused, and yet it changed to %s", after)
					}
				})
			}
			t.Run(verb+" "+subresource+" of another pod", func(t *testing.T) {
				// There is no node, so it leads nowhere: but no policy is in its way.
				if err := connect(mine, verb, subresource)(t.Context(), person("dave")); err == nil || apierrors.IsForbidden(err) {
					t.Errorf("must get as far as the node that is missing; got %v", err)
				}
			})
		}
	}
	attempt{
		name: "another pod under such a name", as: person("mallory"), policy: "sluice-gate-names", says: "choose another name",
		write: creates(MakePod(api+"@"+current).Pod(namespace, "sl-bbbbbbbbbbbbbbbbbbbb-x7k2p")),
	}.run(t)
	generated := MakePod(api+"@"+current).Pod(namespace, "")
	generated.GenerateName = "sl-bbbbbbbbbbbbbbbbbbbb-"
	attempt{name: "a generated one", as: person("mallory"), write: creates(generated), policy: "sluice-gate-names", says: "choose another name"}.run(t)
	similar := MakePod(api+"@"+current).Pod(namespace, "sl-web-5d9c7b6f4-x7k2p")
	attempt{name: "a pod of a workload that is called sl-web", as: controller("replicaset-controller"), about: similar, write: creates(similar)}.run(t)
}

// Nor does anybody change what it runs, whose it is, or what its node says of it.
func TestNobodyChangesATest(t *testing.T) {
	namespace := locked(t, "gates-inside")
	test, mine := gatePod(t, namespace, "sl-cccccccccccccccccccc-x7k2p")
	through := func(about client.Object, subresource string, change func(client.Object)) func(context.Context, client.Client) error {
		return changes(about, change, func(ctx context.Context, c client.Client, _, wanted client.Object) error {
			return c.SubResource(subresource).Update(ctx, wanted)
		})
	}
	patches := func(about client.Object, subresource string, change func(client.Object)) func(context.Context, client.Client) error {
		return changes(about, change, func(ctx context.Context, c client.Client, was, wanted client.Object) error {
			return c.SubResource(subresource).Patch(ctx, wanted, client.StrategicMergeFrom(was))
		})
	}
	inside := on(func(pod *corev1.Pod) {
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debug", Image: api + "@" + current, TerminationMessagePolicy: corev1.TerminationMessageReadFile, ImagePullPolicy: corev1.PullIfNotPresent,
		}}}
	})
	passed := on(func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded })
	smaller := on(func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1m")
	})
	const readTheLog, leaveOut = "read its log (kubectl logs)", "leave the label out, or declare a gate"
	mallory := person("mallory")
	try(t, []attempt{
		{name: "an ephemeral container", as: mallory, about: test, write: through(test, "ephemeralcontainers", inside), policy: "sluice-gates", says: readTheLog},
		{name: "an ephemeral container by patch", as: mallory, about: test, write: patches(test, "ephemeralcontainers", inside), policy: "sluice-gates", says: readTheLog},
		{name: "an ephemeral container by the operator", as: theOperator(), about: test, write: through(test, "ephemeralcontainers", inside), policy: "sluice-gates", says: readTheLog},
		{name: "an ephemeral container in another pod", as: mallory, about: mine, write: through(mine, "ephemeralcontainers", inside)},
		{name: "a forged result", as: mallory, about: test, write: through(test, "status", passed), policy: "sluice-gates", says: leaveOut},
		{name: "a forged result by patch", as: mallory, about: test, write: patches(test, "status", passed), policy: "sluice-gates", says: leaveOut},
		{name: "a forged result by the operator", as: theOperator(), about: test, write: through(test, "status", passed), policy: "sluice-gates", says: leaveOut},
		{name: "a result in another pod", as: mallory, about: mine, write: through(mine, "status", passed)},
		{name: "less than it needs", as: mallory, about: test, write: through(test, "resize", smaller), policy: "sluice-gates", says: leaveOut},
	})
	for name, change := range map[string]func(client.Object){
		"another image":      setImage(api + "@" + previous),
		"a shorter deadline": on(func(pod *corev1.Pod) { pod.Spec.ActiveDeadlineSeconds = new(int64(1)) }),
		"another gate":       label(v1alpha1.GateLabel, "smoke"),
		"another Job":        label("batch.kubernetes.io/job-name", "other"),
		"an owner":           func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{danglingOwner}) },
		"a finalizer":        func(o client.Object) { o.SetFinalizers([]string{"example.com/stay"}) },
	} {
		tryWays(t, attempt{name: name, as: mallory, about: test, policy: "sluice-gates", says: leaveOut}, change)
	}
	for _, way := range []string{"PUT", "merge patch", "JSON patch"} {
		attempt{
			name: "no gate any more by " + way, as: mallory, about: test, policy: "sluice-gates", says: leaveOut,
			write: ways(test, func(o client.Object) { o.SetLabels(map[string]string{"batch.kubernetes.io/controller-uid": "1"}) })[way],
		}.run(t)
	}
	try(t, []attempt{
		{name: "annotated", as: mallory, about: test, write: merges(test, annotate("seen", "yes"))},
		{name: "its result by its node", as: kubelet(), about: test, write: through(test, "status", passed)},
		{name: "its finalizer by the Job controller", as: controller("job-controller"), about: test, write: merges(test, func(o client.Object) { o.SetFinalizers(nil) })},
	})
}
