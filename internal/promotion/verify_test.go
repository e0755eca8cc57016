package promotion_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// gated is a world with one environment, test, with the given gates.
func gated(t *testing.T, gates ...v1alpha1.Gate) *world {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("test").Obj()
	env := MakeEnvironment("shop-test", v1alpha1.TierTest)
	for _, gate := range gates {
		env.Gate(gate)
	}
	w.site(env, Release("v1")...)
	w.promote("v2")
	return w
}

func functional() v1alpha1.Gate { return JobGate("functional", v1alpha1.PurposeFunctional) }

func short(gate v1alpha1.Gate) v1alpha1.Gate {
	gate.TimeoutSeconds = 60
	return gate
}

func retried(gate v1alpha1.Gate, retries int32) v1alpha1.Gate {
	gate.Retries = &retries
	return gate
}

func (w *world) gateStates() []string {
	var states []string
	for _, gate := range w.at("checkout-v2", "test").Gates {
		states = append(states, gate.Name+" "+string(gate.State))
	}
	return states
}

func TestGates(t *testing.T) {
	failed, passed, inconclusive := promotion.RunFailed, promotion.RunPassed, promotion.RunInconclusive
	stress := JobGate("stress", v1alpha1.PurposeStress)
	unknown := v1alpha1.Gate{Name: "future", Purpose: v1alpha1.PurposeOther}
	cases := []struct {
		name     string
		reason   string
		gates    []v1alpha1.Gate
		verdicts []promotion.RunState
		state    v1alpha1.EnvironmentState
		cause    v1alpha1.EnvironmentCause
		want     []string
	}{
		{"no gates", "", nil, nil, v1alpha1.StatePassed, "", nil},
		{"all pass", "", []v1alpha1.Gate{functional(), stress}, nil, v1alpha1.StatePassed, "", []string{"functional Passed", "stress Passed"}},
		{"the first fails", "the second does not run: gates run in order", []v1alpha1.Gate{functional(), stress}, []promotion.RunState{failed},
			v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed, []string{"functional Failed", "stress Pending"}},
		{"it fails once and may be repeated once", "", []v1alpha1.Gate{retried(functional(), 1)}, []promotion.RunState{failed, passed},
			v1alpha1.StatePassed, "", []string{"functional Passed"}},
		{"it fails as often as it may be repeated", "one attempt, two repetitions", []v1alpha1.Gate{retried(functional(), 2)}, []promotion.RunState{failed, failed, failed, passed},
			v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed, []string{"functional Failed"}},
		{"it measured too little", "Inconclusive is never Passed", []v1alpha1.Gate{functional()}, []promotion.RunState{inconclusive},
			v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive, []string{"functional Inconclusive"}},
		{"inconclusive, then passed", "", []v1alpha1.Gate{retried(functional(), 1)}, []promotion.RunState{inconclusive, passed},
			v1alpha1.StatePassed, "", []string{"functional Passed"}},
		{"a run in a state from the future", "what is not known did not pass", []v1alpha1.Gate{functional()}, []promotion.RunState{"TimedOut"},
			v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive, []string{"functional Inconclusive"}},
		{"a gate of a kind that this operator does not know", "it never passes", []v1alpha1.Gate{unknown}, nil,
			v1alpha1.StateRolledBack, v1alpha1.CauseGateInconclusive, []string{"future Errored"}},
		{"a short gate that fails after another", "quiet or not, it counts", []v1alpha1.Gate{stress, short(functional())}, []promotion.RunState{failed},
			v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed, []string{"stress Passed", "functional Failed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, c.gates...)
			w.verdicts["test/functional"] = c.verdicts
			got := w.run().at("checkout-v2", "test")
			if got.State != c.state || got.Cause != c.cause {
				t.Errorf("%s: test is %s (%s), want %s (%s)", c.reason, got.State, got.Cause, c.state, c.cause)
			}
			if states := w.gateStates(); !slices.Equal(states, c.want) {
				t.Errorf("%s: gates are %v, want %v", c.reason, states, c.want)
			}
			if attempts := strings.Count(strings.Join(w.log, "\n"), "starts functional"); c.verdicts != nil && c.cause == v1alpha1.CauseGateFailed && attempts != 1+int(retries(c.gates)) {
				t.Errorf("I6: %d attempts", attempts)
			}
		})
	}
}

func retries(gates []v1alpha1.Gate) int32 {
	for _, gate := range gates {
		if gate.Retries != nil {
			return *gate.Retries
		}
	}
	return 0
}

func TestGatesOfPlatformAndTeam(t *testing.T) {
	w := newWorld(t)
	w.pipeline = MakePipeline().Environments("test").Gate("test", functional()).Gate("test", JobGate("contract", v1alpha1.PurposeFunctional)).Obj()
	w.promote("v2")
	w.run()
	var got []string
	for _, gate := range w.at("checkout-v2", "test").Gates {
		got = append(got, gate.Name+" "+string(gate.DeclaredBy))
	}
	want := []string{"functional Platform", "stress Platform", "team-functional Anyone", "contract Anyone"}
	if !slices.Equal(got, want) {
		t.Errorf("gates are %v, want %v", got, want)
	}
}

func TestAGateThatCannotStart(t *testing.T) {
	for _, gates := range [][]v1alpha1.Gate{{functional()}, {JobGate("first", v1alpha1.PurposeOther), short(functional())}} {
		w := gated(t, gates...)
		w.problems["test/functional"] = "ErrImagePull: no such image"
		w.run().wantReasons("checkout-v2", "test", "GateCannotStart")
		w.hanging["test/functional"] = true
		delete(w.problems, "test/functional")
		w.run().wantReasons("checkout-v2", "test", "GateRunning")
		w.hanging = nil
		if got := w.run().at("checkout-v2", "test"); got.State != v1alpha1.StatePassed {
			t.Errorf("it was mended, and test is %s", got.State)
		}
	}
}

func TestShortGatesAreNotWrittenOfTheirOwn(t *testing.T) {
	w := gated(t, short(functional()), short(JobGate("second", v1alpha1.PurposeStress)))
	w.hanging["test/second"] = true
	w.run()
	if got := w.gateStates(); !slices.Equal(got, []string{"functional Running", "second Pending"}) {
		t.Errorf("gates are %v: what follows a short gate is not a write of its own", got)
	}
	w.hanging = nil
	w.run()
	if got := w.gateStates(); !slices.Equal(got, []string{"functional Passed", "second Passed"}) {
		t.Errorf("gates are %v", got)
	}
}

func TestAJobThatSomebodyDeletedIsMadeAgain(t *testing.T) {
	w := gated(t, functional())
	w.hanging["test/functional"] = true
	before := w.run().get("checkout-v2").Status
	job := w.sites["shop-test"].Runs[0].Job
	w.sites["shop-test"].Runs = nil
	plan := w.plan()
	start, ok := plan.Effects[0].(promotion.StartGate)
	if !ok || start.Job != job || start.Attempt != 1 {
		t.Errorf("I6: %v, want the same attempt %s", plan.Effects, job)
	}
	if !sameStatus(before, plan.Status) {
		t.Error("the status changes")
	}
}

func TestJobsOfAnotherGateSpecDoNotCount(t *testing.T) {
	w := gated(t, functional())
	w.run()
	w.get("checkout-v2").Status.Environments[0].RecordRef = v1alpha1.RecordReference{}
	w.records = w.records[:1]
	p := w.get("checkout-v2")
	p.Labels, p.Status.Outcome = nil, ""
	p.Status.Environments[0].State = v1alpha1.StateVerifying
	w.sites["shop-test"].Environment.Spec.Gates[0].Job.Args = []string{"--all"}
	if got := effectNames(w.plan()); !slices.Contains(got, "Pin") || slices.Contains(got, "StartGate") {
		t.Errorf("effects %v: the lock has to know the Job first", got)
	}
	w.decide(p)
	if got := effectNames(w.plan()); !slices.Contains(got, "StartGate") {
		t.Errorf("effects %v: the gate is another one now, and has to run", got)
	}
}

func TestSoak(t *testing.T) {
	cases := []struct {
		name   string
		reason string
		change func(*promotion.Site)
		wait   time.Duration
		want   v1alpha1.EnvironmentState
		cause  v1alpha1.EnvironmentCause
	}{
		{"it is not over", "", func(*promotion.Site) {}, 10 * time.Second, v1alpha1.StateVerifying, ""},
		{"it is over", "", func(*promotion.Site) {}, time.Minute, v1alpha1.StatePassed, ""},
		{"a container restarts", "", func(s *promotion.Site) { s.Workloads[0].Pods[0].Restarts++ }, time.Minute, v1alpha1.StateRolledBack, v1alpha1.CauseGateFailed},
		{"a container of an ignored workload restarts", "scenario 44: it is not ours", func(s *promotion.Site) {
			s.Workloads = append(s.Workloads, MakeWorkload("Deployment", "copy").Image(Image("api", "v1").Reference()).Pods(1).
				With(func(w *promotion.Workload) { w.Ignored, w.Pods[0].Restarts = true, 7 }).Obj())
		}, time.Minute, v1alpha1.StatePassed, ""},
		{"a pod is not ready", "", func(s *promotion.Site) { s.Workloads[0].Settled = false }, 0, v1alpha1.StateRollingBack, v1alpha1.CauseGateFailed},
		{"something else runs", "drift", func(s *promotion.Site) {
			s.Workloads[0].Pods[0].Images[0].Image = Image("api", "v9").Reference()
		}, 0, v1alpha1.StateRollingBack, v1alpha1.CauseDrifted},
	}
	for _, c := range cases {
		for _, soak := range []v1alpha1.Gate{SoakGate("soak", 60), short(SoakGate("soak", 60))} {
			t.Run(c.name, func(t *testing.T) {
				w := gated(t, JobGate("first", v1alpha1.PurposeFunctional), soak)
				w.sites["shop-test"].Workloads[0].Pods[0].Restarts = 3
				plan := w.run().plan()
				if plan.Wake.IsZero() {
					t.Fatal("nobody looks when the soak is over")
				}
				c.change(w.sites["shop-test"])
				if c.wait == 0 {
					w.decide(w.get("checkout-v2"))
				} else {
					w.wait(c.wait).run()
				}
				if got := w.at("checkout-v2", "test"); got.State != c.want || got.Cause != c.cause {
					t.Errorf("%s: test is %s (%s), want %s (%s); %v", c.reason, got.State, got.Cause, c.want, c.cause, got.Gates)
				}
			})
		}
	}
}

func TestDrift(t *testing.T) {
	cases := []struct {
		name   string
		reason string
		change func(*promotion.Workload)
		drifts bool
	}{
		{"nothing changed", "", func(*promotion.Workload) {}, false},
		{"somebody changed the template", "", func(w *promotion.Workload) { w.Images[0].Image = Image("api", "v9").Reference() }, true},
		{"somebody put a tag there", "a tag is no digest", func(w *promotion.Workload) { w.Images[0].Image = Repository("api") + ":v2" }, true},
		{"a pod runs something else", "", func(w *promotion.Workload) { w.Pods[1].Images[0].Image = Image("api", "v9").Reference() }, true},
		{"a pod is not ready", "that is no drift", func(w *promotion.Workload) { w.Pods[1].Ready = false }, false},
		{"scenario 17: a pod more", "", func(w *promotion.Workload) { w.Pods = append(w.Pods, w.Pods[0]) }, false},
		{"another container changed", "only the release's repositories count", func(w *promotion.Workload) {
			w.Images = append(w.Images, promotion.ContainerImage{Container: "mesh", Image: "mesh:2"})
		}, false},
		{"scenario 44: the workload is to be left alone", "", func(w *promotion.Workload) { w.Ignored, w.Images[0].Image = true, Image("api", "v9").Reference() }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := gated(t, functional(), JobGate("other", v1alpha1.PurposeOther))
			w.hanging["test/other"] = true
			w.run()
			c.change(&w.sites["shop-test"].Workloads[0])
			e := w.plan().Status.Environments[0]
			if drifted := e.Cause == v1alpha1.CauseDrifted; drifted != c.drifts {
				t.Errorf("%s: drifted: %t, want %t; %s", c.reason, drifted, c.drifts, e.Message)
			}
		})
	}
}

func TestDriftIsSeenBeforeTheLastGateCounts(t *testing.T) {
	w := gated(t, functional())
	w.hanging["test/functional"] = true
	w.run()
	site := w.sites["shop-test"]
	site.Runs[0].State = promotion.RunPassed
	site.Workloads[0].Pods[0].Images[0].Image = Image("api", "v9").Reference()
	for _, effect := range w.plan().Effects {
		if record, ok := effect.(promotion.CreateRecord); ok {
			t.Errorf("I2: records %s of what did not run", record.Record.Spec.Result)
		}
	}
}

func TestScenario15ScaledToZero(t *testing.T) {
	w := gated(t, functional())
	w.in("checkout-v2", "test", v1alpha1.StateDeploying).runUntil(func() bool { return w.sites["shop-test"].Workloads[0].Release != "" })
	workload := &w.sites["shop-test"].Workloads[0]
	workload.Desired, workload.Pods, workload.Settled = 0, nil, true
	w.run().wantReasons("checkout-v2", "test", "WorkloadScaledToZero")
	mended := cloneSite(*w.sites["shop-test"])
	w.wait(11 * time.Minute).run()
	if got := w.at("checkout-v2", "test"); got.Cause != v1alpha1.CauseGateInconclusive {
		t.Errorf("test is %s (%s), want Inconclusive", got.State, got.Cause)
	}
	if len(mended.Runs) > 0 {
		t.Error("a gate ran and measured nothing")
	}
}

func TestStoppedGatesAreCancelledInTheRecord(t *testing.T) {
	w := gated(t, functional())
	w.hanging["test/functional"] = true
	w.run().get("checkout-v2").Spec.Lifecycle = v1alpha1.LifecycleCancelled
	w.run()
	if got := w.gateStates(); !slices.Equal(got, []string{"functional Cancelled"}) {
		t.Errorf("gates are %v: nothing runs any more", got)
	}
}

func TestScenario7EditsOfThePipelineWait(t *testing.T) {
	w := gated(t, functional())
	w.hanging["test/functional"] = true
	w.run()
	w.pipeline = MakePipeline().Environments("dev", "prod").Obj()
	w.pipeline.Generation = 2
	w.run()
	p := w.get("checkout-v2")
	if !strings.Contains(p.Status.Message, "the pipeline changed since; this Promotion goes on as it started") {
		t.Errorf("message %q", p.Status.Message)
	}
	w.pipeline = nil
	w.run()
	if !strings.Contains(p.Status.Message, "the pipeline was deleted since") {
		t.Errorf("message %q", p.Status.Message)
	}
	w.hanging = nil
	w.run()
	if p.Status.Outcome != v1alpha1.OutcomeSucceeded {
		t.Errorf("outcome %q", p.Status.Outcome)
	}
}

func TestWhatIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.signers = []string{"alice"}
	w.add(MakePromotion("checkout-v2").Digest("api", Digest("v2")).OnBehalfOf("erin").ChangeBy("frank").Obj())
	w.run()
	r := w.records[len(w.records)-1]
	p := w.get("checkout-v2")
	got := fmt.Sprint(r.Namespace, " ", r.Spec.Result, r.Spec.ReleaseHash == p.Status.ReleaseHash, r.Spec.CompletionTime != nil)
	for _, gate := range r.Spec.Gates {
		got += fmt.Sprint("; ", gate.Name, gate.State, gate.CompletionTime != nil)
	}
	for _, a := range r.Spec.Approvals {
		got += fmt.Sprint("; ", a.Approver, a.State)
	}
	by := r.Spec.Promotion
	got += fmt.Sprint("; ", by.RequestedBy, by.OnBehalfOf, by.Reason, len(by.Changes))
	if want := "shop-prod Passedtrue true; smokePassedtrue; aliceCounted; dave[erin]SHOP-812: refunds are rounded to cents1"; got != want {
		t.Errorf("the record says\n%s\nwant\n%s", got, want)
	}
	adopted := w.records[slices.IndexFunc(w.records, func(x *v1alpha1.ReleaseRecord) bool { return x.Namespace == "shop-prod" })]
	if r.Spec.PreviousHash != promotion.RecordHash(adopted) {
		t.Error("I5: the chain of records is broken")
	}
	if p.Status.Environments[2].RecordRef.Name != r.Name {
		t.Errorf("the status names %q", p.Status.Environments[2].RecordRef.Name)
	}
}

func TestNewerIsBySequenceThenTimeThenName(t *testing.T) {
	a := MakeRecord("shop-prod", "a", Release("v1")...).Obj()
	b := MakeRecord("shop-prod", "b", Release("v2")...).Obj()
	later := MakeRecord("shop-prod", "0", Release("v3")...).Created(time.Minute).Obj()
	if got := promotion.Stable([]*v1alpha1.ReleaseRecord{b, a}, "shop-prod"); got != b {
		t.Errorf("stable is %s, want b", got.Name)
	}
	if got := promotion.Stable([]*v1alpha1.ReleaseRecord{later, b, a}, "shop-prod"); got != later {
		t.Errorf("stable is %s, want the later one", got.Name)
	}
	for _, result := range []v1alpha1.RecordResult{v1alpha1.ResultFailed, v1alpha1.ResultRolledBack, v1alpha1.ResultRevoked} {
		later.Spec.Result = result
		if got := promotion.Stable([]*v1alpha1.ReleaseRecord{later, b, a}, "shop-prod"); got != b {
			t.Errorf("stable is %s though it is %s", got.Name, result)
		}
	}
	a.Spec.Sequence, b.Spec.Sequence = 2, 1
	if got := promotion.Stable([]*v1alpha1.ReleaseRecord{b, a}, "shop-prod"); got != a {
		t.Errorf("scenario 27: stable is %s; times are new after a restore, and the sequence decides", got.Name)
	}
	if promotion.Stable(nil, "shop-prod") != nil {
		t.Error("nothing is stable")
	}
}

// The lock lets only the images of gates run that are listed in the Namespace: a gate that is added while others run has
// to be listed before its Job is made.
func TestAGateThatIsAddedWhileOthersRun(t *testing.T) {
	w := gated(t, functional())
	w.in("checkout-v2", "test", v1alpha1.StateVerifying)
	added := JobGate("added", v1alpha1.PurposeOther)
	added.Job.Image = "registry.example.com/tests/added@" + Digest("added")
	env := w.sites["shop-test"].Environment
	env.Spec.Gates = append(env.Spec.Gates, added)
	w.run()
	if got, want := w.gateStates(), []string{"functional Passed", "added Passed"}; !slices.Equal(got, want) {
		t.Errorf("gates are %v, want %v", got, want)
	}
}
