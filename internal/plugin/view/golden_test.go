package view

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

var update = flag.Bool("update", false, "write what was drawn into testdata")

// golden compares a text with testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // a file of these tests
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: what is drawn is not what testdata holds (-want +got); go test ./internal/plugin/view -update writes it:\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	wide := looking()
	wide.Wide = true
	unresolved := makePromotion("checkout-1.4.2").Says(v1alpha1.ReasonTagNotFound, "the registry has no tag 1.4.2 of "+api).Obj()
	rollback := makePromotion("back").Resolved().Says(v1alpha1.ReasonRollingOut, "prod-eu is Deploying").In(progress("prod-eu", v1alpha1.StateDeploying)).Obj()
	rollback.Spec.Intent, rollback.Spec.Lifecycle = v1alpha1.IntentRollback, v1alpha1.LifecycleCancelled
	succeeded := waitingPromotion()
	succeeded.Object = makePromotion("checkout-1.4.2").Resolved().In(passed("dev"), passed("test", passedGate("load", v1alpha1.PurposeStress))).
		Ended(v1alpha1.OutcomeSucceeded, "release 7f3a9c21 passed every environment").Obj()
	excluded, rejects, again := signOff(), signOff(), signOff()
	again.Me = "alice"
	changed := signOff()
	changed.Awaiting.Changes = []string{"generation: 3 -> 4", "approvals.count: 3 -> 2", "approvals.excludes: Requester, OnBehalfOf, ChangeAuthors -> None"}
	excluded.Me, excluded.Unread, excluded.Evidence = "dave", nil, nil
	rejects.Decision, rejects.Me = v1alpha1.DecisionRejected, ""
	fresh := Pipeline{Object: checkout().Object.DeepCopy()}
	fresh.Object.Status = v1alpha1.DeliveryPipelineStatus{}
	bare := production()
	bare.Status = v1alpha1.EnvironmentStatus{}
	frozen := production()
	frozen.Spec.Freezes = []v1alpha1.Freeze{
		{Name: "weekend", Schedule: "0 18 * * FRI", DurationSeconds: 216000, TimeZone: "Europe/Berlin", Reason: "no changes at the weekend"},
		{Name: "office-hours", Effect: v1alpha1.FreezeAllow, Schedule: "0 9 * * MON-FRI", DurationSeconds: 28800},
		{Name: "audit", FromTime: ago(24 * time.Hour), ToTime: ago(-24 * time.Hour)},
	}
	frozen.Status.Deployments = v1alpha1.DeploymentsStatus{State: v1alpha1.DeploymentsFrozen, Freeze: "weekend", UntilTime: ago(-17 * time.Hour)}
	endless := frozen.DeepCopy()
	endless.Status.Deployments = v1alpha1.DeploymentsStatus{State: v1alpha1.DeploymentsOutsideWindow, Freeze: "office-hours"}
	outside := checkout()
	outside.Environments["shop-prod-eu"].Spec.Freezes = frozen.Spec.Freezes
	outside.Environments["shop-prod-eu"].Status.Deployments = v1alpha1.DeploymentsStatus{
		State: v1alpha1.DeploymentsOutsideWindow, Freeze: "office-hours", UntilTime: ago(-21 * time.Hour),
	}
	emergency := signOff()
	emergency.Awaiting.Emergency = v1alpha1.Emergency{Reason: "INC-77: refunds fail"}
	emergency.Requires.Emergencies = &v1alpha1.EmergencyRequirement{
		Groups: []string{"sre", "on-call"}, Count: 1, Requester: v1alpha1.RequesterAllowed, Skips: asked(v1alpha1.Emergency{}),
	}
	glass := production()
	glass.Status.Reviews = []v1alpha1.PendingReview{
		{RecordRef: v1alpha1.RecordReference{Name: "checkout-026e5c1d-aaaaa"}, ReleaseHash: hash("026e5c1d"), DueTime: ago(time.Hour)},
		{RecordRef: v1alpha1.RecordReference{Name: "checkout-7f3a9c21-bbbbb"}, ReleaseHash: hash("7f3a9c21"), DueTime: ago(-time.Hour)},
	}
	entered := waitingPromotion()
	entered.Object = entered.Object.DeepCopy()
	entered.Object.Spec.Emergency = v1alpha1.Emergency{Reason: "INC-77: refunds fail"}
	entered.Object.Status.Environments[0].Emergency = v1alpha1.EmergencyEntry{Reason: "INC-77: refunds fail", Skipped: asked(v1alpha1.Emergency{})}
	byHand := &v1alpha1.ReleaseRecord{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod-eu", Name: "checkout-026e5c1d-aaaaa", CreationTimestamp: *ago(time.Hour)}}
	byHand.Spec = v1alpha1.ReleaseRecordSpec{
		Result: v1alpha1.ResultOverridden, ReleaseHash: hash("026e5c1d"), Images: []v1alpha1.Image{{Name: "api", Repository: api, Digest: digest("026e")}},
		Message: "eve changed by hand what namespace shop-prod-eu enforces: sluice.dev/pins", Override: v1alpha1.Override{ChangedBy: []string{"eve"}},
	}
	fixed := byHand.DeepCopy()
	fixed.Spec.Result, fixed.Spec.Message, fixed.Spec.Override = v1alpha1.ResultPassed, "", v1alpha1.Override{}
	fixed.Spec.Emergency = entered.Object.Status.Environments[0].Emergency
	fixed.Spec.Promotion = v1alpha1.RecordedPromotion{RequestedBy: "ci", OnBehalfOf: []string{"dave"}, Reason: "SHOP-812"}
	fixed.Spec.Gates = []v1alpha1.GateStatus{passedGate("smoke", v1alpha1.PurposeFunctional)}
	fixed.Spec.Approvals = entered.Object.Status.Environments[2].Approvals[:1]
	promotions := []v1alpha1.Promotion{*waitingPromotion().Object, *unresolved, *failedPromotion().Object, *verifyingPromotion().Object}
	for name, tc := range map[string]struct {
		lines []Line
		style Style
	}{
		"promotion_waiting":        {lines: waitingPromotion().Lines(looking())},
		"promotion_waiting_100":    {lines: waitingPromotion().Lines(looking()), style: Style{Width: 100}},
		"promotion_waiting_40":     {lines: waitingPromotion().Lines(looking()), style: Style{Width: 40}},
		"promotion_waiting_color":  {lines: waitingPromotion().Lines(looking()), style: Style{Width: 100, Color: true}},
		"promotion_waiting_wide":   {lines: waitingPromotion().Lines(wide)},
		"promotion_verifying":      {lines: verifyingPromotion().Lines(looking())},
		"promotion_failed":         {lines: failedPromotion().Lines(looking())},
		"promotion_succeeded":      {lines: succeeded.Lines(looking())},
		"promotion_unresolved":     {lines: Promotion{Object: unresolved}.Lines(looking())},
		"promotion_rollback":       {lines: Promotion{Object: rollback}.Lines(looking())},
		"promotion_just_made":      {lines: Promotion{Object: makePromotion("checkout-1.4.2").Obj()}.Lines(looking())},
		"pipeline":                 {lines: checkout().Lines(looking())},
		"pipeline_wide":            {lines: checkout().Lines(wide)},
		"pipeline_just_made":       {lines: fresh.Lines(looking())},
		"environment":              {lines: Environment{Object: production(), Requires: demands()}.Lines(looking())},
		"environment_frozen":       {lines: Environment{Object: frozen, Requires: demands()}.Lines(looking())},
		"environment_endless":      {lines: Environment{Object: endless, Requires: demands()}.Lines(looking())},
		"pipeline_outside_window":  {lines: outside.Lines(looking())},
		"environment_reviews":      {lines: Environment{Object: glass, Requires: emergency.Requires}.Lines(looking())},
		"promotion_emergency":      {lines: entered.Lines(looking())},
		"signoff_emergency":        {lines: emergency.Lines(looking())},
		"review_by_hand":           {lines: Review{Me: "eve", Record: byHand, Pending: v1alpha1.PendingReview{Excluded: []string{"eve"}, DueTime: ago(-time.Hour)}}.Lines(looking())},
		"review_emergency":         {lines: Review{Record: fixed, Pending: v1alpha1.PendingReview{Excluded: []string{"alice", "ci", "dave"}}}.Lines(looking())},
		"environment_just_made":    {lines: Environment{Object: bare}.Lines(looking())},
		"promotions":               {lines: PromotionTable(looking(), promotions, false).Lines()},
		"promotions_all_wide":      {lines: PromotionTable(wide, promotions, true).Lines()},
		"pipelines":                {lines: PipelineTable(looking(), []Pipeline{checkout(), fresh}, true).Lines()},
		"pipelines_wide":           {lines: PipelineTable(wide, []Pipeline{checkout()}, false).Lines()},
		"environments":             {lines: EnvironmentTable(looking(), []v1alpha1.Environment{*production(), *bare}).Lines()},
		"environments_wide":        {lines: EnvironmentTable(wide, []v1alpha1.Environment{*production()}).Lines()},
		"signoff":                  {lines: signOff().Lines(looking())},
		"signoff_changed":          {lines: changed.Lines(looking())},
		"signoff_excluded":         {lines: excluded.Lines(looking())},
		"signoff_again":            {lines: again.Lines(looking())},
		"signoff_reject_anonymous": {lines: rejects.Lines(looking())},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, tc.style.Text(tc.lines)) })
	}
}

// TestChanges plays a promotion from its start to two ends, and draws a line for each transition.
func TestChanges(t *testing.T) {
	just := Promotion{Object: makePromotion("checkout-1.4.2").Says(v1alpha1.ReasonPending, "waits for the operator").Obj()}
	verifying := verifyingPromotion()
	started := verifyingPromotion()
	started.Jobs = []batchv1.Job{gateJob("contract", "1")}
	deploying := verifyingPromotion()
	deploying.Object.Status.Environments[1] = progress("test", v1alpha1.StateDeploying)
	cancelled := verifyingPromotion()
	cancelled.Object.Spec.Lifecycle = v1alpha1.LifecycleCancelled
	signed := waitingPromotion()
	signed.Object.Status.Environments[2].Reasons = nil
	waiting := waitingPromotion()
	waiting.Object.Status.Environments[2].Approvals = nil
	for name, looks := range map[string][]Promotion{
		"changes_failed":  {just, deploying, started, verifying, verifying, failedPromotion()},
		"changes_waiting": {waiting, waitingPromotion(), signed},
		"changes_cancel":  {verifying, cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []Line
			var before *Promotion
			for i := range looks {
				lines = append(lines, plain("look"))
				lines = append(lines, Changes(looking(), before, looks[i])...)
				before = &looks[i]
			}
			golden(t, name, Style{}.Text(lines))
		})
	}
}

func TestNews(t *testing.T) {
	before := []Line{plain("shop/checkout Current"), plain("")}
	after := []Line{plain("shop/checkout Changing"), plain(""), plain("shop/checkout Current")}
	got := Style{}.Text(News(looking(), before, after))
	if want := "2026-08-03T12:00:00Z  shop/checkout Changing\n"; got != want {
		t.Errorf("only the new line is news: got %q, want %q", got, want)
	}
}

func TestWaitsInstead(t *testing.T) {
	waiting := waitingPromotion().Object
	waiting.Status.Environments[3].Reasons = append(waiting.Status.Environments[3].Reasons, v1alpha1.Reason{
		Type: v1alpha1.ReasonEnvironmentBusy, Message: "promotion shop/cart-9 is at work; kubectl sluice get promotion cart-9 -n shop",
	})
	var lines []Line
	lines = append(lines, WaitsInstead(waiting, waiting.Status.Environments[3])...)
	lines = append(lines, WaitsInstead(waiting, waiting.Status.Environments[0])...)
	failed := failedPromotion().Object
	lines = append(lines, WaitsInstead(failed, failed.Status.Environments[2])...)
	golden(t, "waits_instead", Style{}.Text(lines))
}
