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

// allowing is a world whose production allows emergencies that one of group sre approves.
func allowing(t *testing.T, requester v1alpha1.EmergencyRequester, skips ...v1alpha1.EmergencySkip) *world {
	w := newWorld(t)
	w.site(MakeEnvironment("shop-prod", v1alpha1.TierProduction).Emergencies(requester, "sre", skips...).
		Gate(JobGate("smoke", v1alpha1.PurposeFunctional)), Release("v1")...)
	return w
}

// fix is an emergency that goes to production at once.
func fix(skips ...v1alpha1.EmergencySkip) *PromotionBuilder {
	return MakePromotion("fix").Digest("api", Digest("v2")).Environments("prod").Emergency("INC-77: refunds fail", skips...).Created(2 * time.Hour)
}

func TestWhatAnEmergencyMayDoWithout(t *testing.T) {
	evidence, freezes := v1alpha1.SkipEvidence, v1alpha1.SkipFreezes
	frozen := Once("audit", 0, 24*time.Hour)
	cases := []struct {
		name    string
		reason  string
		world   *world
		promote *PromotionBuilder
		freeze  bool
		want    string
	}{
		{"evidence, and the environments before", "after rests on evidence", allowing(t, ""), fix(), false, "ApprovalsMissing"},
		{"a freeze", "", allowing(t, ""), fix(), true, "ApprovalsMissing"},
		{"what it does not ask for", "", allowing(t, ""), fix(freezes), true, "PredecessorPending EvidenceMissing EvidenceMissing ApprovalsMissing"},
		{"a freeze that it does not ask for", "", allowing(t, ""), fix(evidence), true, "ApprovalsMissing Frozen"},
		{"nothing where the Environment allows none", "the reason says what to do", newWorld(t), fix(), true,
			"PredecessorPending EvidenceMissing EvidenceMissing ApprovalsMissing Frozen EmergencyNotAllowed"},
		{"only what the Environment names", "", allowing(t, "", freezes), fix(), true,
			"PredecessorPending EvidenceMissing EvidenceMissing ApprovalsMissing EmergencyNotAllowed"},
		{"only what the Environment names, the other", "", allowing(t, "", evidence), fix(), true, "ApprovalsMissing Frozen EmergencyNotAllowed"},
		{"no consent", "it does not do without that", func() *world {
			w := allowing(t, "")
			w.sites["shop-prod"].Environment.Spec.Pipelines = []v1alpha1.AdmittedPipeline{{Namespace: "shop", Name: "other", Repositories: []string{RegistryPrefix}}}
			return w
		}(), fix(), false, "NotAdmitted ApprovalsMissing"},
		{"nobody who asks", "a machine names a person, in an emergency too", allowing(t, ""), fix().RequestedBy("system:serviceaccount:ci:bot"), false, "RequesterUnknown ApprovalsMissing"},
		{"a Promotion that is none", "", allowing(t, ""), MakePromotion("fix").Digest("api", Digest("v2")).Environments("prod"), false,
			"PredecessorPending EvidenceMissing EvidenceMissing ApprovalsMissing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.freeze {
				c.world.freeze(frozen)
			}
			c.world.add(c.promote.Obj())
			c.world.run()
			if got := strings.Join(reasonTypes(c.world.at("fix", "prod")), " "); got != c.want {
				t.Errorf("%s: it waits for\n%s, want\n%s", c.reason, got, c.want)
			}
		})
	}
}

func TestAnEmergencySaysWhatItTakes(t *testing.T) {
	w := allowing(t, "")
	w.add(fix().Obj())
	want := "waits in prod for 1 of 1 approvals of an emergency, from group sre; kubectl sluice approve fix -n shop -e prod"
	if got := w.run().at("fix", "prod").Reasons[0].Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	w = newWorld(t)
	w.add(fix().Obj())
	reasons := w.run().at("fix", "prod").Reasons
	want = "the Environment of shop-prod allows no emergencies, and this one asks to do without Evidence; " +
		"bring what is missing, or let the platform team allow it in spec.emergencies; kubectl edit environment environment -n shop-prod"
	if got := reasons[len(reasons)-1].Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestWhoApprovesAnEmergency(t *testing.T) {
	cases := []struct {
		name      string
		requester v1alpha1.EmergencyRequester
		signer    string
		groups    []string
		counts    bool
	}{
		{"a member of the group", "", "alice", []string{"sre"}, true},
		{"an ordinary approver", "", "alice", []string{"release-managers"}, false},
		{"the requester", "", "dave", []string{"sre"}, false},
		{"the author of a change", "", "bob", []string{"sre"}, false},
		{"the requester where the Environment says so", v1alpha1.RequesterAllowed, "dave", []string{"sre"}, true},
		{"the requester who is no member", v1alpha1.RequesterAllowed, "dave", nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := allowing(t, c.requester)
			w.add(fix().ChangeBy("bob").Obj())
			site := w.run().sites["shop-prod"]
			w.approve(site, MakeApproval(c.signer, site.Environment.Status.Awaiting[0]).Groups(c.groups...).Created(3*time.Hour))
			w.run()
			if got := w.get("fix").Status.Outcome == v1alpha1.OutcomeSucceeded; got != c.counts {
				t.Errorf("entered=%t, want %t: %v", got, c.counts, w.at("fix", "prod").Approvals)
			}
		})
	}
}

func TestTheInboxShowsAnEmergency(t *testing.T) {
	w := allowing(t, "")
	w.add(fix().OnBehalfOf("erin").Obj())
	entry := w.run().sites["shop-prod"].Environment.Status.Awaiting[0]
	if got := fmt.Sprint(entry.Emergency.Reason, entry.Groups, entry.Excluded); got != "INC-77: refunds fail[sre] [dave erin]" {
		t.Errorf("the inbox shows %s", got)
	}
	// Where it is taken back, the ordinary ones hold again.
	w.sites["shop-prod"].Environment.Spec.Emergencies = nil
	w.run().wantReasons("fix", "prod", "PredecessorPending", "EvidenceMissing", "EvidenceMissing", "ApprovalsMissing", "EmergencyNotAllowed")
	if left := w.sites["shop-prod"].Environment.Status.Awaiting; len(left) > 0 {
		t.Errorf("the inbox still shows %v", left)
	}
}

// An emergency is marked for ever, in the status and in the record. The gates of the environment run all the same.
func TestAnEmergencyIsMarked(t *testing.T) {
	enter := func(w *world) *v1alpha1.ReleaseRecord {
		site := w.run().sites["shop-prod"]
		w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Groups("sre").Created(3*time.Hour))
		w.run()
		return w.records[len(w.records)-1]
	}
	want := v1alpha1.EmergencyEntry{Reason: "INC-77: refunds fail", Skipped: []v1alpha1.EmergencySkip{v1alpha1.SkipEvidence, v1alpha1.SkipFreezes}}
	w := allowing(t, "").freeze(Once("audit", 0, 24*time.Hour))
	w.add(fix().Obj())
	record := enter(w)
	if got := record.Spec; fmt.Sprint(got.Emergency) != fmt.Sprint(want) || got.Result != v1alpha1.ResultPassed || got.ApprovedBy != "alice" || len(got.Gates) != 1 {
		t.Errorf("the record says %+v", got)
	}
	if got := w.at("fix", "prod").Emergency; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the status says %+v", got)
	}
	if !slices.ContainsFunc(w.events, func(e promotion.Event) bool {
		return e.Warning && e.Reason == "Emergency" && e.Note == "prod is entered as an emergency: INC-77: refunds fail; without Evidence and Freezes"
	}) {
		t.Errorf("events %v", w.events)
	}
	w = allowing(t, "")
	w.verdicts["prod/smoke"] = []promotion.RunState{promotion.RunFailed}
	w.add(fix().Obj())
	if record := enter(w); record.Spec.Result != v1alpha1.ResultRolledBack || record.Spec.Emergency.Reason == "" {
		t.Errorf("where its gate fails, the record says %+v", record.Spec)
	}
}

// The operator may be killed between the claim and the status, and the Promotion deleted: the slot knows what it was.
func TestAnEmergencyIsMarkedThoughThePromotionIsGone(t *testing.T) {
	w := allowing(t, "")
	w.hanging["prod/smoke"] = true
	p := w.add(fix().Obj())
	site := w.run().sites["shop-prod"]
	w.approve(site, MakeApproval("alice", site.Environment.Status.Awaiting[0]).Groups("sre").Created(3*time.Hour))
	w.in("fix", "prod", v1alpha1.StateVerifying)
	holder := site.Environment.Status.Holders[0]
	before := p.Status.DeepCopy()
	p.Status.Environments[2] = v1alpha1.EnvironmentProgress{Name: "prod", State: v1alpha1.StateWaiting, EnvironmentRef: p.Status.Environments[2].EnvironmentRef}
	w.decide(p)
	if got := w.at("fix", "prod"); got.Emergency.Reason != holder.Emergency.Reason || got.Emergency.Reason == "" {
		t.Errorf("after the claim it says %+v", got)
	}
	before.DeepCopyInto(&p.Status)
	s := w.snapshot(p)
	s.Promotion = nil
	for range 9 {
		plan := promotion.DecideOrphan(s, "shop-prod", holder)
		for _, effect := range plan.Effects {
			if e, ok := effect.(promotion.CreateRecord); ok {
				if e.Record.Spec.Emergency.Reason != holder.Emergency.Reason {
					t.Errorf("the record says %+v", e.Record.Spec.Emergency)
				}
				return
			}
			w.perform(p, effect)
		}
		w.tick()
		s = w.snapshot(p)
		s.Promotion = nil
	}
	t.Error("no record of the orphan")
}

// An emergency that nobody approved yet takes nobody's place by what it would like to skip.
func TestAnEmergencySupersedesNobodyByWhatItSkips(t *testing.T) {
	w := allowing(t, "")
	w.promote("v3")
	w.run().wantReasons("checkout-v3", "prod", "ApprovalsMissing")
	w.add(fix().Obj())
	w.run().wantReasons("checkout-v3", "prod", "ApprovalsMissing")
	if got := w.get("checkout-v3").Status.Outcome; got != "" {
		t.Errorf("the one that waits with all its evidence ended %s", got)
	}
}

func TestARollbackInAnEmergencyStillNeedsItsRecord(t *testing.T) {
	w := allowing(t, "")
	env := w.sites["shop-prod"].Environment
	env.Spec.Requires = &v1alpha1.Requirements{Rollback: &v1alpha1.RollbackRequirement{Freezes: v1alpha1.FreezesRespect}}
	w.freeze(Once("audit", 0, 24*time.Hour))
	w.add(MakePromotion("back").Rollback("prod", promotion.ReleaseHash(Release("v1"))).Emergency("INC-77").Created(2 * time.Hour).Obj())
	w.run().wantReasons("back", "prod", "ApprovalsMissing")
	w.records = nil
	w.run().wantReasons("back", "prod", "EvidenceMissing", "ApprovalsMissing")
}
