package view

import (
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// noon is when everything is looked at.
func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// ago is a time before noon.
func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon().Add(-d)} }

func looking() Options { return Options{Now: noon()} }

// digest is a digest, and hash a release or evidence hash, that one tells apart by its first letters.
func digest(seed string) string { return "sha256:" + hash(seed) }
func hash(seed string) string   { return (seed + strings.Repeat("0", 64))[:64] }

const (
	api    = "registry.example.com/shop/checkout-api"
	worker = "registry.example.com/shop/checkout-worker"
)

// promotionWrapper builds a Promotion of the shop, asked for by ci for dave 20 minutes ago.
type promotionWrapper struct{ p *v1alpha1.Promotion }

func makePromotion(name string) promotionWrapper {
	return promotionWrapper{&v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: *ago(20 * time.Minute)},
		Spec: v1alpha1.PromotionSpec{
			PipelineRef: v1alpha1.LocalPipelineReference{Name: "checkout"},
			Images:      []v1alpha1.PromotedImage{{Name: "api", Tag: "1.4.2"}, {Name: "worker", Digest: digest("bbb1")}},
			Reason:      "SHOP-812: refunds are rounded to cents",
			Changes:     []v1alpha1.Change{{Title: "refunds: round half even", URL: "https://git.example.com/shop/c/17", Author: "dave"}, {Title: "worker: retry"}},
			OnBehalfOf:  []string{"dave"},
			RequestedBy: v1alpha1.Identity{Username: "ci"},
		},
	}}
}

func (w promotionWrapper) Obj() *v1alpha1.Promotion { return w.p }

// Resolved gives it a release, 19 minutes ago.
func (w promotionWrapper) Resolved() promotionWrapper {
	w.p.Status.ReleaseHash, w.p.Status.ShortHash = hash("7f3a9c21"), "7f3a9c21"
	w.p.Status.Images = []v1alpha1.Image{
		{Name: "api", Repository: api, Digest: digest("9c1a77d01e55")}, {Name: "worker", Repository: worker, Digest: digest("bbb1")},
	}
	w.p.Status.StartTime = ago(19 * time.Minute)
	return w
}

func (w promotionWrapper) Says(reason, message string) promotionWrapper {
	w.p.Status.Message = message
	w.p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionUnknown, Reason: reason, Message: message}}
	return w
}

func (w promotionWrapper) Ended(outcome v1alpha1.PromotionOutcome, message string) promotionWrapper {
	w.p.Status.Outcome, w.p.Status.Message, w.p.Status.CompletionTime = outcome, message, ago(time.Minute)
	return w
}

func (w promotionWrapper) In(environments ...v1alpha1.EnvironmentProgress) promotionWrapper {
	w.p.Status.Environments = environments
	return w
}

func progress(name string, state v1alpha1.EnvironmentState) v1alpha1.EnvironmentProgress {
	return v1alpha1.EnvironmentProgress{Name: name, EnvironmentRef: v1alpha1.ObservedEnvironmentReference{Namespace: "shop-" + name}, State: state}
}

// passed is an environment that passed its gates long ago.
func passed(name string, gates ...v1alpha1.GateStatus) v1alpha1.EnvironmentProgress {
	e := progress(name, v1alpha1.StatePassed)
	e.StartTime, e.DeployTime, e.CompletionTime = ago(18*time.Minute), ago(17*time.Minute+40*time.Second), ago(15*time.Minute)
	e.Gates = gates
	e.RecordRef = v1alpha1.RecordReference{Name: "checkout-7f3a9c21-p5k2m"}
	return e
}

func gate(name string, purpose v1alpha1.GatePurpose, state v1alpha1.GateState) v1alpha1.GateStatus {
	return v1alpha1.GateStatus{Name: name, Purpose: purpose, State: state, DeclaredBy: v1alpha1.DeclaredByPlatform}
}

func passedGate(name string, purpose v1alpha1.GatePurpose) v1alpha1.GateStatus {
	g := gate(name, purpose, v1alpha1.GatePassed)
	g.Attempts, g.StartTime, g.CompletionTime = ptr(int32(1)), ago(16*time.Minute), ago(15*time.Minute+48*time.Second)
	g.JobRef = v1alpha1.JobReference{Name: "sl-0123456789abcdef0123"}
	return g
}

func ptr[T any](value T) *T { return &value }

// gateJob is a Job of an attempt in the namespace shop-test that began a minute ago.
func gateJob(gate, attempt string, conditions ...batchv1.JobCondition) batchv1.Job {
	return batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop-test", Name: "sl-" + gate + attempt,
			Labels: map[string]string{v1alpha1.GateLabel: gate, v1alpha1.AttemptLabel: attempt, v1alpha1.PromotionUIDLabel: "uid-checkout-1.4.2"},
		},
		Status: batchv1.JobStatus{StartTime: ago(time.Minute), Conditions: conditions},
	}
}

func jobIs(conditionType batchv1.JobConditionType, message string) batchv1.JobCondition {
	return batchv1.JobCondition{Type: conditionType, Status: corev1.ConditionTrue, LastTransitionTime: *ago(20 * time.Second), Message: message}
}

// waitingPromotion passed dev and test, and waits for the second approval of two in production.
func waitingPromotion() Promotion {
	prod := progress("prod-eu", v1alpha1.StateWaiting)
	prod.Reasons = []v1alpha1.Reason{{
		Type:    v1alpha1.ReasonApprovalsMissing,
		Message: "waits in prod-eu for 1 of 2 approvals, among them 1 from group qa; kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu",
	}}
	prod.Approvals = []v1alpha1.ApprovalStatus{
		{Approver: "alice", Decision: v1alpha1.DecisionApproved, State: v1alpha1.ApprovalCounted, SignTime: ago(2 * time.Minute), Comment: "load report read"},
		{Approver: "bob", Decision: v1alpha1.DecisionApproved, State: v1alpha1.ApprovalIgnored, Reason: v1alpha1.IgnoredNotInRequiredGroup, SignTime: ago(time.Minute)},
	}
	us := progress("prod-us", v1alpha1.StateWaiting)
	us.Reasons = []v1alpha1.Reason{{Type: v1alpha1.ReasonPredecessorPending, Message: "waits for prod-eu to pass; it is Waiting"}}
	retried := passedGate("contract", v1alpha1.PurposeFunctional)
	retried.Attempts, retried.Message = ptr(int32(2)), "182 tests passed"
	p := makePromotion("checkout-1.4.2").Resolved().
		Says(v1alpha1.ReasonApprovalsMissing, "prod-eu is Waiting: waits in prod-eu for 1 of 2 approvals, among them 1 from group qa; kubectl sluice approve checkout-1.4.2 -n shop -e prod-eu").
		In(passed("dev", passedGate("smoke", v1alpha1.PurposeFunctional)), passed("test", retried, passedGate("load", v1alpha1.PurposeStress)), prod, us)
	return Promotion{Object: p.Obj(), Before: Running{Digests: map[string]string{api: digest("026e5c1d0a44"), worker: digest("bbb1")}, Where: "prod-us"}}
}

// verifyingPromotion runs its gates in test; the status says that the first runs, its Job that it has passed, and that
// the first attempt of the second has failed.
func verifyingPromotion() Promotion {
	test := progress("test", v1alpha1.StateVerifying)
	test.StartTime, test.DeployTime = ago(2*time.Minute), ago(90*time.Second)
	test.Reasons = []v1alpha1.Reason{{Type: v1alpha1.ReasonGateRunning, Message: "gate contract runs, gates run in the order listed; kubectl logs -f job/sl-contract1 -n shop-test"}}
	running := gate("contract", v1alpha1.PurposeFunctional, v1alpha1.GateRunning)
	running.StartTime = ago(80 * time.Second)
	test.Gates = []v1alpha1.GateStatus{running, gate("load", v1alpha1.PurposeStress, v1alpha1.GatePending), gate("soak", v1alpha1.PurposeOther, v1alpha1.GatePending)}
	p := makePromotion("checkout-1.4.2").Resolved().
		Says(v1alpha1.ReasonGateRunning, "test is Verifying: gate contract runs, gates run in the order listed").
		In(passed("dev"), test, progress("prod-eu", v1alpha1.StatePending))
	says := map[types.NamespacedName]string{
		{Namespace: "shop-test", Name: "sl-load1"}: "50 %  200/s, 6000 measured, 0 failed, p50 12ms, p99 88ms so far, sent at most 2ms late\x1b[2J",
		// It has ended.
		{Namespace: "shop-test", Name: "sl-contract1"}: "all is well",
	}
	return Promotion{Object: p.Obj(), Saying: says, Jobs: []batchv1.Job{
		gateJob("load", "1", jobIs(batchv1.JobFailed, "Job has reached the specified backoff limit")),
		gateJob("contract", "1", jobIs(batchv1.JobComplete, "")),
	}}
}

// failedPromotion failed its stress gate in test, and was rolled back there.
func failedPromotion() Promotion {
	test := progress("test", v1alpha1.StateRolledBack)
	test.Cause, test.Message = v1alpha1.CauseGateFailed, "gate load (Stress) failed: p99 was 812 ms, the threshold is 300 ms"
	test.StartTime, test.DeployTime, test.RollbackTime, test.CompletionTime = ago(10*time.Minute), ago(9*time.Minute), ago(4*time.Minute), ago(3*time.Minute)
	load := gate("load", v1alpha1.PurposeStress, v1alpha1.GateFailed)
	load.Attempts, load.Message, load.StartTime, load.CompletionTime = ptr(int32(1)), "p99 was 812 ms, the threshold is 300 ms", ago(8*time.Minute), ago(5*time.Minute)
	load.Load = v1alpha1.LoadFigures{
		Requests: ptr(int64(12_000)), SentPerSecond: ptr(int32(200)), SuccessBasisPoints: ptr(int32(9995)),
		P50Microseconds: ptr(int64(41_200)), P90Microseconds: ptr(int64(301_000)), P99Microseconds: ptr(int64(812_000)), MaxMicroseconds: ptr(int64(10_004_000)),
		Failures: []v1alpha1.LoadFailure{{Kind: v1alpha1.FailureTimeout, Count: ptr(int64(5)), Example: "no answer within 10 s"}, {Kind: v1alpha1.FailureStatus, Count: ptr(int64(1))}},
	}
	errors := passedGate("errors", v1alpha1.PurposeOther)
	errors.Message = "9 of 10 samples passed, 1 missing: result < 0.01, from 0.001 to 0.003"
	errors.Metric = v1alpha1.MetricFigures{
		Samples: ptr(int32(10)), Failed: ptr(int32(0)), Missing: ptr(int32(1)), MissingReason: "the query returned no data",
		Last: "0.002", Minimum: "0.001", Maximum: "0.003", Query: `sum(rate(http_requests_total{code=~"5.."}[1m]))`,
	}
	test.Gates = []v1alpha1.GateStatus{passedGate("contract", v1alpha1.PurposeFunctional), errors, load}
	test.RecordRef = v1alpha1.RecordReference{Name: "checkout-7f3a9c21-p5k2m"}
	prod := progress("prod-eu", v1alpha1.StateNotEntered)
	prod.Cause = v1alpha1.CausePredecessorFailed
	p := makePromotion("checkout-1.4.2").Resolved().In(passed("dev"), test, prod).
		Ended(v1alpha1.OutcomeFailed, "test is RolledBack: gate load (Stress) failed: p99 was 812 ms, the threshold is 300 ms")
	return Promotion{Object: p.Obj()}
}

func condTrue(conditionType, reason string) metav1.Condition {
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, Reason: reason}
}

// production is shop-prod-eu: version 026e runs, another pipeline is at work, checkout-1.4.2 awaits sign-off.
func production() *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod-eu", Name: v1alpha1.EnvironmentName, CreationTimestamp: *ago(90 * 24 * time.Hour)},
		Spec:       v1alpha1.EnvironmentSpec{Tier: v1alpha1.TierProduction},
		Status: v1alpha1.EnvironmentStatus{
			Conditions: []metav1.Condition{
				condTrue(v1alpha1.ConditionReady, "Ready"), condTrue(v1alpha1.ConditionLocked, "Enforced"),
				{Type: v1alpha1.ConditionConverged, Status: metav1.ConditionFalse, Reason: "Drifted", Message: "Deployment api runs something else"},
			},
			Pipelines: []v1alpha1.DeliveredPipeline{
				{Pipeline: "shop/checkout", State: v1alpha1.DeliveryCurrent, ReleaseHash: hash("026e5c1d"), SinceTime: ago(50 * time.Hour)},
				{
					Pipeline: "shop/cart", State: v1alpha1.DeliveryChanging, ReleaseHash: hash("c0ffee11"), SinceTime: ago(time.Minute),
					PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "cart-9", UID: "9"},
				},
			},
			Holders: []v1alpha1.Holder{{
				Pipeline: "shop/cart", PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "cart-9", UID: "9"},
				ReleaseHash: hash("c0ffee11"), SinceTime: ago(time.Minute),
			}},
			Awaiting: []v1alpha1.AwaitingPromotion{{
				PromotionRef: v1alpha1.PromotionReference{Namespace: "shop", Name: "checkout-1.4.2", UID: "uid-checkout-1.4.2"},
				Pipeline:     "shop/checkout", RequestedBy: "ci", OnBehalfOf: []string{"dave"}, Excluded: []string{"ci", "dave"},
				ReleaseHash: hash("7f3a9c21"), EvidenceHash: hash("91bc"), Groups: []string{"qa"}, SinceTime: ago(5 * time.Minute),
			}},
		},
	}
}

func demands() v1alpha1.RequirementsInForce {
	return v1alpha1.RequirementsInForce{
		Evidence: []v1alpha1.EvidenceRequirement{
			{Purpose: v1alpha1.PurposeFunctional, DeclaredBy: v1alpha1.DeclaredByPlatform},
			{Purpose: v1alpha1.PurposeStress, DeclaredBy: v1alpha1.DeclaredByAnyone, From: []v1alpha1.EnvironmentReference{{Namespace: "shop-test"}}, MaxAgeSeconds: 259200},
		},
		Approvals: &v1alpha1.ApprovalRequirement{
			Mode: v1alpha1.RequirementRequired, Count: 2, From: []v1alpha1.ApprovalQuota{{Kind: v1alpha1.QuotaGroup, Name: "qa", Count: 1}},
			Excludes: []v1alpha1.Exclusion{v1alpha1.ExcludeRequester, v1alpha1.ExcludeOnBehalfOf, v1alpha1.ExcludeChangeAuthors}, MaxAgeSeconds: 86400,
		},
		RollbackApprovals: ptr(int32(1)), Lock: v1alpha1.LockEnforce, UnmanagedImages: v1alpha1.UnmanagedDeny, TeamGates: v1alpha1.TeamGatesRefuse,
	}
}

// checkout is the pipeline; who looks may not read the Environment of prod-us.
func checkout() Pipeline {
	environment := func(name string, after ...string) v1alpha1.PipelineEnvironment {
		return v1alpha1.PipelineEnvironment{Name: name, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: "shop-" + name}, After: after}
	}
	dev := production()
	dev.Namespace, dev.Status.Pipelines, dev.Status.Awaiting = "shop-dev", nil, nil
	over := makePromotion("checkout-1.4.1").Resolved().Ended(v1alpha1.OutcomeSucceeded, "release 7f3a9c21 passed every environment").Obj()
	over.CreationTimestamp = *ago(50 * time.Hour)
	return Pipeline{
		Object: &v1alpha1.DeliveryPipeline{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", CreationTimestamp: *ago(100 * 24 * time.Hour)},
			Spec: v1alpha1.DeliveryPipelineSpec{
				Images:       []v1alpha1.PipelineImage{{Name: "api", Repository: api}, {Name: "worker", Repository: worker}},
				Environments: []v1alpha1.PipelineEnvironment{environment("dev"), environment("prod-eu"), environment("prod-us", "dev")},
			},
			Status: v1alpha1.DeliveryPipelineStatus{
				Conditions:   []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "NotAdmitted", Message: "shop-prod-us does not list pipeline shop/checkout"}},
				Environments: []v1alpha1.DeliveredEnvironment{{Name: "prod-us", State: v1alpha1.DeliveryDrifted}},
			},
		},
		Environments: map[string]*v1alpha1.Environment{"shop-dev": dev, "shop-prod-eu": production()},
		Promotions:   []v1alpha1.Promotion{*over, *waitingPromotion().Object},
	}
}

// signOff is what qa's erin looks at: test failed once and passed then, and she may not read the records of dev.
func signOff() SignOff {
	waiting := waitingPromotion()
	record := func(name string, result v1alpha1.RecordResult, at time.Duration, gates ...v1alpha1.GateStatus) v1alpha1.ReleaseRecord {
		return v1alpha1.ReleaseRecord{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop-test", Name: name, CreationTimestamp: *ago(at)},
			Spec:       v1alpha1.ReleaseRecordSpec{Result: result, Gates: gates, Environment: v1alpha1.RecordedEnvironment{Tier: v1alpha1.TierTest}},
		}
	}
	failed := gate("load", v1alpha1.PurposeStress, v1alpha1.GateFailed)
	failed.Message, failed.DeclaredBy = "p99 was 812 ms, the threshold is 300 ms", v1alpha1.DeclaredByAnyone
	first := record("checkout-7f3a9c21-00001", v1alpha1.ResultRolledBack, 5*time.Hour, failed)
	first.Spec.Cause, first.Spec.Message = v1alpha1.CauseGateFailed, "gate load (Stress) failed"
	return SignOff{
		Me: "erin", Groups: []string{"qa"}, Decision: v1alpha1.DecisionApproved,
		Promotion: waiting.Object, Step: waiting.Object.Status.Environments[2], Environment: production(), Requires: demands(),
		Awaiting: production().Status.Awaiting[0], Before: Running{Digests: map[string]string{api: digest("026e5c1d0a44")}, Where: "prod-eu"},
		Evidence: []v1alpha1.ReleaseRecord{record("checkout-7f3a9c21-p5k2m", v1alpha1.ResultPassed, 15*time.Minute, passedGate("load", v1alpha1.PurposeStress)), first},
		Unread:   []string{"shop-dev"},
	}
}
