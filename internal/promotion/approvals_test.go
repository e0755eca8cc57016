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
