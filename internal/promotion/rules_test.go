package promotion_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

func TestGraph(t *testing.T) {
	cases := []struct {
		name     string
		pipeline *PipelineBuilder
		want     string
		message  string
	}{
		{"environments in a row", MakePipeline(), "", ""},
		{"a diamond", MakePipeline().Environments("a", "b", "c", "d").After("c", "a").After("d", "b", "c"), "", ""},
		{"listed after what follows it", MakePipeline().Environments("a", "b", "c").After("a", "c").After("c", "b").After("b", "c"), "CycleInEnvironments", "a, b, c"},
		{"after itself", MakePipeline().Environments("a", "b").After("b", "b"), "CycleInEnvironments", "b"},
		{"a circle through the default", MakePipeline().Environments("a", "b").After("a", "b"), "CycleInEnvironments", "a, b"},
		{"after nobody", MakePipeline().After("prod", "staging"), "UnknownPredecessor", "write one of: dev, test, prod"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := promotion.CheckGraph(c.pipeline.Obj().Spec.Environments)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || err.Reason != c.want || !strings.Contains(err.Error(), c.message)):
				t.Errorf("error %v, want %s that says %q", err, c.want, c.message)
			}
		})
	}
}

func TestPredecessors(t *testing.T) {
	environments := MakePipeline().Environments("a", "b", "c").After("c", "a").Obj().Spec.Environments
	got := fmt.Sprint(promotion.Predecessors(environments, 0), promotion.Predecessors(environments, 1), promotion.Predecessors(environments, 2))
	if got != "[] [a] [a]" {
		t.Errorf("predecessors are %s", got)
	}
}

func TestRequirementsInForce(t *testing.T) {
	show := func(r v1alpha1.RequirementsInForce) string {
		var evidence []string
		for _, e := range r.Evidence {
			evidence = append(evidence, string(e.DeclaredBy)+string(e.Purpose))
		}
		return fmt.Sprintf("%s %s %s; evidence %v; %s %d of %v, not %v, machines %s, %ds; rollback %d, freezes %s", r.Lock, r.UnmanagedImages, r.TeamGates,
			evidence, r.Approvals.Mode, r.Approvals.Count, r.Approvals.From, r.Approvals.Excludes, r.Approvals.Unattended, r.Approvals.MaxAgeSeconds, *r.RollbackApprovals, r.RollbackFreezes)
	}
	required := v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementRequired}
	cases := []struct {
		name string
		spec v1alpha1.EnvironmentSpec
		want string
	}{
		{"Development demands nothing", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierDevelopment},
			"Off Allow Allow; evidence []; None 0 of [], not [Requester OnBehalfOf], machines Allow, 604800s; rollback 0, freezes Ignore"},
		{"Test locks", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierTest},
			"Enforce Allow Allow; evidence []; None 0 of [], not [Requester OnBehalfOf], machines Allow, 604800s; rollback 0, freezes Ignore"},
		{"Production with nothing but its tier is safe", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierProduction},
			"Enforce Deny Refuse; evidence [PlatformFunctional PlatformStress]; Required 1 of [], not [Requester OnBehalfOf ChangeAuthors], machines Refuse, 604800s; rollback 0, freezes Ignore"},
		{"an omitted field means the default, never nothing", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierProduction, Requires: &v1alpha1.Requirements{
			Approvals: &v1alpha1.ApprovalRequirement{From: []v1alpha1.ApprovalQuota{{Kind: "Group", Name: "qa"}}}, Rollback: &v1alpha1.RollbackRequirement{}}},
			"Enforce Deny Refuse; evidence [PlatformFunctional PlatformStress]; Required 1 of [{Group qa 1}], not [Requester OnBehalfOf ChangeAuthors], machines Refuse, 604800s; rollback 0, freezes Ignore"},
		{"nothing on purpose", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierProduction, Lock: v1alpha1.LockOff, UnmanagedImages: v1alpha1.UnmanagedAllow, TeamGates: v1alpha1.TeamGatesAllow,
			Requires: &v1alpha1.Requirements{EvidenceMode: v1alpha1.RequirementNone, Approvals: &v1alpha1.ApprovalRequirement{Mode: v1alpha1.RequirementNone}}},
			"Off Allow Allow; evidence []; None 0 of [], not [Requester OnBehalfOf ChangeAuthors], machines Refuse, 604800s; rollback 0, freezes Ignore"},
		{"evidence required in Test", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierTest, Requires: &required},
			"Enforce Allow Allow; evidence [PlatformFunctional PlatformStress]; None 0 of [], not [Requester OnBehalfOf], machines Allow, 604800s; rollback 0, freezes Ignore"},
		{"rollbacks that people sign", v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierTest, Requires: &v1alpha1.Requirements{Rollback: &v1alpha1.RollbackRequirement{Approvals: ref(int32(2)), Freezes: v1alpha1.FreezesRespect}}},
			"Enforce Allow Allow; evidence []; None 0 of [], not [Requester OnBehalfOf], machines Allow, 604800s; rollback 2, freezes Respect"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := show(promotion.InForce(c.spec)); got != c.want {
				t.Errorf("in force:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestResolution(t *testing.T) {
	byTag := func() *PromotionBuilder { return MakePromotion("p").Tag("api", "1.4") }
	answer := func(a promotion.TagAnswer) func(*world) {
		return func(w *world) { w.resolution.Answers = map[string]promotion.TagAnswer{"api": a} }
	}
	back := promotion.ReleaseHash(Release("v0"))
	cases := []struct {
		name    string
		promote *PromotionBuilder
		change  func(*world)
		want    string // a reason, or the seed of the release
	}{
		{"a digest is taken as given", MakePromotion("p").Digest("api", Digest("v2")), nil, "v2"},
		{"a tag that the registry knows", byTag(), answer(promotion.TagAnswer{Digest: Digest("v3")}), "v3"},
		{"a tag that was not asked for yet", byTag(), nil, "RegistryUnavailable"},
		{"a tag that does not exist", byTag(), answer(promotion.TagAnswer{Reason: "TagNotFound", Message: "no such tag"}), "TagNotFound"},
		{"a registry that lets nobody in", byTag(), answer(promotion.TagAnswer{Reason: "RegistryDenied", Message: "401"}), "RegistryDenied"},
		{"an answer that says nothing is no release", byTag(), answer(promotion.TagAnswer{}), "RegistryUnavailable"},
		{"an image left out stays as it runs in the first environment", MakePromotion("p"), nil, "v1"},
		{"an image left out that runs nowhere", MakePromotion("p"), func(w *world) { w.site(MakeEnvironment("shop-dev", v1alpha1.TierDevelopment)) }, "ImageMissing"},
		{"an image left out, in the first selected environment", MakePromotion("p").Environments("test"), func(w *world) {
			w.site(MakeEnvironment("shop-test", v1alpha1.TierTest), Release("v4")...)
		}, "v4"},
		{"an image that the pipeline does not list", MakePromotion("p").Digest("web", Digest("v2")), nil, "ImageNotListed"},
		{"an environment that the pipeline does not list", MakePromotion("p").Environments("moon"), nil, "EnvironmentNotListed"},
		{"no pipeline", MakePromotion("p"), func(w *world) { w.pipeline = nil }, "PipelineNotFound"},
		{"a pipeline in a circle", MakePromotion("p"), func(w *world) { w.pipeline = MakePipeline().After("dev", "prod").Obj() }, "PipelineNotAccepted"},
		{"scenario 8: a rollback takes the images of the record", MakePromotion("p").Rollback("prod", back), func(w *world) {
			w.keep(MakeRecord("shop-prod", "r", Release("v0")...).Obj())
		}, "v0"},
		{"a rollback to what never ran there", MakePromotion("p").Rollback("prod", back), func(w *world) {
			w.keep(MakeRecord("shop-test", "r", Release("v0")...).Obj())
		}, "ReleaseNotFound"},
		{"a rollback to what failed there", MakePromotion("p").Rollback("prod", back), func(w *world) {
			w.keep(MakeRecord("shop-prod", "r", Release("v0")...).Result(v1alpha1.ResultFailed).Obj())
		}, "ReleaseNotFound"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			plan := decideChecked(t, w.snapshot(w.add(c.promote.Obj())))
			resolved := conditionOf(plan.Status, v1alpha1.ConditionResolved)
			got := resolved.Reason
			if got == v1alpha1.ReasonResolved {
				got = strings.TrimPrefix(w.named([]string{plan.Status.Images[0].Reference()}), "api@")
			}
			if got != c.want {
				t.Errorf("resolved: %s (%s), want %s", got, resolved.Message, c.want)
			}
			if resolved.Status != metav1.ConditionTrue && len(plan.Effects) > 0 {
				t.Errorf("effects before it is resolved: %v", plan.Effects)
			}
		})
	}
}

func TestScenario13ATagIsResolvedOnce(t *testing.T) {
	w := newWorld(t)
	w.resolution.Answers = map[string]promotion.TagAnswer{"api": {Digest: Digest("v2")}}
	p := w.add(MakePromotion("p").Tag("api", "latest").Obj())
	if plan := decideChecked(t, w.snapshot(p)); len(plan.Effects) > 0 {
		t.Errorf("what the tag meant is not written down yet, and %v", plan.Effects)
	}
	w.decide(p)
	w.resolution.Answers = map[string]promotion.TagAnswer{"api": {Digest: Digest("v3")}}
	w.run()
	if got := p.Status.Images[0]; got != Image("api", "v2") {
		t.Errorf("the release is %s", w.named([]string{got.Reference()}))
	}
}

func TestAnUnresolvedPromotionWaitsEndsAndWakes(t *testing.T) {
	w := newWorld(t)
	w.resolution.Next = w.now.Add(seconds(5))
	p := w.add(MakePromotion("p").Tag("api", "latest").Deadline(3600).Obj())
	if plan := decideChecked(t, w.snapshot(p)); !plan.Wake.Equal(w.resolution.Next) {
		t.Errorf("wakes at %s, want %s", plan.Wake, w.resolution.Next)
	}
	w.run().wait(seconds(3600)).run()
	if p.Status.Outcome != v1alpha1.OutcomeExpired {
		t.Errorf("scenario 45: outcome %q", p.Status.Outcome)
	}
	q := w.add(MakePromotion("q").Tag("api", "latest").Cancelled().Obj())
	w.run()
	if q.Status.Outcome != v1alpha1.OutcomeCancelled {
		t.Errorf("outcome %q", q.Status.Outcome)
	}
}

func TestReleaseHash(t *testing.T) {
	a := []v1alpha1.Image{Image("api", "v1"), Image("worker", "v2")}
	b := []v1alpha1.Image{a[1], a[0]}
	b[0].Name = "renamed"
	if promotion.ReleaseHash(a) != promotion.ReleaseHash(b) {
		t.Error("order and names make another release")
	}
	if promotion.ReleaseHash(a) == promotion.ReleaseHash(Release("v1", "api", "worker")) {
		t.Error("another digest makes the same release")
	}
}

func TestEnforcedCopyRoundTrip(t *testing.T) {
	c := promotion.EnforcedCopy{
		Lock: v1alpha1.LockEnforce, Tier: v1alpha1.TierProduction, Images: []string{"b@1", "a@1", "a@1"},
		Pins: map[string]string{"a": "a@1"}, Owners: map[string]string{"a": "shop/checkout"},
		Adopted: map[string]string{"a:v1=x": "sha256:1"}, Others: []string{"redis:7"}, Prefixes: []string{"mesh/"},
		Unmanaged: v1alpha1.UnmanagedDeny, GateImages: []string{"t@1=sl-1"}, Mirrors: map[string]string{"m/a": "a", "n/a": "a"},
	}
	ns := MakeSite(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Obj()).Obj().Namespace
	Enforce(ns, c)
	if got := promotion.ParseEnforced(ns); !got.Equal(c) || got.Adopted["a:v1=x"] != "sha256:1" {
		t.Errorf("read back: %+v", got)
	}
	clone := c.Clone()
	clone.Pins["b"], clone.Images[0] = "b@2", "z"
	if len(c.Pins) != 1 || c.Images[0] != "b@1" {
		t.Error("a clone shares with its origin")
	}
}
