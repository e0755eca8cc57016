package promotion_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
	. "github.com/sluice-dev/sluice/internal/promotion/promotiontest"
)

// judged lists the approvals of production as "who: state reason".
func (w *world) judged() []string {
	var lines []string
	for _, a := range w.at("checkout-v2", "prod").Approvals {
		lines = append(lines, strings.TrimSpace(a.Approver+": "+string(a.State)+" "+a.Reason))
	}
	return lines
}

func TestApprovals(t *testing.T) {
	two := &v1alpha1.ApprovalRequirement{Count: 2}
	managers := v1alpha1.ApprovalQuota{Kind: v1alpha1.QuotaGroup, Name: "managers"}
	qa := v1alpha1.ApprovalQuota{Kind: v1alpha1.QuotaGroup, Name: "qa", Count: 1}
	by := func(names ...string) func(v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
		return func(entry v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
			var made []*ApprovalBuilder
			for i, name := range names {
				made = append(made, MakeApproval(name, entry).Created(time.Hour+time.Duration(i)*time.Second))
			}
			return made
		}
	}
	with := func(change func(*v1alpha1.Approval)) func(v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
		return func(entry v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
			return []*ApprovalBuilder{MakeApproval("alice", entry).Created(time.Hour).With(change)}
		}
	}
	groups := func(of map[string][]string) func(v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
		return func(entry v1alpha1.AwaitingPromotion) []*ApprovalBuilder {
			made := []*ApprovalBuilder{}
			for _, name := range []string{"alice", "bob", "carol"} {
				if list, ok := of[name]; ok {
					made = append(made, MakeApproval(name, entry).Created(time.Hour).Groups(list...))
				}
			}
			return made
		}
	}
	cases := []struct {
		name     string
		reason   string
		requires *v1alpha1.ApprovalRequirement
		promote  func(*PromotionBuilder)
		sign     func(v1alpha1.AwaitingPromotion) []*ApprovalBuilder
		want     []string
		enters   bool
	}{
		{"one person signs", "Production's default", nil, nil, by("alice"), []string{"alice: Counted"}, true},
		{"one of two persons signs", "", two, nil, by("alice"), []string{"alice: Counted"}, false},
		{"two persons sign", "", two, nil, by("alice", "bob"), []string{"alice: Counted", "bob: Counted"}, true},
		{"one person signs twice", "people are counted, not signatures", two, nil, by("alice", "alice"), []string{"alice: Ignored Replaced", "alice: Counted"}, false},
		{"the requester signs", "nobody approves their own promotion", nil, nil, by("dave"), []string{"dave: Ignored RequesterExcluded"}, false},
		{"the requester signs where nobody is excluded on purpose", "", &v1alpha1.ApprovalRequirement{Excludes: []v1alpha1.Exclusion{v1alpha1.ExcludeNone}}, nil, by("dave"), []string{"dave: Counted"}, true},
		{"scenario 33: the person behind the bot signs", "", nil, func(b *PromotionBuilder) { b.RequestedBy("system:serviceaccount:ci:bot").OnBehalfOf("erin") }, by("erin"), []string{"erin: Ignored RequesterExcluded"}, false},
		{"the author of a change signs", "", nil, func(b *PromotionBuilder) { b.ChangeBy("frank") }, by("frank"), []string{"frank: Ignored RequesterExcluded"}, false},
		{"somebody signs another release", "one signs what one saw", nil, nil, with(func(a *v1alpha1.Approval) { a.Spec.ReleaseHash = Hash("x") }), []string{"alice: Ignored EvidenceChanged"}, false},
		{"somebody signs other evidence", "", nil, nil, with(func(a *v1alpha1.Approval) { a.Spec.EvidenceHash = Hash("x") }), []string{"alice: Ignored EvidenceChanged"}, false},
		{"the author is not stamped", "", nil, nil, with(func(a *v1alpha1.Approval) { a.Spec.Approver.Username = "" }), []string{"(unknown): Ignored EvidenceChanged"}, false},
		{"the approval is too old", "a week by default", nil, nil, with(func(a *v1alpha1.Approval) { a.CreationTimestamp = At(-8 * 24 * time.Hour) }), []string{"alice: Ignored TooOld"}, false},
		{"the API server's clock is ahead", "ages are never negative", nil, nil, with(func(a *v1alpha1.Approval) { a.CreationTimestamp = At(48 * time.Hour) }), []string{"alice: Counted"}, true},
		{"scenario 32: one person fills two quotas", "but counts once in the total", &v1alpha1.ApprovalRequirement{Count: 2, From: []v1alpha1.ApprovalQuota{managers, qa}}, nil,
			groups(map[string][]string{"alice": {"managers", "qa"}}), []string{"alice: Counted"}, false},
		{"scenario 32: one person fills two quotas, another makes the total", "", &v1alpha1.ApprovalRequirement{Count: 2, From: []v1alpha1.ApprovalQuota{managers, qa}}, nil,
			groups(map[string][]string{"alice": {"managers", "qa"}, "bob": {"qa"}}), []string{"alice: Counted", "bob: Counted"}, true},
		{"the total is there, a quota is not", "", &v1alpha1.ApprovalRequirement{Count: 2, From: []v1alpha1.ApprovalQuota{managers, qa}}, nil,
			groups(map[string][]string{"alice": {"qa"}, "bob": {"qa"}}), []string{"alice: Counted", "bob: Counted"}, false},
		{"Dave signs, whom the request knows as dave", "an identity provider may not care for case", nil, nil, by("Dave"), []string{"Dave: Ignored RequesterExcluded"}, false},
		{"the author of a change signs in capitals", "", nil, func(b *PromotionBuilder) { b.ChangeBy("frank@example.com") }, by("Frank@Example.com"), []string{"Frank@Example.com: Ignored RequesterExcluded"}, false},
		{"one person signs under two names", "people are counted", two, nil, by("alice", "Alice"), []string{"alice: Ignored Replaced", "Alice: Counted"}, false},
		{"the prefix of an identity provider belongs to the name", "excluding alice does not exclude oidc:alice", nil, func(b *PromotionBuilder) { b.RequestedBy("alice") }, by("oidc:alice"), []string{"oidc:alice: Counted"}, true},
		{"somebody of no group signs", "", &v1alpha1.ApprovalRequirement{From: []v1alpha1.ApprovalQuota{managers}}, nil,
			groups(map[string][]string{"carol": {"guests"}}), []string{"carol: Ignored NotInRequiredGroup"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: c.requires}
			b := MakePromotion("checkout-v2").Digest("api", Digest("v2"))
			if c.promote != nil {
				c.promote(b)
			}
			w.add(b.Obj())
			site := w.run().sites["shop-prod"]
			for _, approval := range c.sign(site.Environment.Status.Awaiting[0]) {
				site.Approvals = append(site.Approvals, approval.Obj())
			}
			w.decide(w.get("checkout-v2"))
			if got := w.judged(); !slices.Equal(got, c.want) {
				t.Errorf("%s: approvals are %v, want %v", c.reason, got, c.want)
			}
			if entered := w.at("checkout-v2", "prod").State == v1alpha1.StateDeploying; entered != c.enters {
				t.Errorf("%s: entered: %t, want %t; %v", c.reason, entered, c.enters, w.at("checkout-v2", "prod").Reasons)
			}
		})
	}
}

func TestScenario10TheEvidenceChangesAfterTheApproval(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
	w.promote("v2")
	site := w.run().sites["shop-prod"]
	seen := site.Environment.Status.Awaiting[0]
	w.approve(site, MakeApproval("alice", seen).Created(w.now.Sub(Epoch)))
	w.run()
	w.keep(MakeRecord("shop-test", "again", Release("v2")...).Created(2 * time.Hour).Proven().Obj())
	w.run()
	if got := w.judged(); !slices.Equal(got, []string{"alice: Ignored EvidenceChanged"}) {
		t.Errorf("approvals are %v", got)
	}
	if shown := site.Environment.Status.Awaiting[0]; shown.EvidenceHash == seen.EvidenceHash || shown.SinceTime == nil {
		t.Errorf("the inbox shows the old evidence: %v", shown)
	}
}

func TestARejectionIsFinal(t *testing.T) {
	cases := []struct {
		name   string
		reason string
		also   func(*world, *promotion.Site, v1alpha1.AwaitingPromotion)
	}{
		{"after an approval of the same person", "so one withdraws", func(w *world, s *promotion.Site, entry v1alpha1.AwaitingPromotion) {
			w.approve(s, MakeApproval("alice", entry).Created(time.Hour))
		}},
		{"before an approval of another", "", func(w *world, s *promotion.Site, entry v1alpha1.AwaitingPromotion) {
			w.approve(s, MakeApproval("bob", entry).Created(9*time.Hour))
		}},
		{"while the slot is taken and the workloads are gone", "the message says who rejected it", func(_ *world, s *promotion.Site, _ v1alpha1.AwaitingPromotion) {
			s.Workloads = nil
			s.Environment.Status.Holders = []v1alpha1.Holder{{Pipeline: PipelineKey, PromotionRef: v1alpha1.PromotionReference{Name: "x", UID: "x"}}}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.promote("v2")
			site := w.run().sites["shop-prod"]
			entry := site.Environment.Status.Awaiting[0]
			w.approve(site, MakeApproval("alice", entry).Created(2*time.Hour).Rejected("not today"))
			c.also(w, site, entry)
			p := w.run().get("checkout-v2")
			if p.Status.Outcome != v1alpha1.OutcomeRejected || !strings.Contains(p.Status.Message, "alice rejected it in prod: not today") {
				t.Errorf("%s: outcome %s, message %q", c.reason, p.Status.Outcome, p.Status.Message)
			}
			if len(site.Environment.Status.Awaiting) > 0 {
				t.Error("it is in the inbox still")
			}
		})
	}
}

func TestARejectionOfAnEarlierPromotionOfThatName(t *testing.T) {
	w := atTheGate(t)
	s := w.snapshot(w.get("checkout-v2"))
	site := s.Sites["shop-prod"]
	old := MakeApproval("alice", site.Environment.Status.Awaiting[0]).Rejected("no").With(func(a *v1alpha1.Approval) { a.Spec.PromotionRef.UID = "earlier" })
	site.Approvals = []*v1alpha1.Approval{old.Obj()}
	s.Sites["shop-prod"] = site
	if plan := decideChecked(t, s); plan.Status.Outcome != "" {
		t.Errorf("the rejection of another promotion ends this one: %s", plan.Status.Message)
	}
}

func TestMoreApprovalsThanAStatusHolds(t *testing.T) {
	w := atTheGate(t)
	site := w.sites["shop-prod"]
	site.Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
	w.run()
	w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Created(time.Hour))
	for i := range 70 {
		a := MakeApproval("dave", site.Environment.Status.Awaiting[0]).Created(2*time.Hour + seconds(i))
		site.Approvals = append(site.Approvals, a.Obj())
	}
	w.run()
	if got := w.judged(); len(got) != 64 || got[0] != "alice: Counted" {
		t.Errorf("the status lists %d approvals, the first %s; the schema allows 64, and what counts stays", len(got), got[0])
	}
}

func TestWhatTheInboxShows(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{
		From: []v1alpha1.ApprovalQuota{{Kind: v1alpha1.QuotaGroup, Name: "managers", Count: 1}},
	}}
	w.add(MakePromotion("checkout-v2").Digest("api", Digest("v2")).OnBehalfOf("erin").ChangeBy("frank").ChangeBy("dave").Obj())
	entry := w.run().sites["shop-prod"].Environment.Status.Awaiting[0]
	got := fmt.Sprint(entry.RequestedBy, entry.OnBehalfOf, entry.Excluded, entry.Groups, entry.ReleaseHash == w.get("checkout-v2").Status.ReleaseHash)
	if want := "dave[erin] [dave erin frank] [managers] true"; got != want {
		t.Errorf("the inbox shows %s, want %s", got, want)
	}
	want := "waits in prod for 1 of 1 approvals, among them 1 from group managers; kubectl sluice approve checkout-v2 -n shop -e prod"
	if message := w.at("checkout-v2", "prod").Reasons[0].Message; message != want {
		t.Errorf("message %q, want %q", message, want)
	}
}

func TestScenario38FailedAttemptsBelongToTheEvidence(t *testing.T) {
	passed := MakeRecord("shop-test", "b", Release("v2")...).Created(time.Minute).Proven().Obj()
	failed := MakeRecord("shop-test", "a", Release("v2")...).Result(v1alpha1.ResultRolledBack).Obj()
	one := promotion.EvidenceHash([]*v1alpha1.ReleaseRecord{passed})
	both := promotion.EvidenceHash([]*v1alpha1.ReleaseRecord{failed, passed})
	if one == both || both != promotion.EvidenceHash([]*v1alpha1.ReleaseRecord{passed, failed}) {
		t.Error("the evidence hash has to show a failed attempt, in whatever order the records come")
	}
}

func TestTheRightIsAskedForWhenCounted(t *testing.T) {
	cases := []struct {
		name   string
		reason string
		rights map[string]promotion.Right
		want   []string
		enters bool
	}{
		{"both still may sign", "", nil, []string{"alice: Counted", "bob: Counted"}, true},
		{"one lost the right", "who may sign no more has not signed", map[string]promotion.Right{"bob": promotion.RightLost}, []string{"alice: Counted", "bob: Ignored RightLost"}, false},
		{"the API server does not answer", "it waits, and never passes", map[string]promotion.Right{"alice": promotion.RightUnknown}, []string{"alice: Ignored RightUnknown", "bob: Counted"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
			w.promote("v2")
			site := w.run().sites["shop-prod"]
			entry := site.Environment.Status.Awaiting[0]
			for i, name := range []string{"alice", "bob"} {
				w.approve(site, MakeApproval(name, entry).Created(time.Hour+time.Duration(i)*time.Second))
			}
			w.rights = c.rights
			w.decide(w.get("checkout-v2"))
			if got := w.judged(); !slices.Equal(got, c.want) {
				t.Errorf("%s: approvals are %v, want %v", c.reason, got, c.want)
			}
			if entered := w.at("checkout-v2", "prod").State == v1alpha1.StateDeploying; entered != c.enters {
				t.Errorf("%s: entered: %t, want %t", c.reason, entered, c.enters)
			}
			w.rights = nil
			w.run()
			if state := w.at("checkout-v2", "prod").State; state != v1alpha1.StatePassed {
				t.Errorf("with the right back it is %s, want Passed", state)
			}
		})
	}
}

// Only what would count otherwise is asked about, and the wait ends by itself where the answer may change.
func TestQuestionsAboutRights(t *testing.T) {
	w := atTheGate(t)
	s := w.snapshot(w.get("checkout-v2"))
	site := s.Sites["shop-prod"]
	entry := site.Environment.Status.Awaiting[0]
	counts := MakeApproval("alice", entry).Created(2 * time.Hour).Obj()
	site.Approvals = []*v1alpha1.Approval{
		MakeApproval("alice", entry).Created(time.Hour).Obj(), counts,
		MakeApproval("dave", entry).Created(time.Hour).Obj(),
		MakeApproval("bob", entry).Created(time.Hour).With(func(a *v1alpha1.Approval) { a.Spec.EvidenceHash = Hash("x") }).Obj(),
	}
	s.Sites["shop-prod"] = site
	plan := decideChecked(t, s)
	if asked := plan.Questions.Rights; len(asked) != 1 || asked[0].UID != counts.UID {
		t.Errorf("asks about %v, want only the later approval of alice", plan.Questions)
	}
	if state := plan.Status.Environments[2].State; state != v1alpha1.StateWaiting {
		t.Errorf("without an answer it is %s, want Waiting", state)
	}
	s.Rights = promotion.Rights{Answers: map[types.UID]promotion.Right{counts.UID: promotion.RightLost}, Next: s.Now.Add(time.Second)}
	if plan = decideChecked(t, s); !plan.Questions.None() || !plan.Wake.Equal(s.Rights.Next) {
		t.Errorf("with an answer that may change: asks %v, looks again at %v, want nothing and %v", plan.Questions, plan.Wake, s.Rights.Next)
	}
}

// A rejection ends the promotion, whoever may still sign: it can only keep things out.
func TestARejectionOfSomebodyWhoLostTheRight(t *testing.T) {
	w := newWorld(t)
	w.promote("v2")
	site := w.run().sites["shop-prod"]
	w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Rejected("no"))
	w.rights = map[string]promotion.Right{"alice": promotion.RightLost}
	if p := w.run().get("checkout-v2"); p.Status.Outcome != v1alpha1.OutcomeRejected {
		t.Errorf("outcome %s", p.Status.Outcome)
	}
}

// An Approval holds the groups of quotas, which are counted, and those that may sign, with which the right is asked for.
func TestGroupsThatAreStamped(t *testing.T) {
	many := make([]string, 0, 80)
	for i := range 80 {
		many = append(many, fmt.Sprintf("team-%02d", i))
	}
	cases := []struct {
		name    string
		signers []string
		want    int
		first   []string
	}{
		{"nobody by group", nil, 1, []string{"managers"}},
		{"one group of each, and one of both", []string{"approvers", "managers"}, 2, []string{"managers", "approvers"}},
		{"more than an Approval holds", many, 64, []string{"managers", "team-00"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			site := w.sites["shop-prod"]
			site.Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{
				From: []v1alpha1.ApprovalQuota{{Kind: v1alpha1.QuotaGroup, Name: "managers", Count: 1}},
			}}
			site.Signers = c.signers
			w.promote("v2")
			got := w.run().sites["shop-prod"].Environment.Status.Awaiting[0].Groups
			if len(got) != c.want || !slices.Equal(got[:len(c.first)], c.first) {
				t.Errorf("the inbox names %v", got)
			}
			// A group that lets somebody sign fills no quota.
			w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Groups("approvers").Created(time.Hour))
			w.run()
			if got := w.judged(); !slices.Equal(got, []string{"alice: Ignored NotInRequiredGroup"}) {
				t.Errorf("approvals are %v", got)
			}
		})
	}
}

func TestScenario9AChangeOfTheEnvironmentShows(t *testing.T) {
	two := v1alpha1.ApprovalRequirement{Count: 2}
	one := v1alpha1.ApprovalRequirement{Count: 1, Excludes: []v1alpha1.Exclusion{v1alpha1.ExcludeNone}}
	cases := []struct {
		name   string
		change func(*v1alpha1.Environment)
		want   []string
	}{
		{"nothing", func(*v1alpha1.Environment) {}, nil},
		{"fewer people, and nobody excluded", func(e *v1alpha1.Environment) {
			e.Generation = 2
			e.Spec.Requires.Approvals = &one
		}, []string{"generation: 1 -> 2", "approvals.count: 2 -> 1", "approvals.excludes: Requester, OnBehalfOf, ChangeAuthors -> None"}},
		{"no evidence any more", func(e *v1alpha1.Environment) {
			e.Generation = 2
			e.Spec.Requires.EvidenceMode = v1alpha1.RequirementNone
		}, []string{"generation: 1 -> 2", "evidence: {declaredBy: Platform, purpose: Functional}, {declaredBy: Platform, purpose: Stress} -> none"}},
		{"something that is not demanded", func(e *v1alpha1.Environment) { e.Generation = 3 }, []string{"generation: 1 -> 3, nothing of what is demanded"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &two}
			w.promote("v2")
			site := w.run().sites["shop-prod"]
			c.change(site.Environment)
			site.Environment.ResourceVersion = "changed"
			w.run()
			entry := site.Environment.Status.Awaiting[0]
			if !slices.Equal(entry.Changes, c.want) || entry.EnvironmentGeneration != 1 {
				t.Errorf("the inbox shows %q since generation %d, want %q since 1", entry.Changes, entry.EnvironmentGeneration, c.want)
			}
			message := w.at("checkout-v2", "prod").Reasons[0].Message
			if said := strings.Contains(message, "the Environment changed since the wait began, and what it says now decides ("+strings.Join(c.want, "; ")+"); kubectl sluice approve"); said != (c.want != nil) {
				t.Errorf("message: %s", message)
			}
		})
	}
}

// What people were first asked to sign under is remembered while something else stands in the way.
func TestScenario9AChangeShowsAfterADetour(t *testing.T) {
	w := newWorld(t)
	w.sites["shop-prod"].Environment.Spec.Requires = &v1alpha1.Requirements{Approvals: &v1alpha1.ApprovalRequirement{Count: 2}}
	w.promote("v2")
	site := w.run().sites["shop-prod"]
	site.Permitted = false
	site.Environment.Generation, site.Environment.Spec.Requires.Approvals.Count = 2, 1
	w.run()
	if len(site.Environment.Status.Awaiting) > 0 {
		t.Fatal("it awaits sign-off though something else stands in the way")
	}
	site.Permitted = true
	entry := w.run().sites["shop-prod"].Environment.Status.Awaiting[0]
	if want := []string{"generation: 1 -> 2", "approvals.count: 2 -> 1"}; !slices.Equal(entry.Changes, want) {
		t.Errorf("the inbox shows %q, want %q", entry.Changes, want)
	}
}
