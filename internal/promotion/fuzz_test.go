package promotion_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// dice are thrown from bytes. Once they are used up, every throw is 0, which is always the harmless choice.
type dice struct{ bytes []byte }

// roll returns a number from 0 up to, but not including, sides.
func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	n := int(d.bytes[0]) % sides
	d.bytes = d.bytes[1:]
	return n
}

// one in so many throws.
func (d *dice) one(in int) bool { return d.roll(in) == 1 }

func choose[T any](d *dice, values ...T) T { return values[d.roll(len(values))] }

// FuzzDecide plays in a small cluster what the bytes say: promotions, signatures, failures, sabotage, time. Every
// decision is checked by decideChecked and against the design by the oracle.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(4) {
		f.Add(randomBytes(seed))
	}
	f.Fuzz(playBytes)
}

var worlds = flag.Int("worlds", 20, "how many random worlds TestRandomWorlds plays")

// TestRandomWorlds plays what random bytes say: the same as FuzzDecide, without its search for new paths, and faster.
func TestRandomWorlds(t *testing.T) {
	for seed := range uint64(*worlds) { //nolint:gosec // a number of worlds is not negative.
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { playBytes(t, randomBytes(1000+seed)) })
	}
}

// randomBytes are the same for the same seed.
func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // it has to be the same every time.
	bytes := make([]byte, 300)
	for i := range bytes {
		bytes[i] = byte(r.UintN(256))
	}
	return bytes
}

func playBytes(t *testing.T, bytes []byte) {
	d := &dice{bytes}
	w := randomWorld(t, d)
	w.add(randomPromotion(w, d, "p0"))
	for step := range min(80, 12+len(bytes)) {
		randomStep(w, d, step)
		if t.Failed() {
			t.Logf("%s", strings.Join(w.log, "\n"))
			t.FailNow()
		}
	}
}

func randomWorld(t *testing.T, d *dice) *world {
	w := newWorld(t)
	names := []string{"dev", "test", "prod", "eu"}[:4-d.roll(2)]
	b := MakePipeline().Environments(names...)
	images := []string{"api"}
	if d.one(4) {
		images = append(images, "worker")
		b.Images(images...)
	}
	for i, name := range names {
		if i > 1 && d.one(3) {
			b.After(name, names[d.roll(i)])
		}
		if d.one(5) {
			b.Hold(name)
		}
	}
	w.pipeline = b.Obj()
	tiers := map[string]v1alpha1.Tier{"dev": v1alpha1.TierDevelopment, "test": v1alpha1.TierTest}
	for _, name := range names {
		tier := tiers[name]
		if tier == "" {
			tier = v1alpha1.TierProduction
		}
		w.site(randomEnvironment(d, "shop-"+name, tier), Release("v1", images...)...)
	}
	return w
}

func randomEnvironment(d *dice, namespace string, tier v1alpha1.Tier) *EnvironmentBuilder {
	env := MakeEnvironment(namespace, tier)
	if tier == v1alpha1.TierTest {
		env.Gate(JobGate("functional", v1alpha1.PurposeFunctional)).Gate(JobGate("stress", choose(d, v1alpha1.PurposeStress, v1alpha1.PurposeOther)))
	}
	demandMore(d, env)
	if d.one(4) {
		skips := choose(d, nil, []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence}, []v1alpha1.EmergencySkip{v1alpha1.SkipFreezes})
		env.Emergencies(choose(d, v1alpha1.RequesterExcluded, v1alpha1.RequesterAllowed), choose(d, "qa", "sre"), skips...)
	}
	switch d.roll(8) {
	case 1:
		env.Freeze(Nightly("night", int32(d.roll(24)), choose[int32](d, 600, 7200, 43200), choose(d, "UTC", "Asia/Tokyo"))) //nolint:gosec // an hour.
	case 2:
		env.Freeze(window(Nightly("day", 9, choose[int32](d, 600, 7200, 43200), "UTC"))).RollbackFreezes(choose(d, v1alpha1.FreezesIgnore, v1alpha1.FreezesRespect))
	case 3:
		env.Freeze(Once("audit", time.Hour, 10*time.Hour)).Freeze(window(Nightly("day", 9, 43200, "UTC")))
	}
	switch d.roll(8) {
	case 1:
		env.Exclusive()
	case 2:
		env.InOrder()
	case 3:
		env.Gate(SoakGate("soak", 30))
	case 4:
		env.Gate(retried(JobGate("flaky", v1alpha1.PurposeOther), 1))
	case 5:
		env.Lock(v1alpha1.LockAudit)
	case 6:
		gate := JobGate("tagged", v1alpha1.PurposeOther)
		gate.Job.Image = taggedTest
		env.Gate(gate)
	}
	return env
}

func demandMore(d *dice, env *EnvironmentBuilder) {
	switch d.roll(6) {
	case 1:
		env.Approvals(v1alpha1.ApprovalRequirement{Count: 2})
	case 2:
		env.Approvals(v1alpha1.ApprovalRequirement{From: []v1alpha1.ApprovalQuota{{Kind: "Group", Name: "qa", Count: 1}}})
	case 3:
		env.Evidence(v1alpha1.EvidenceRequirement{Purpose: v1alpha1.PurposeStress, From: []v1alpha1.EnvironmentReference{{Namespace: "shop-test"}}, MaxAgeSeconds: 3600})
	case 4:
		env.RollbackApprovals(1)
	}
}

func randomPromotion(w *world, d *dice, name string) *v1alpha1.Promotion {
	b := MakePromotion(name).Created(w.now.Sub(Epoch))
	seed := choose(d, "v2", "v3", "v1")
	if d.one(5) {
		b.Emergency("INC-77", choose(d, nil, []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence}, []v1alpha1.EmergencySkip{v1alpha1.SkipFreezes})...)
	}
	if d.one(5) {
		return b.Rollback(choose(d, "prod", "test"), promotion.ReleaseHash(Release(choose(d, "v1", "v2")))).Obj()
	}
	for _, image := range w.pipeline.Spec.Images {
		b.Digest(image.Name, Digest(seed))
	}
	switch d.roll(8) {
	case 1:
		b.Environments("prod")
	case 2:
		b.Environments("dev", "prod")
	case 3:
		b.OnBehalfOf("alice").ChangeBy("bob")
	case 4:
		b.RequestedBy("system:serviceaccount:ci:bot")
	case 5:
		b.Deadline(1800)
	case 6:
		b.ChangeBy("bob")
	}
	return b.Obj()
}

// randomStep is mostly a decision, and the cluster's work; sometimes people and accidents.
func randomStep(w *world, d *dice, step int) {
	switch d.roll(10) {
	case 7:
		randomPerson(w, d, step)
	case 8:
		randomAccident(w, d)
	case 9:
		randomSabotage(w, d)
	default:
		p := w.promotions[d.roll(len(w.promotions))]
		w.decide(p)
		w.tick()
	}
}

func (w *world) randomSite(d *dice) *promotion.Site {
	return w.sites[choose(d, slices.Sorted(maps.Keys(w.sites))...)]
}

func randomPerson(w *world, d *dice, step int) {
	site := w.randomSite(d)
	switch d.roll(6) {
	case 1:
		if len(w.promotions) < 4 {
			w.add(randomPromotion(w, d, fmt.Sprint("q", step)))
		}
	case 2:
		w.promotions[d.roll(len(w.promotions))].Spec.Lifecycle = v1alpha1.LifecycleCancelled
	case 3:
		w.rights[choose(d, "alice", "bob", "carol")] = choose(d, promotion.RightHeld, promotion.RightLost, promotion.RightUnknown)
	default:
		for _, entry := range site.Environment.Status.Awaiting {
			b := MakeApproval(choose(d, "alice", "bob", "carol", "dave", "Dave", "Alice"), entry).Created(w.now.Sub(Epoch))
			if d.one(3) {
				b.Groups("qa")
			}
			switch d.roll(8) {
			case 1:
				b.Rejected("no")
			case 2:
				b.With(func(a *v1alpha1.Approval) { a.Spec.EvidenceHash = Hash("x") })
			case 3:
				b.With(func(a *v1alpha1.Approval) { a.Spec.PromotionRef.UID = "another" })
			}
			w.approve(site, b)
		}
	}
}

// randomAccident is what happens by itself.
func randomAccident(w *world, d *dice) {
	site := w.randomSite(d)
	switch d.roll(11) {
	case 10:
		w.gateImages = choose(d, knows("test-3"), knows("test-4"), nil)
	case 1:
		w.now = w.now.Add(choose(d, time.Minute, time.Hour, 8*24*time.Hour))
	case 2:
		w.broken[Digest(choose(d, "v2", "v1", "v3"))] = d.one(2)
	case 3:
		w.verdicts[choose(d, "test/functional", "test/stress", "prod/smoke")] = []promotion.RunState{choose(d, promotion.RunFailed, promotion.RunInconclusive)}
	case 4:
		site.Permitted = !site.Permitted
	case 5:
		site.Workloads[0].Pods = append(slices.Clone(site.Workloads[0].Pods), promotion.Pod{
			Name: "restarted", Ready: d.one(2), Restarts: 1, Images: slices.Clone(site.Workloads[0].Images),
		})
	case 6:
		w.stale[site.Namespace.Name] = 2
	case 7:
		site.Workloads[0].Paused = !site.Workloads[0].Paused
	case 8:
		w.hanging[choose(d, "test/functional", "test/stress")] = d.one(2)
	case 9:
		w.policies = choose(d, promotion.Policies{}, withoutTheLock, alteredLock)
	}
}

// randomSabotage is what somebody does who may.
func randomSabotage(w *world, d *dice) {
	site := w.randomSite(d)
	switch d.roll(11) {
	case 10:
		if len(promotion.ParseEnforced(site.Namespace).ChangedByHand()) > 0 {
			w.sealed(site, Release("v9")...)
			return
		}
		w.byHand(site, Image("api", choose(d, "v2", "v9")).Reference())
	case 1:
		site.Environment.Status.Holders, site.Environment.ResourceVersion = nil, w.next()
	case 2:
		site.Workloads[0].Images[0].Image, site.Workloads[0].Settled = Image("api", "v9").Reference(), false
	case 3:
		w.keep(MakeRecord(site.Namespace.Name, "z"+w.next(), Release(choose(d, "v2", "v3"))...).
			Result(choose(d, v1alpha1.ResultRevoked, v1alpha1.ResultFailed)).Created(w.now.Sub(Epoch)).Obj())
	case 4:
		w.records = w.records[:max(0, len(w.records)-1)]
	case 5:
		site.Environment.Status.Holders = append(site.Environment.Status.Holders, v1alpha1.Holder{
			Pipeline: choose(d, "shop/other", PipelineKey), PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "x", UID: "x"},
		})
		site.Environment.ResourceVersion = w.next()
	case 6:
		c := promotion.ParseEnforced(site.Namespace)
		c.Pins[Repository("api")] = Image("api", "v9").Reference()
		Enforce(site.Namespace, c)
		site.Namespace.ResourceVersion = w.next()
	case 7:
		p := w.promotions[d.roll(len(w.promotions))]
		p.Status = v1alpha1.PromotionStatus{}
	case 8:
		site.Namespace.DeletionTimestamp = choose(d, nil, ref(metav1.NewTime(w.now)))
	case 9:
		site.Environment.Spec.Lock = choose(d, v1alpha1.LockEnforce, v1alpha1.LockOff)
		site.Environment.Spec.Requires = nil
	}
}
