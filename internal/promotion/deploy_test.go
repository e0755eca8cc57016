package promotion_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// devOnly is a world with one environment without gates, and v2 on its way into it: claimed and pinned, not touched yet.
func devOnly(t *testing.T) *world {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev").Obj()
	w.promote("v2")
	w.decide(w.get("checkout-v2"))
	return w
}

func effectNames(plan promotion.Plan) []string {
	var names []string
	for _, effect := range plan.Effects {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", effect), "promotion."))
	}
	return names
}

func (w *world) plan() promotion.Plan { return decideChecked(w.t, w.snapshot(w.get("checkout-v2"))) }

func TestThePinComesBeforeTheTouch(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev").Obj()
	w.promote("v2")
	if got := effectNames(w.plan()); !slices.Equal(got, []string{"UpdateEnvironment", "Pin"}) {
		t.Errorf("first %v, want the claim and the pin", got)
	}
	w.decide(w.get("checkout-v2"))
	if got := effectNames(w.plan()); !slices.Equal(got, []string{"Touch"}) {
		t.Errorf("then %v, want the touch", got)
	}
	w.decide(w.get("checkout-v2"))
	if got := effectNames(w.plan()); len(got) > 0 {
		t.Errorf("then %v, want nothing but patience", got)
	}
}

func TestPreconditionsOfEffects(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-dev"].Environment.ResourceVersion = "11"
	w.sites["shop-dev"].Namespace.ResourceVersion = "22"
	w.sites["shop-dev"].Workloads[0].ResourceVersion = "33"
	w.promote("v2")
	plan := w.plan()
	claim, _ := plan.Effects[0].(promotion.UpdateEnvironment)
	pin, _ := plan.Effects[1].(promotion.Pin)
	w.decide(w.get("checkout-v2"))
	touch, _ := w.plan().Effects[0].(promotion.Touch)
	if claim.ResourceVersion != "11" || pin.ResourceVersion != "22" || touch.ResourceVersion != "33" {
		t.Errorf("preconditions %s, %s, %s; want 11, 22, 33", claim.ResourceVersion, pin.ResourceVersion, touch.ResourceVersion)
	}
	if len(claim.Status.Holders) != 1 || claim.Status.Holders[0].PromotionRef.UID != string(w.get("checkout-v2").UID) {
		t.Errorf("holders are %v", claim.Status.Holders)
	}
	if want := map[string]string{Repository("api"): Image("api", "v2").Reference()}; !maps.Equal(touch.References, want) {
		t.Errorf("the touch has to leave %v", touch.References)
	}
}

func TestScenario41TouchedAgainWhereThePinWasNotSeen(t *testing.T) {
	w := devOnly(t)
	w.stale["shop-dev"] = 1
	w.decide(w.get("checkout-v2"))
	first := w.sites["shop-dev"].Workloads[0].Release
	w.decide(w.get("checkout-v2"))
	again := w.sites["shop-dev"].Workloads[0].Release
	if first == again || !strings.HasPrefix(again, first) {
		t.Errorf("touched with %q, then with %q: another value of the same release makes admission look again", first, again)
	}
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", got)
	}
}

func TestScenario41APinThatStaysAwayIsNamed(t *testing.T) {
	w := devOnly(t)
	w.stale["shop-dev"] = 100
	p := w.get("checkout-v2")
	for pass, want := range []string{"RollingOut", "RollingOut", "PinPropagating", "PinPropagating"} {
		w.decide(p)
		if got := reasonTypes(w.at("checkout-v2", "dev")); !slices.Equal(got, []string{want}) {
			t.Errorf("pass %d after the claim says %v, want %s: the first touch is often early", pass, got, want)
		}
	}
	before := p.Status.DeepCopy()
	w.decide(p)
	if !sameStatus(*before, p.Status) {
		t.Errorf("each try says something else: %s, then %s", before.Message, p.Status.Message)
	}
	w.stale["shop-dev"] = 0
	if got := w.run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", got)
	}
}

// Each case changes the one workload once it was touched.
func TestRollouts(t *testing.T) {
	old := func(w *promotion.Workload) { w.Settled = true } // its pods run v1 still
	cases := []struct {
		name   string
		reason string
		change func(*promotion.Workload)
		want   []string
	}{
		{"old pods live", "what its controller calls done is not asked", old, []string{"RollingOut"}},
		{"scenario 15: a paused Deployment", "", func(w *promotion.Workload) { old(w); w.Paused = true }, []string{"RolloutPaused"}},
		{"scenario 15: a partitioned StatefulSet", "", func(w *promotion.Workload) { old(w); w.Partitioned = true }, []string{"RolloutPartitioned"}},
		{"scenario 15: pods that somebody has to delete", "", func(w *promotion.Workload) { old(w); w.OnDelete = true }, []string{"PodsMustBeDeleted"}},
		{"admission refuses its pods", "", func(w *promotion.Workload) { w.Problem = "pods \"api\" is forbidden: exceeded quota" }, []string{"AdmissionRefused"}},
		{"a new pod that is not ready", "ready is what counts", func(w *promotion.Workload) {
			runs(w, true)
			w.Pods[0].Ready, w.Pods[0].Problem = false, "ImagePullBackOff"
		}, []string{"RollingOut"}},
		{"fewer pods than wanted", "", func(w *promotion.Workload) { runs(w, true); w.Settled = false }, []string{"RollingOut"}},
		{"every live pod runs the release and is ready", "", func(w *promotion.Workload) { runs(w, true) }, nil},
		{"scenario 15: scaled to zero, old pods gone", "", func(w *promotion.Workload) { w.Pods, w.Desired, w.Settled = nil, 0, true }, nil},
		{"scenario 15: scaled to zero, old pods live", "", func(w *promotion.Workload) { old(w); w.Desired = 0 }, []string{"RollingOut"}},
		{"scenario 16: a CronJob is patched at once", "running Jobs keep the old digest", func(w *promotion.Workload) { w.Kind, w.Pods, w.Settled = "CronJob", nil, false }, nil},
		{"scenario 17: more pods than before", "replicas are not ours", func(w *promotion.Workload) {
			runs(w, true)
			w.Pods, w.Desired = append(w.Pods, w.Pods[0]), 3
		}, nil},
		{"a sidecar of another repository", "only the release's repositories are compared", func(w *promotion.Workload) {
			runs(w, true)
			mesh := promotion.ContainerImage{Container: "mesh", Image: "registry.example.com/mesh/proxy:1"}
			w.Images, w.Pods[0].Images = append(w.Images, mesh), append(w.Pods[0].Images, mesh)
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := devOnly(t)
			w.decide(w.get("checkout-v2"))
			workload := &w.sites["shop-dev"].Workloads[0]
			c.change(workload)
			plan := w.plan()
			e := plan.Status.Environments[0]
			if c.want == nil {
				if e.State != v1alpha1.StateVerifying {
					t.Errorf("%s: %s, want it deployed: %v", c.reason, e.State, e.Reasons)
				}
				return
			}
			if got := reasonTypes(e); !slices.Equal(got, c.want) || e.State != v1alpha1.StateDeploying {
				t.Errorf("%s: %s for %v, want Deploying for %v", c.reason, e.State, got, c.want)
			}
			if want := w.now.Add(10*time.Minute - time.Hour); plan.Wake.Before(want) {
				t.Errorf("wakes at %s", plan.Wake)
			}
			w.wait(10 * time.Minute)
			if e := w.plan().Status.Environments[0]; e.State != v1alpha1.StateRollingBack || e.Cause != v1alpha1.CauseRolloutFailed {
				t.Errorf("ten minutes later: %s (%s)", e.State, e.Cause)
			}
		})
	}
}

// runs lets every pod run what the template says.
func runs(w *promotion.Workload, settled bool) {
	for i := range w.Pods {
		w.Pods[i].Images = slices.Clone(w.Images)
	}
	w.Settled = settled
}

func TestTheRolloutTimeoutIsThePipelines(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev").RolloutTimeout("dev", 30).Obj()
	w.broken[Digest("v2")] = true
	w.promote("v2")
	start := w.now
	plan := w.run().plan()
	if want := start.Add(30 * time.Second); !plan.Wake.Equal(want) {
		t.Errorf("wakes at %s, want %s", plan.Wake, want)
	}
	if w.wait(30*time.Second).run().at("checkout-v2", "dev").Cause != v1alpha1.CauseRolloutFailed {
		t.Errorf("dev is %v", w.at("checkout-v2", "dev"))
	}
}

func TestWhatStandsInTheWayOfDeploying(t *testing.T) {
	cases := []struct {
		name   string
		change func(*world, *promotion.Site)
		want   []string
	}{
		{"the claim was lost, nobody took it", func(_ *world, s *promotion.Site) { s.Environment.Status.Holders = nil }, []string{"RollingOut"}},
		{"the claim was lost to another", func(_ *world, s *promotion.Site) { s.Environment.Status.Holders[0].PromotionRef.UID = "x" }, []string{"EnvironmentBusy"}},
		{"the RoleBinding is gone", func(_ *world, s *promotion.Site) { s.Permitted = false }, []string{"PermissionMissing"}},
		{"the namespace is terminating", func(_ *world, s *promotion.Site) { s.Namespace.DeletionTimestamp = ref(At(0)) }, []string{"EnvironmentTerminating"}},
		{"the Environment is gone", func(_ *world, s *promotion.Site) { s.Environment = nil }, []string{"EnvironmentNotFound"}},
		{"the workload is gone", func(_ *world, s *promotion.Site) { s.Workloads = nil }, []string{"WorkloadsMissing"}},
		{"somebody put the old pins back", func(_ *world, s *promotion.Site) {
			c := promotion.ParseEnforced(s.Namespace)
			c.Pins[Repository("api")] = Image("api", "v1").Reference()
			Enforce(s.Namespace, c)
		}, []string{"RollingOut"}},
		{"the namespace lists too much", func(_ *world, s *promotion.Site) {
			c := promotion.ParseEnforced(s.Namespace)
			for i := range promotion.MaxReferences {
				c.Images = append(c.Images, fmt.Sprintf("registry.example.com/other/i%d@%s", i, Digest("x")))
			}
			Enforce(s.Namespace, c)
		}, []string{"TooManyImages"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := devOnly(t)
			c.change(w, w.sites["shop-dev"])
			plan := w.plan()
			if got := reasonTypes(plan.Status.Environments[0]); !slices.Equal(got, c.want) {
				t.Errorf("waits for %v, want %v", got, c.want)
			}
			for _, effect := range plan.Effects {
				if _, touches := effect.(promotion.Touch); touches && c.want[0] != "RollingOut" {
					t.Errorf("touches all the same: %v", effect)
				}
			}
		})
	}
}

func TestALostClaimIsTakenAgainBeforeAnythingElse(t *testing.T) {
	w := devOnly(t)
	w.sites["shop-dev"].Environment.Status.Holders = nil
	if got := effectNames(w.plan()); !slices.Equal(got, []string{"UpdateEnvironment", "Touch"}) {
		t.Errorf("effects %v, want the claim first", got)
	}
}

func TestAClaimOfAPassThatDidNotLiveToWriteItsStatus(t *testing.T) {
	w := devOnly(t)
	w.get("checkout-v2").Status = v1alpha1.PromotionStatus{}
	plan := w.plan()
	if got := effectNames(plan); !slices.Equal(got, []string{"Touch"}) || plan.Status.Environments[0].State != v1alpha1.StateDeploying {
		t.Errorf("effects %v, state %s; want it to go on where it was killed", got, plan.Status.Environments[0].State)
	}
}

func TestWhatStaysAllowed(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev").Obj()
	site := w.sites["shop-dev"]
	c := promotion.ParseEnforced(site.Namespace)
	c.Images = append(c.Images, Image("api", "v7").Reference(), Image("api", "v6").Reference(), "registry.example.com/other/x@"+Digest("x"))
	c.Pins["registry.example.com/other/x"] = "registry.example.com/other/x@" + Digest("x")
	c.Adopted = map[string]string{Repository("api") + ":old": Digest("v1"), Repository("api") + ":v1": Digest("v1")}
	Enforce(site.Namespace, c)
	site.Workloads[0].Pods[0].Images = []promotion.ContainerImage{{Container: "c0", Image: Image("api", "v8").Reference()}}
	site.Workloads[0].Pods[1].Images = []promotion.ContainerImage{{Container: "c0", Image: Image("api", "v6").Reference()}}
	site.Workloads[0].Images[0].Image = Repository("api") + ":v1"
	w.promote("v2")
	pin, _ := w.plan().Effects[1].(promotion.Pin)
	got := w.named(sorted(pin.Copy.Images))
	for _, seed := range []string{"api@v1", "api@v2", "api@v6", "other/x"} {
		if !strings.Contains(got, seed) {
			t.Errorf("%s is not allowed any more: %s", seed, got)
		}
	}
	if strings.Contains(got, "api@v7") {
		t.Errorf("what nobody runs and nothing falls back to stays allowed: %s", got)
	}
	if strings.Contains(got, "api@v8") {
		t.Errorf("I1: what came in before the lock becomes allowed by living: %s", got)
	}
	if len(pin.Copy.Pins) != 2 || len(pin.Copy.Adopted) != 1 || pin.Copy.Lock != c.Lock {
		t.Errorf("pins %v, adopted %v, lock %s", pin.Copy.Pins, pin.Copy.Adopted, pin.Copy.Lock)
	}
}

func TestScenario1GateImagesOfAnotherPipelineStay(t *testing.T) {
	w := newWorld(t)
	site := w.sites["shop-dev"]
	c := promotion.ParseEnforced(site.Namespace)
	c.GateImages = []string{"registry.example.com/tests/theirs@" + Digest("theirs")}
	Enforce(site.Namespace, c)
	site.Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: "shop/other", PromotionRef: v1alpha1.PromotionReference{Name: "o", UID: "o"}}}
	w.promote("v2")
	pin, _ := w.plan().Effects[1].(promotion.Pin)
	if !slices.Equal(pin.Copy.GateImages, c.GateImages) {
		t.Errorf("gate images are %v: the other promotion's gates would be refused", pin.Copy.GateImages)
	}
}

func TestScenario42TheSameDigestsAgain(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("test").Obj()
	w.promote("v1")
	if got := w.run().get("checkout-v1").Status.Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", got)
	}
	if log := strings.Join(w.log, "\n"); !strings.Contains(log, "starts functional") || !strings.Contains(log, "records Passed") {
		t.Errorf("gates run and leave a record:\n%s", log)
	}
}

func TestMoreWorkloadsThanAStatusListsReasons(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.sites["shop-dev"].Workloads = append(w.sites["shop-dev"].Workloads,
			MakeWorkload("Deployment", fmt.Sprintf("w%d", i)).Image(Image("api", "v1").Reference()).Pods(1).Obj())
	}
	w.promote("v2")
	w.decide(w.get("checkout-v2"))
	if got := len(w.plan().Effects); got != 51 {
		t.Errorf("touches %d workloads, want 51", got)
	}
}

// A release that failed and was left in place may be stuck in the middle of its rollout for ever.
func TestTheFixGetsInWhereTheRolloutIsStuck(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("dev").Hold("dev").Obj()
	w.broken[Digest("v2")] = true
	w.promote("v2")
	if got := w.run().wait(time.Hour).run().get("checkout-v2").Status.Outcome; got != v1alpha1.OutcomeFailed {
		t.Fatalf("outcome %q", got)
	}
	w.promote("v3")
	if got := w.run().get("checkout-v3").Status; got.Outcome != v1alpha1.OutcomeSucceeded {
		t.Errorf("the fix does not get in: %s", got.Message)
	}
}
