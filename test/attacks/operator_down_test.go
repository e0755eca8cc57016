package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// TestWithTheOperatorDown releases something, stops the operator for the night, and works in production with kubectl and
// the stock role edit: what was promoted is restarted, scaled and rescheduled, and nothing else comes in.
func TestScenario43WithTheOperatorDown(t *testing.T) {
	startOperator(t)
	v := newVictim(t, "night", nil)
	v.asks("dave", "release", good)
	v.signs("alice", "release")
	v.signs("bob", "release")
	v.ends("release", v1alpha1.OutcomeSucceeded, "")
	if v.failure != nil {
		t.Fatal(v.failure)
	}
	running.Stop()

	prod := v.namespace("prod")
	v.bind(prod, "edit", "nina")
	v.must("nina to be let in", func() error { return allowed(t.Context(), "nina", prod, "", "pods") })
	nina := func(args ...string) (string, error) {
		return plane.Kubectl(t.Context(), append([]string{"--as=nina", "-n", prod}, args...)...)
	}
	promoted := v.repository + "@" + good
	for _, work := range []struct {
		what     string
		does     func() error
		replicas int32
	}{
		{"restarts", func() error { _, err := nina("rollout", "restart", "deployment/api"); return err }, 1},
		{"scales", func() error { _, err := nina("scale", "deployment/api", "--replicas=4"); return err }, 4},
		{"deletes pods", func() error { _, err := nina("delete", "pods", "-l", "app=api"); return err }, 4},
		{"applies the manifest of before", func() error { _, err := nina("set", "image", "deployment/api", "api="+v.repository+":v1"); return err }, 4},
		{"drains a node", func() error {
			_, err := plane.Kubectl(t.Context(), "drain", "node-0", "--ignore-daemonsets", "--force", "--delete-emptydir-data")
			return err
		}, 4},
	} {
		t.Run(work.what, func(t *testing.T) {
			if err := work.does(); err != nil {
				t.Fatal(err)
			}
			v.must("all pods to run the promoted image", func() error { return v.runs(t.Context(), promoted, work.replicas) })
		})
	}
	if _, err := plane.Kubectl(t.Context(), "uncordon", "node-0"); err != nil {
		t.Fatal(err)
	}
	for _, attack := range []struct {
		what, says string
		args       []string
	}{
		{"runs something else", bringItIn, []string{"run", "evil", "--image=" + foreign}},
		{"deploys something else", bringItIn, []string{"create", "deployment", "evil", "--image=" + foreign}},
		{"adds a container", bringItIn, []string{"patch", "deployment", "api", "-p", `{"spec": {"template": {"spec": {"containers": [{"name": "evil", "image": "` + foreign + `"}]}}}}`}},
		{"runs a digest that nobody promoted", bringItIn, []string{"run", "evil", "--image=" + v.repository + "@" + evil}},
	} {
		t.Run(attack.what, func(t *testing.T) {
			if _, err := nina(attack.args...); err == nil || !strings.Contains(err.Error(), attack.says) {
				tally.succeeded.Add(1)
				t.Fatalf("want it refused with %q, got %v", attack.says, err)
			}
			v.must("production to run on", func() error { return v.runs(t.Context(), promoted, 4) })
			tally.refused.Add(1)
		})
	}
	t.Run("sets another image", func(t *testing.T) {
		output, err := nina("set", "image", "deployment/api", "api="+v.repository+"@"+evil)
		if err != nil || !strings.Contains(output, "not deployed as asked") {
			tally.succeeded.Add(1)
			t.Fatalf("want it pinned with a warning, got %q, %v", output, err)
		}
		v.must("production to run on", func() error { return v.runs(t.Context(), promoted, 4) })
		tally.refused.Add(1)
	})
}

// TestAttacksOnWhatWasAdopted is about images that were adopted: several tags ran, each on purpose, and keep their digests until
// the first release. Afterwards they are history, and nobody brings them back by taking the mark of the release away.
func TestAttacksOnWhatWasAdopted(t *testing.T) {
	startOperator(t)
	v := newVictim(t, "mixed", func(v *victim) { v.mixed = true })
	v.asks("dave", "release", good)
	v.signs("alice", "release")
	v.signs("bob", "release")
	v.ends("release", v1alpha1.OutcomeSucceeded, "")
	if v.failure != nil {
		t.Fatal(v.failure)
	}
	running.Stop()
	prod := v.namespace("prod")
	for _, args := range [][]string{
		{"annotate", "deployment", "api", v1alpha1.ReleaseAnnotation + "-"},
		{"set", "image", "deployment/api", "api=" + v.repository + ":v1"},
		{"delete", "deployment", "old"},
	} {
		if _, err := plane.Kubectl(t.Context(), append([]string{"-n", prod}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	again := v.deployment(prod, "old", "v0", v.adoptedToo)
	v.create(again)
	if got := again.Spec.Template.Spec.Containers[0].Image; got != v.repository+"@"+good {
		t.Errorf("a Deployment that was made again runs %s", got)
	}
	if got := v.production(); got != v.repository+"@"+good {
		t.Errorf("without the mark of the release, production runs %s", got)
	}
}

// runs is nil where production's Deployment names an image, and as many ready pods run it, and nothing else.
func (v *victim) runs(ctx context.Context, image string, replicas int32) error {
	d, pods := &appsv1.Deployment{}, &corev1.PodList{}
	if err := errors.Join(
		root.Get(ctx, client.ObjectKey{Namespace: v.namespace("prod"), Name: "api"}, d),
		root.List(ctx, pods, client.InNamespace(v.namespace("prod"))),
	); err != nil {
		return err
	}
	if got := d.Spec.Template.Spec.Containers[0].Image; got != image {
		return fmt.Errorf("the Deployment names %s", got)
	}
	var ready int32
	for n := range pods.Items {
		pod := &pods.Items[n]
		if got := pod.Spec.Containers[0].Image; got != image {
			return fmt.Errorf("pod %s runs %s", pod.Name, got)
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				ready++
			}
		}
	}
	if d.Generation != d.Status.ObservedGeneration || d.Status.UpdatedReplicas != replicas || ready != replicas || int32(len(pods.Items)) != replicas {
		return fmt.Errorf("%d of %d pods are ready, of %d", ready, replicas, len(pods.Items))
	}
	return nil
}
