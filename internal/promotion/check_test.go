package promotion_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

func sameStatus(a, b v1alpha1.PromotionStatus) bool { return equality.Semantic.DeepEqual(a, b) }

func text(t testing.TB, value any) string {
	t.Helper()
	encoded, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// decideChecked decides, and checks what holds for every decision: it is deterministic, leaves the snapshot as it was,
// moves states forward only, keeps the contract of conditions, and comes to rest.
func decideChecked(t testing.TB, s promotion.Snapshot) promotion.Plan {
	t.Helper()
	before := cloneSnapshot(s)
	plan := promotion.Decide(s)
	if again := promotion.Decide(before); !reflect.DeepEqual(plan, again) {
		t.Errorf("two decisions about one snapshot differ:\n%s\n%s", text(t, plan), text(t, again))
	}
	if !reflect.DeepEqual(before, s) {
		t.Errorf("the decision changed its snapshot from\n%s\nto\n%s", text(t, before), text(t, s))
	}
	checkForward(t, s.Promotion.Status, plan.Status)
	checkConditions(t, s.Promotion, plan.Status)
	checkLimits(t, plan)
	checkRest(t, s, plan)
	return plan
}

func cloneSnapshot(s promotion.Snapshot) promotion.Snapshot {
	s.Promotion, s.Pipeline = s.Promotion.DeepCopy(), s.Pipeline.DeepCopy()
	s.Rivals, s.Records, s.Sites = slices.Clone(s.Rivals), slices.Clone(s.Records), maps.Clone(s.Sites)
	for i, rival := range s.Rivals {
		s.Rivals[i] = rival.DeepCopy()
	}
	for i, r := range s.Records {
		s.Records[i] = r.DeepCopy()
	}
	for namespace, site := range s.Sites {
		s.Sites[namespace] = cloneSite(site)
	}
	return s
}

// forward lists where each state may go (conditions.md). A pass may take several steps.
var forward = map[v1alpha1.EnvironmentState][]v1alpha1.EnvironmentState{
	"":                           {v1alpha1.StatePending},
	v1alpha1.StatePending:        {v1alpha1.StateWaiting, v1alpha1.StateNotEntered},
	v1alpha1.StateWaiting:        {v1alpha1.StateDeploying, v1alpha1.StateNotEntered},
	v1alpha1.StateDeploying:      {v1alpha1.StateVerifying, v1alpha1.StateRollingBack, v1alpha1.StateFailed},
	v1alpha1.StateVerifying:      {v1alpha1.StatePassed, v1alpha1.StateRollingBack, v1alpha1.StateFailed},
	v1alpha1.StateRollingBack:    {v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed},
	v1alpha1.StatePassed:         nil,
	v1alpha1.StateRolledBack:     nil,
	v1alpha1.StateRollbackFailed: nil,
	v1alpha1.StateFailed:         nil,
	v1alpha1.StateNotEntered:     nil,
}

func reachable(from, to v1alpha1.EnvironmentState) bool {
	return from == to || slices.ContainsFunc(forward[from], func(next v1alpha1.EnvironmentState) bool { return reachable(next, to) })
}

func checkForward(t testing.TB, before, after v1alpha1.PromotionStatus) {
	t.Helper()
	states := map[string]v1alpha1.EnvironmentState{}
	for _, e := range before.Environments {
		states[e.Name] = e.State
	}
	for _, e := range after.Environments {
		if !reachable(states[e.Name], e.State) {
			t.Errorf("I7: %s goes back from %s to %s", e.Name, states[e.Name], e.State)
		}
	}
	if before.Outcome != "" && after.Outcome != before.Outcome {
		t.Errorf("I7: the outcome changes from %s to %s", before.Outcome, after.Outcome)
	}
	if before.ReleaseHash != "" && after.ReleaseHash != before.ReleaseHash {
		t.Errorf("I2: the release changes from %s to %s", before.ReleaseHash, after.ReleaseHash)
	}
}

func conditionOf(status v1alpha1.PromotionStatus, conditionType string) *metav1.Condition {
	for i, c := range status.Conditions {
		if c.Type == conditionType {
			return &status.Conditions[i]
		}
	}
	return nil
}

// checkConditions checks what kstatus and kubectl wait rely on.
func checkConditions(t testing.TB, p *v1alpha1.Promotion, status v1alpha1.PromotionStatus) {
	t.Helper()
	for _, c := range status.Conditions {
		checkCondition(t, c, p.Generation)
	}
	succeeded := conditionOf(status, v1alpha1.ConditionSucceeded)
	if succeeded == nil {
		t.Fatalf("no condition Succeeded in %s", text(t, status))
	}
	want := metav1.ConditionFalse
	switch status.Outcome {
	case "":
		want = metav1.ConditionUnknown
	case v1alpha1.OutcomeSucceeded:
		want = metav1.ConditionTrue
	}
	if succeeded.Status != want {
		t.Errorf("Succeeded is %s with outcome %q, want %s", succeeded.Status, status.Outcome, want)
	}
	if reconciling := conditionOf(status, v1alpha1.ConditionReconciling) != nil; reconciling != (status.Outcome == "") {
		t.Errorf("Reconciling is %t with outcome %q", reconciling, status.Outcome)
	}
	bad := slices.Contains([]v1alpha1.PromotionOutcome{v1alpha1.OutcomeFailed, v1alpha1.OutcomeRejected, v1alpha1.OutcomeExpired}, status.Outcome)
	if stalled := conditionOf(status, v1alpha1.ConditionStalled) != nil; stalled != bad {
		t.Errorf("Stalled is %t with outcome %q", stalled, status.Outcome)
	}
}

func checkCondition(t testing.TB, c metav1.Condition, generation int64) {
	t.Helper()
	if c.ObservedGeneration != generation && c.Type != v1alpha1.ConditionResolved {
		t.Errorf("condition %s was observed at generation %d, want %d", c.Type, c.ObservedGeneration, generation)
	}
	if c.Reason == "" {
		t.Errorf("condition %s has no reason", c.Type)
	}
	onlyTrue := c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled
	if onlyTrue && c.Status != metav1.ConditionTrue {
		t.Errorf("condition %s is %s; it is absent unless True", c.Type, c.Status)
	}
}

// checkLimits checks that the API server would take what is written: the schema bounds lists and texts.
func checkLimits(t testing.TB, plan promotion.Plan) {
	t.Helper()
	if len(plan.Status.Message) > 2048 {
		t.Errorf("message of %d bytes", len(plan.Status.Message))
	}
	for _, e := range plan.Status.Environments {
		if len(e.Reasons) > 32 || len(e.Gates) > 32 || len(e.Approvals) > 64 || len(e.Message) > 1024 {
			t.Errorf("%s: %d reasons, %d gates, %d approvals, message of %d bytes: the schema refuses that",
				e.Name, len(e.Reasons), len(e.Gates), len(e.Approvals), len(e.Message))
		}
		checkReasons(t, e)
	}
	for _, image := range plan.Status.Images {
		if !strings.HasPrefix(image.Digest, "sha256:") {
			t.Errorf("image %s has the digest %q", image.Name, image.Digest)
		}
	}
}

func checkReasons(t testing.TB, e v1alpha1.EnvironmentProgress) {
	t.Helper()
	for _, reason := range e.Reasons {
		if reason.Type == "" || reason.Message == "" || len(reason.Message) > 1024 {
			t.Errorf("%s: reason %q has a message of %d bytes", e.Name, reason.Type, len(reason.Message))
		}
	}
}

// checkRest decides again and again upon the status that was planned, with the same observations. Few steps later it has
// to come to rest: else the operator would write for ever.
func checkRest(t testing.TB, s promotion.Snapshot, plan promotion.Plan) {
	t.Helper()
	status := plan.Status
	for range 4 {
		s.Promotion = s.Promotion.DeepCopy()
		s.Promotion.Status = status
		next := promotion.Decide(s)
		checkForward(t, status, next.Status)
		if sameStatus(status, next.Status) {
			return
		}
		status = next.Status
	}
	t.Errorf("the status does not come to rest:\n%s", text(t, status))
}
