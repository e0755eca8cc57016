package attacks_test

import (
	"errors"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// trick is a row of the threat model that the API server lets through: nothing in it is forbidden. The operator must not
// honour it: whatever happens, no image of production changes.
type trick struct {
	// team is the name of the victim, which has namespaces of its own.
	team      string
	by, wants string
	// differs says how the victim differs from the usual one: a test environment with a functional and a stress gate, and
	// production, which demands both and two sign-offs.
	differs func(*victim)
	does    func(*victim)
	// sees waits for what the operator makes of it, and says to people.
	sees func(*victim)
}

// good is a digest that is released as it should be, evil is the other one.
const (
	good = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	evil = "sha256:6666666666666666666666666666666666666666666666666666666666666666"
)

var tricks = []trick{
	{
		team: "skips-test", by: "dave, a developer", wants: "leave the test environment out",
		does: func(v *victim) { v.asks("dave", "evil", evil, through("prod")) },
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonPredecessorPending, "has not passed there") },
	},
	{
		team: "shortens", by: "dave, a developer", wants: "take the test environment out of the pipeline",
		does: func(v *victim) {
			v.changesPipeline(func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments = p.Spec.Environments[1:] })
			v.asks("dave", "evil", evil)
		},
		sees: func(v *victim) {
			v.waits("evil", "prod", v1alpha1.ReasonEvidenceMissing, "a passed Stress gate, declared by an Environment")
		},
	},
	{
		team: "repoints", by: "dave, a developer", wants: "point the pipeline elsewhere while the test runs",
		differs: func(v *victim) { v.functional.Job.Args = []string{"wait"} },
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.testRuns()
			v.changesPipeline(func(p *v1alpha1.DeliveryPipeline) { p.Spec.Environments = p.Spec.Environments[1:] })
			v.testEnds("1", "")
		},
		sees: func(v *victim) { v.ends("evil", v1alpha1.OutcomeFailed, "functional") },
	},
	{
		team: "own-test", by: "dave, who may do everything in a namespace of his own", wants: "bring a test environment of his own, whose gates pass",
		differs: func(v *victim) { v.prodNames = "own-test-test" },
		does:    func(v *victim) { v.bringsTestOfItsOwn("dave") },
		sees:    func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonEvidenceMissing, "own-test-test") },
	},
	{
		team: "own-test-unnamed", by: "dave, who may do everything in a namespace of his own", wants: "do so where production does not name the environments that count",
		differs: func(v *victim) { v.approvals = 0 },
		does:    func(v *victim) { v.bringsWhatItMay("dave") },
		sees: func(v *victim) {
			v.waits("evil", "prod", v1alpha1.ReasonEvidenceMissing, "in own-test-unnamed-test")
		},
	},
	{
		team: "trivial-gates", by: "dave, a developer", wants: "have trivial gates of his pipeline count as tests",
		differs: func(v *victim) { v.platformGates = false },
		does: func(v *victim) {
			v.changesPipeline(func(p *v1alpha1.DeliveryPipeline) {
				p.Spec.Environments[0].Gates = []v1alpha1.Gate{jobGate("f", v1alpha1.PurposeFunctional), jobGate("s", v1alpha1.PurposeStress)}
			})
			v.asks("dave", "evil", evil)
		},
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonEvidenceMissing, "declared by an Environment") },
	},
	{
		team: "open-test", by: "tara, namespace admin of test", wants: "test in a namespace that is not locked, where anything may have run",
		differs: func(v *victim) { v.testLock = v1alpha1.LockOff },
		does:    func(v *victim) { v.asks("dave", "evil", evil) },
		sees: func(v *victim) {
			v.waits("evil", "prod", v1alpha1.ReasonEvidenceMissing, "locked Environment of tier Test")
		},
	},
	{
		team: "lies", by: "dave, a developer", wants: "have a failing test say that it passed, in its termination message",
		differs: func(v *victim) { v.functional.Job.Args = []string{"wait"} },
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.testRuns()
			v.testEnds("3", "PASSED: 182 tests, 0 failures, exit code 0")
		},
		sees: func(v *victim) { v.ends("evil", v1alpha1.OutcomeFailed, "exit code 3") },
	},
	{
		team: "forges-pod", by: "tara, namespace admin of test", wants: "forge a pod that passed, in a test namespace whose lock is off",
		differs: func(v *victim) {
			v.functional.Job.Args, v.testLock, v.prodNames = []string{"wait"}, v1alpha1.LockOff, "forges-pod-test"
		},
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.forgesPodLike(v.testRuns())
			v.testEnds("1", "")
		},
		sees: func(v *victim) { v.ends("evil", v1alpha1.OutcomeFailed, "functional") },
	},
	{
		team: "recreates", by: "dave, a developer", wants: "have a promotion signed, and make another one under its name",
		does: func(v *victim) {
			v.asks("dave", "release", good)
			v.signs("alice", "release")
			v.waits("release", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
			v.withdraws("release")
			v.asks("dave", "release", evil)
		},
		sees: func(v *victim) { v.ends("release", v1alpha1.OutcomeSuperseded, "a name is used once") },
	},
	{
		team: "asks-again", by: "dave, a developer", wants: "have it signed once, and count for the next one of the same release",
		does: func(v *victim) {
			v.asks("dave", "release", evil)
			v.signs("alice", "release")
			v.waits("release", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
			v.asks("dave", "again", evil)
			v.signs("bob", "again")
		},
		sees: func(v *victim) { v.waits("again", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals") },
	},
	{
		team: "signs-twice", by: "alice, an approver", wants: "sign twice where two have to",
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.signs("alice", "evil")
			v.signs("alice", "evil")
		},
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals") },
	},
	{
		team: "rejected", by: "bob, an approver", wants: "outvote a rejection",
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.signs("alice", "evil")
			v.rejects("carol", "evil")
		},
		sees: func(v *victim) { v.ends("evil", v1alpha1.OutcomeRejected, "carol rejected it in prod") },
	},
	{
		team: "right-lost", by: "alice, who left the team", wants: "have a sign-off count after the right to sign was taken away",
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.signs("alice", "evil")
			v.waits("evil", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals")
			v.unbinds("alice")
			v.signs("bob", "evil")
		},
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonApprovalsMissing, "1 of 2 approvals") },
	},
	{
		team: "rolebinding", by: "dave, who may bind roles in the team's namespace and in test", wants: "make himself an approver there",
		does: func(v *victim) {
			v.asks("erin", "evil", evil)
			v.waits("evil", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 2 approvals")
			v.cannotSignIn("dave", "evil", v.name, v.name+"-test")
		},
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonApprovalsMissing, "2 of 2 approvals") },
	},
	{
		team: "by-bot", by: "a bot", wants: "ask without saying for whom, so that its author may sign",
		does: func(v *victim) { v.asks("system:serviceaccount:ci:builder", "evil", evil) },
		sees: func(v *victim) { v.waits("evil", "prod", v1alpha1.ReasonRequesterUnknown, "onBehalfOf") },
	},
	{
		team: "not-admitted", by: "mallory, a developer of another team", wants: "deploy into a namespace that did not let her in",
		differs: func(v *victim) { v.lets = "other" },
		does:    func(v *victim) { v.asks("mallory", "evil", evil) },
		sees:    func(v *victim) { v.waits("evil", "test", v1alpha1.ReasonNotAdmitted, "its owner") },
	},
	{
		team: "foreign-repository", by: "dave, a developer", wants: "bring a repository that his pipeline was not let in with",
		does: func(v *victim) {
			v.changesPipeline(func(p *v1alpha1.DeliveryPipeline) {
				p.Spec.Images[0].Repository = "registry.example.com/attacker/miner"
			})
			v.asks("dave", "evil", evil)
		},
		sees: func(v *victim) { v.waits("evil", "test", v1alpha1.ReasonRepositoryNotAdmitted, "its owner adds it") },
	},
	{
		team: "rolls-forward", by: "dave, a developer", wants: "call it a rollback, which needs no evidence, to a release that production never ran",
		does: func(v *victim) {
			v.asks("dave", "evil", evil, through("test"))
			v.ends("evil", v1alpha1.OutcomeSucceeded, "")
			v.rollsBack("dave", "back", v.hashOf("evil"))
		},
		sees: func(v *victim) { v.isUnresolved("back", v1alpha1.ReasonReleaseNotFound) },
	},
	{
		team: "retries", by: "dave, a developer", wants: "retry a release that failed its test, in production alone",
		differs: func(v *victim) { v.functional.Job.Args = []string{"exit-code=1"} },
		does: func(v *victim) {
			v.asks("dave", "evil", evil)
			v.ends("evil", v1alpha1.OutcomeFailed, "functional")
			v.asks("dave", "again", evil, through("prod"))
		},
		sees: func(v *victim) { v.waits("again", "prod", v1alpha1.ReasonPredecessorPending, "RolledBack") },
	},
}

func TestAttacksOnTheOperator(t *testing.T) {
	startOperator(t)
	for _, trick := range tricks {
		t.Run(trick.by+"/"+trick.wants, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, trick.team, trick.differs)
			trick.does(v)
			err := errors.Join(v.sighted(trick.sees), v.untouched())
			if err == nil {
				tally.refused.Add(1)
				return
			}
			if errors.Is(err, errLetThrough) {
				tally.succeeded.Add(1)
			}
			t.Error(err)
		})
	}
	// The twin of them all.
	t.Run("a developer releases, as it should be", func(t *testing.T) {
		t.Parallel()
		v := newVictim(t, "released", nil)
		v.asks("dave", "release", good)
		v.signs("alice", "release")
		v.signs("bob", "release")
		v.ends("release", v1alpha1.OutcomeSucceeded, "")
		if got := v.production(); got != v.repository+"@"+good {
			t.Errorf("production runs %s", got)
		}
	})
	// A tag that is pushed again brings in what was tested, and not what it points to now.
	t.Run("dave, a developer/push a tag again after its test", func(t *testing.T) {
		t.Parallel()
		v := newVictim(t, "retagged", nil)
		tested := v.push("v2")
		v.asksTag("dave", "release", "v2")
		v.signs("alice", "release")
		v.push("v2")
		v.signs("bob", "release")
		v.ends("release", v1alpha1.OutcomeSucceeded, "")
		if got := v.production(); got != v.repository+"@"+tested {
			tally.succeeded.Add(1)
			t.Fatalf("production runs %s, and %s was tested", got, tested)
		}
		tally.refused.Add(1)
	})
}
