package promotion_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

const (
	europe  = "mirror.example.com/eu/"
	america = "us.example.com:5000/shop/"
)

func TestMirrorNames(t *testing.T) {
	env := MakeEnvironment("shop-prod", v1alpha1.TierProduction).
		Mirror(RegistryPrefix, europe).Mirror("quay.io/team/tool", "mirror.example.com/tools/tool").Obj()
	ns := &corev1.Namespace{}
	Enforce(ns, promotion.EnforcedCopy{
		Pins:   map[string]string{RegistryPrefix + "api": "old.example.com/shop/api@" + Digest("v1"), RegistryPrefix + "web": RegistryPrefix + "web@" + Digest("v1")},
		Owners: map[string]string{RegistryPrefix + "api": PipelineKey, RegistryPrefix + "web": PipelineKey},
	})
	m := promotion.MirrorsOf(env, ns)
	for _, c := range []struct{ canonical, pulled string }{
		{RegistryPrefix + "api", europe + "api"},
		{RegistryPrefix + "deep/er/api", europe + "deep/er/api"},
		{"quay.io/team/tool", "mirror.example.com/tools/tool"},
		{"quay.io/team/tools", "quay.io/team/tools"},
		{"registry.example.com/shopping/api", "registry.example.com/shopping/api"},
		{"registry.example.com/shop", "registry.example.com/shop"},
	} {
		if got := m.Pulled(c.canonical); got != c.pulled {
			t.Errorf("%s is pulled from %s, want %s", c.canonical, got, c.pulled)
		}
		for _, name := range []string{c.canonical, c.pulled} {
			if got := m.Canonical(name); got != c.canonical {
				t.Errorf("%s is %s, want %s", name, got, c.canonical)
			}
		}
	}
	want := []string{europe + "api", "old.example.com/shop/api", RegistryPrefix + "api"}
	if got := m.Names([]string{RegistryPrefix + "api"}); !slices.Equal(got, want) {
		t.Errorf("names are %v, want %v: what runs from a mirror of before is still known", got, want)
	}
	if got := (promotion.Mirrors{}).Names([]string{"a/b"}); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("without mirrors the names are %v", got)
	}
}

// Somebody who writes pins by hand may leave the canonical name out.
func TestPinsOfAMirror(t *testing.T) {
	reference := europe + "api@" + Digest("v1")
	for _, pins := range []string{RegistryPrefix + "api=" + reference, reference} {
		ns := &corev1.Namespace{}
		ns.Annotations = map[string]string{v1alpha1.PinsAnnotation: pins, v1alpha1.MirrorsAnnotation: RegistryPrefix + "api=" + europe + "api"}
		c := promotion.ParseEnforced(ns)
		if c.Pins[RegistryPrefix+"api"] != reference || len(c.Pins) != 1 {
			t.Errorf("%s is read as %v", pins, c.Pins)
		}
		if got := c.Annotations()[v1alpha1.PinsAnnotation]; got != RegistryPrefix+"api="+reference {
			t.Errorf("%s is written as %s", pins, got)
		}
	}
}

// mirroredWorld has a production that pulls from a mirror, where v1 was adopted under the pipeline's own name.
func mirroredWorld(t *testing.T) *world {
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Gate(JobGate("smoke", v1alpha1.PurposeFunctional)).
		Mirror(RegistryPrefix, europe), Release("v1")...)
	return w
}

func mirrorOf(to, seed string) string {
	return to + "checkout-api@" + Digest(seed)
}

func TestAReleaseIsPulledFromTheMirror(t *testing.T) {
	w := mirroredWorld(t)
	w.mirrored[mirrorOf(europe, "v2")] = true
	w.promote("v2")
	p := w.run().get("checkout-v2")
	if p.Status.Outcome != v1alpha1.OutcomeSucceeded {
		t.Fatalf("outcome %q: %s\n%s", p.Status.Outcome, p.Status.Message, strings.Join(w.log, "\n"))
	}
	for namespace, want := range map[string]string{
		"shop-test": Image("api", "v2").Reference(), "shop-prod": mirrorOf(europe, "v2"),
	} {
		site := w.sites[namespace]
		c := promotion.ParseEnforced(site.Namespace)
		if c.Pins[Repository("api")] != want || c.Owners[Repository("api")] != PipelineKey || !slices.Contains(c.Images, want) {
			t.Errorf("%s: pins %v, owners %v, images %v; want %s", namespace, c.Pins, c.Owners, c.Images, want)
		}
		if got := site.Workloads[0].Images[0].Image; got != want {
			t.Errorf("%s runs %s, want %s", namespace, got, want)
		}
		// Evidence and records know one name only, or that of test would not count in production.
		record := promotion.Newest(w.records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == namespace })
		if record.Spec.ReleaseHash != promotion.ReleaseHash(Release("v2")) || record.Spec.Images[0].Repository != Repository("api") {
			t.Errorf("%s: record of %s %v", namespace, record.Spec.ReleaseHash, record.Spec.Images)
		}
	}
	if c := promotion.ParseEnforced(w.sites["shop-prod"].Namespace); slices.Contains(c.Images, Image("api", "v2").Reference()) {
		t.Errorf("the lock allows the release under the name that is not pulled: %v", c.Images)
	}
}

func TestTwoEnvironmentsWithMirrorsOfTheirOwn(t *testing.T) {
	w := mirroredWorld(t)
	w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).
		Gate(JobGate("functional", v1alpha1.PurposeFunctional)).Gate(JobGate("stress", v1alpha1.PurposeStress)).
		Mirror(Repository("api"), america+"checkout-api"), Release("v1")...)
	w.mirrored[mirrorOf(europe, "v2")], w.mirrored[mirrorOf(america, "v2")] = true, true
	w.promote("v2")
	if got := w.run().get("checkout-v2").Status; got.Outcome != v1alpha1.OutcomeSucceeded {
		t.Fatalf("outcome %q: %s", got.Outcome, got.Message)
	}
	for namespace, to := range map[string]string{"shop-test": america, "shop-prod": europe} {
		if got := w.sites[namespace].Workloads[0].Images[0].Image; got != mirrorOf(to, "v2") {
			t.Errorf("%s runs %s", namespace, got)
		}
	}
}

func TestAReleaseWaitsForItsMirror(t *testing.T) {
	w := mirroredWorld(t)
	p := w.promote("v2")
	if plan := w.plan(); !plan.Questions.None() {
		t.Errorf("asks the mirror of production for %v before the release came that far", plan.Questions)
	}
	w.run()
	if got := reasonTypes(w.at("checkout-v2", "prod")); !slices.Equal(got, []string{v1alpha1.ReasonDigestNotInMirror}) {
		t.Fatalf("waits for %v", got)
	}
	message := w.at("checkout-v2", "prod").Reasons[0].Message
	if want := "crane copy " + Image("api", "v2").Reference() + " " + europe + "checkout-api:"; !strings.Contains(message, want) {
		t.Errorf("%q does not say %q", message, want)
	}
	snapshot := w.snapshot(p)
	snapshot.Mirrored = w.answers(promotion.Decide(snapshot).Questions.Mirrored)
	if wake := promotion.Decide(snapshot).Wake; !wake.Equal(w.now.Add(time.Minute)) {
		t.Errorf("looks again at %s, want when the mirror may be asked again", wake)
	}
	snapshot.Mirrored.Answers[mirrorOf(europe, "v2")] = promotion.TagAnswer{Reason: v1alpha1.ReasonRegistryUnavailable, Message: "no route"}
	reasons := promotion.Decide(snapshot).Status.Environments[2].Reasons
	if len(reasons) != 1 || reasons[0].Type != v1alpha1.ReasonRegistryUnavailable || !strings.Contains(reasons[0].Message, "no route") {
		t.Errorf("says %v of a mirror that cannot be reached", reasons)
	}
	w.mirrored[mirrorOf(europe, "v2")] = true
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q once the mirror has it", got)
	}
}

// What ran before the mirror was there is not in it, perhaps: it comes back from where it came.
func TestARollbackFromTheMirror(t *testing.T) {
	w := mirroredWorld(t)
	w.mirrored[mirrorOf(europe, "v2")] = true
	w.verdicts["prod/smoke"] = []promotion.RunState{promotion.RunFailed}
	w.promote("v2")
	w.run()
	if got := w.at("checkout-v2", "prod").State; got != v1alpha1.StateRolledBack {
		t.Fatalf("prod is %s\n%s", got, strings.Join(w.log, "\n"))
	}
	site := w.sites["shop-prod"]
	if got := site.Workloads[0].Images[0].Image; got != Image("api", "v1").Reference() {
		t.Errorf("came back as %s", got)
	}
}

// The Environment names another mirror while gates run: nothing that runs has changed.
func TestAMirrorThatChangesIsNoDrift(t *testing.T) {
	w := mirroredWorld(t)
	w.hanging["prod/smoke"] = true
	w.mirrored[mirrorOf(europe, "v2")] = true
	w.promote("v2")
	w.in("checkout-v2", "prod", v1alpha1.StateVerifying)
	w.sites["shop-prod"].Environment.Spec.Repositories = []v1alpha1.RepositoryMirror{{From: RegistryPrefix, To: america}}
	plan := w.plan()
	if got := plan.Status.Environments[2]; got.State != v1alpha1.StateVerifying {
		t.Errorf("prod is %s: %s", got.State, got.Message)
	}
	// The next release leaves it.
	w.sites["shop-prod"].Environment.Spec.Repositories = nil
	delete(w.hanging, "prod/smoke")
	if got := w.run().get("checkout-v2").Status; got.Outcome != v1alpha1.OutcomeSucceeded {
		t.Fatalf("outcome %q: %s", got.Outcome, got.Message)
	}
	w.promote("v3")
	if got := w.run().get("checkout-v3").Status; got.Outcome != v1alpha1.OutcomeSucceeded {
		t.Fatalf("outcome %q: %s", got.Outcome, got.Message)
	}
	if got := w.sites["shop-prod"].Workloads[0].Images[0].Image; got != Image("api", "v3").Reference() {
		t.Errorf("runs %s", got)
	}
}

// A pipeline that lists the mirror itself could be meant or be mirrored, but not both.
func TestAPipelineThatListsTheMirror(t *testing.T) {
	w := mirroredWorld(t)
	env := w.sites["shop-prod"].Environment
	env.Spec.Pipelines[0].Repositories = append(env.Spec.Pipelines[0].Repositories, europe)
	w.pipeline.Spec.Images[0].Repository = europe + "checkout-api"
	w.promote("v2")
	plan := w.plan()
	reasons := plan.Status.Environments[2].Reasons
	if !slices.ContainsFunc(reasons, func(r v1alpha1.Reason) bool {
		return r.Type == v1alpha1.ReasonRepositoryNotAdmitted && strings.Contains(r.Message, "let the pipeline list "+Repository("api"))
	}) {
		t.Errorf("waits for %v", reasons)
	}
}
