package promotion_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

var update = flag.Bool("update", false, "write the golden logs anew")

// golden compares the log of a world with the file of that name.
func (w *world) golden(name string) {
	w.t.Helper()
	file := filepath.Join("testdata", "golden", name+".log")
	got := strings.Join(w.log, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file) //nolint:gosec // a file of this package.
	if err != nil {
		w.t.Fatal(err)
	}
	if got != string(want) {
		w.t.Errorf("the log differs from %s (go test -update writes it anew):\n%s", file, got)
	}
}

// Each model run plays a promotion in a small cluster and compares every effect and every change of state with a log.
func TestModelRuns(t *testing.T) {
	runs := []struct {
		name   string
		reason string
		play   func(*world)
	}{
		{"happy-path", "dev, test with its gates, sign-off, production, done", func(w *world) {
			w.signers = []string{"alice"}
			w.promote("v2")
			w.run()
		}},
		{"failing-gate", "test goes back to v1, production never sees v2", func(w *world) {
			w.verdicts["test/functional"] = []promotion.RunState{promotion.RunFailed}
			w.promote("v2")
			w.run()
		}},
		{"rejection", "one no is final", func(w *world) {
			w.promote("v2")
			w.run()
			site := w.sites["shop-prod"]
			w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Rejected("the load report looks bad"))
			w.run()
		}},
		{"superseded", "scenario 6: a newer promotion takes the place of one that waits for approvals", func(w *world) {
			w.promote("v2")
			w.run().wait(time.Minute).promote("v3")
			w.run()
		}},
		{"cancelled-in-test", "scenario 11: what was entered goes back, what was not is not entered", func(w *world) {
			w.hanging["test/stress"] = true
			w.promote("v2")
			w.run().get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
			w.run()
		}},
		{"rollout-fails", "v2 crashes: after the timeout v1 comes back", func(w *world) {
			w.broken[Digest("v2")] = true
			w.promote("v2")
			w.run().wait(time.Hour).run()
		}},
		{"rollback", "v2 was promoted, v1 is brought back without evidence and without sign-off", func(w *world) {
			w.signers = []string{"alice"}
			w.promote("v2")
			w.run().wait(time.Minute)
			w.add(MakePromotion("back").Created(time.Hour*2).Rollback("prod", promotion.ReleaseHash(Release("v1"))).Obj())
			w.run()
		}},
		{"preempted", "scenario 39: a rollback takes the slot from a promotion that is stuck in its rollout", func(w *world) {
			w.signers = []string{"alice"}
			w.promote("v2")
			w.run().wait(time.Minute).promote("v3")
			w.in("checkout-v3", "prod", v1alpha1.StateDeploying).broken[Digest("v3")] = true
			w.run().wait(time.Minute)
			w.add(MakePromotion("back").Created(w.now.Sub(Epoch)).Rollback("prod", promotion.ReleaseHash(Release("v1"))).Obj())
			w.run()
		}},
		{"rollback-fails", "scenario 12: v1 does not come up again either; the slot is free, and a fix gets in", func(w *world) {
			w.broken[Digest("v2")] = true
			w.promote("v2")
			w.run().broken[Digest("v1")] = true
			w.wait(time.Hour).run().wait(time.Hour).run().promote("v3")
			w.run()
		}},
		{"branches", "scenario 5: one branch fails, the other finishes, what comes after is not entered", func(w *world) {
			w.pipeline = MakePipeline().Environments("dev", "test", "eu", "us", "prod").
				After("eu", "test").After("us", "test").After("prod", "us").Obj()
			for _, namespace := range []string{"shop-eu", "shop-us"} {
				w.site(MakeEnvironment(namespace, v1alpha1.TierTest).Gate(JobGate("smoke", v1alpha1.PurposeFunctional)), Release("v1")...)
			}
			w.verdicts["us/smoke"] = []promotion.RunState{promotion.RunFailed}
			w.hanging["eu/smoke"] = true
			w.promote("v2")
			w.run().hanging["eu/smoke"] = false
			w.run()
		}},
		{"held", "onFailure: Hold leaves v2 in place; v3 gets in", func(w *world) {
			w.pipeline = MakePipeline().Environments("test").Hold("test").Obj()
			w.verdicts["test/stress"] = []promotion.RunState{promotion.RunFailed}
			w.promote("v2")
			w.run().verdicts["test/stress"] = nil
			w.wait(time.Minute).promote("v3")
			w.run()
		}},
		{"in-order", "queue: InOrder, both go through, the older first", func(w *world) {
			w.pipeline = MakePipeline().Environments("test").Obj()
			w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).InOrder().Gate(JobGate("functional", v1alpha1.PurposeFunctional)), Release("v1")...)
			w.promote("v2")
			w.wait(time.Minute).promote("v3")
			w.run()
		}},
		{"retried-gate", "a failed attempt is repeated as often as the gate says", func(w *world) {
			gate := JobGate("functional", v1alpha1.PurposeFunctional)
			gate.Retries = new(int32)
			*gate.Retries = 1
			w.pipeline = MakePipeline().Environments("test").Obj()
			w.site(MakeEnvironment("shop-test", v1alpha1.TierTest).Gate(gate), Release("v1")...)
			w.verdicts["test/functional"] = []promotion.RunState{promotion.RunFailed, promotion.RunPassed}
			w.promote("v2")
			w.run()
		}},
		{"stale-pin", "scenario 41: a touch that the pin had not reached yet is repeated, and is no failure", func(w *world) {
			w.pipeline = MakePipeline().Environments("dev").Obj()
			w.stale["shop-dev"] = 2
			w.promote("v2")
			w.run()
		}},
	}
	for _, run := range runs {
		t.Run(run.name, func(t *testing.T) {
			w := newWorld(t)
			run.play(w)
			w.golden(run.name)
		})
	}
}
