package promotion_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// Somebody who can make Jobs, in a namespace that the policies do not guard, makes one that looks like an attempt.
func TestAJobThatTheOperatorDidNotMake(t *testing.T) {
	forge := func(w *world, change func(*promotion.Run)) {
		site := w.sites["shop-test"]
		forged := site.Runs[0]
		forged.Job, forged.UID, forged.State, forged.Message = "sl-00000000000000000000", "forged", promotion.RunPassed, "exit code 0"
		change(&forged)
		site.Runs = append(site.Runs, forged)
		w.owners[forged.Job] = string(w.get("checkout-v2").UID)
	}
	cases := []struct {
		name   string
		change func(*promotion.Run)
	}{
		{"of the attempt that runs", func(*promotion.Run) {}},
		{"of an attempt to come", func(r *promotion.Run) { r.Attempt = 2 }},
		{"with the name of another attempt", func(r *promotion.Run) {
			r.Job, r.Attempt = promotion.JobName("other", r.Environment, r.SpecHash, r.Gate, 2), 2
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, retried(functional(), 1))
			w.hanging["test/functional"] = true
			forge(w.run(), c.change)
			w.run().wantReasons("checkout-v2", "test", "GateRunning")
			if got := w.at("checkout-v2", "test"); got.State != v1alpha1.StateVerifying || got.Gates[0].JobRef.UID == "forged" {
				t.Errorf("test is %s, gates %+v", got.State, got.Gates)
			}
		})
	}
}

func TestATestOfAnotherImageShowsNothing(t *testing.T) {
	exact := functional().Job.Image
	_, digest, _ := strings.Cut(exact, "@")
	cases := []struct {
		name    string
		asked   string
		verdict promotion.RunState
		want    v1alpha1.EnvironmentState
		cause   v1alpha1.EnvironmentCause
	}{
		{"the image that was rendered", exact, promotion.RunPassed, v1alpha1.StatePassed, ""},
		{"the same digest under the name of a mirror", "mirror.example.com/tests@" + digest, promotion.RunPassed, v1alpha1.StatePassed, ""},
		{"another image", "registry.example.com/tests/green@" + Digest("green"), promotion.RunPassed, v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive},
		{"a tag", "registry.example.com/tests/green:1", promotion.RunPassed, v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive},
		{"no image", "", promotion.RunPassed, v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive},
		{"another image that failed", "registry.example.com/tests/red@" + Digest("red"), promotion.RunFailed, v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, functional())
			w.verdicts["test/functional"] = []promotion.RunState{c.verdict}
			site := w.sites["shop-test"]
			w.runUntil(func() bool { return len(site.Runs) > 0 })
			site.Runs[0].Asked = c.asked
			got := w.run().at("checkout-v2", "test")
			if got.State != c.want || got.Cause != c.cause {
				t.Errorf("test is %s (%s): %s", got.State, got.Cause, got.Message)
			}
			if c.cause != "" && !strings.Contains(got.Message, "only results of "+exact+" count") {
				t.Errorf("message %q", got.Message)
			}
		})
	}
}

func TestALoadThatAnotherImageSent(t *testing.T) {
	w := gated(t, LoadGate("peak"))
	w.loads["test/peak"] = func(r *promotion.Run) { r.Asked = "registry.example.com/fast@" + Digest("fast") }
	if got := w.run().at("checkout-v2", "test"); got.Cause != v1alpha1.CauseGateInconclusive || got.Gates[0].Load.Requests != nil {
		t.Errorf("test is %s (%s): %+v", got.State, got.Cause, got.Gates)
	}
}

// Each result in a record says what it is of, and carries a hash over all that it says; the hash of what people sign
// covers it in turn.
func TestResultsAreSealed(t *testing.T) {
	w := gated(t, functional(), JobGate("never", v1alpha1.PurposeOther))
	w.verdicts["test/functional"] = []promotion.RunState{promotion.RunFailed}
	w.run()
	record := w.records[len(w.records)-1]
	result := record.Spec.Gates[0]
	if result.ReleaseHash != record.Spec.ReleaseHash || result.JobRef.UID == "" || result.Image == "" || result.StartTime == nil || result.CompletionTime == nil {
		t.Errorf("the result lacks something: %+v", result)
	}
	if pending := record.Spec.Gates[1]; pending.ResultHash != "" || pending.ReleaseHash != "" {
		t.Errorf("a gate that did not run has a result: %+v", pending)
	}
	if result.ResultHash == "" || promotion.Altered(result) {
		t.Errorf("resultHash %q does not fit", result.ResultHash)
	}
	if shown := w.at("checkout-v2", "test").Gates[0]; shown.ResultHash != result.ResultHash {
		t.Errorf("the status shows %q", shown.ResultHash)
	}
	var read v1alpha1.GateStatus
	encoded, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &read); err != nil || promotion.Altered(read) {
		t.Errorf("as it is stored and read, it does not fit: %v", err)
	}
	before := promotion.EvidenceHash([]*v1alpha1.ReleaseRecord{record})
	for name, alter := range map[string]func(*v1alpha1.GateStatus){
		"state": func(g *v1alpha1.GateStatus) { g.State = v1alpha1.GatePassed },
		"job":   func(g *v1alpha1.GateStatus) { g.JobRef.UID = "another" },
		"image": func(g *v1alpha1.GateStatus) { g.Image = "another" },
		"hash":  func(g *v1alpha1.GateStatus) { g.ReleaseHash = strings.Repeat("0", 64) },
		"begin": func(g *v1alpha1.GateStatus) { g.StartTime = ref(At(0)) },
		"end":   func(g *v1alpha1.GateStatus) { g.CompletionTime = ref(At(0)) },
		"load":  func(g *v1alpha1.GateStatus) { g.Load = LoadFigures() },
	} {
		altered := record.DeepCopy()
		alter(&altered.Spec.Gates[0])
		if !promotion.Altered(altered.Spec.Gates[0]) {
			t.Errorf("%s: nobody sees that it was altered", name)
		}
		if promotion.EvidenceHash([]*v1alpha1.ReleaseRecord{altered}) == before {
			t.Errorf("%s: the evidence hash does not cover it", name)
		}
	}
}
