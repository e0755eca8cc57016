package environment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// hold makes a promotion take the slot, and pin, as package promotion does.
func (w *world) hold(pipeline, digest string) {
	env := w.snapshot.Environment.DeepCopy()
	now := metav1.NewTime(w.snapshot.Now)
	image := v1alpha1.Image{Name: "api", Repository: api, Digest: digest}
	hash := promotion.ReleaseHash([]v1alpha1.Image{image})
	ref := v1alpha1.PromotionReference{Namespace: "shop", Name: "p", UID: "uid-" + digest}
	env.Status.Holders = []v1alpha1.Holder{{Pipeline: pipeline, PromotionRef: ref, ReleaseHash: hash, Images: []v1alpha1.Image{image}}}
	env.Status.Pipelines = promotion.WithDelivered(env.Status.Pipelines, v1alpha1.DeliveredPipeline{
		Pipeline: pipeline, State: v1alpha1.DeliveryChanging, ReleaseHash: hash, PromotionRef: ref, SinceTime: &now,
	})
	promotion.SetCondition(&env.Status.Conditions, promotion.ConvergedCondition(env.Status), env.Generation, &now)
	w.snapshot.Environment = env
	pinned := w.enforced()
	pinned.Pins[api], pinned.Owners[api] = image.Reference(), pipeline
	pinned.Images = append(pinned.Images, image.Reference())
	w.pin(promotion.Pin{ResourceVersion: w.snapshot.Namespace.ResourceVersion, Copy: pinned})
}

// promoted makes a promotion of shop/checkout go through and leave a record and an entry.
func (w *world) promoted(digest string, result v1alpha1.RecordResult, state v1alpha1.DeliveryState) {
	w.hold("shop/checkout", digest)
	env := w.snapshot.Environment.DeepCopy()
	h := env.Status.Holders[0]
	now := metav1.NewTime(w.snapshot.Now)
	record := &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: "checkout-" + digest[60:], UID: types.UID(digest), CreationTimestamp: now},
		Spec: v1alpha1.ReleaseRecordSpec{
			PipelineRef: v1alpha1.PipelineReference{Namespace: "shop", Name: "checkout"}, ReleaseHash: h.ReleaseHash, Images: h.Images, Result: result,
			Promotion: v1alpha1.RecordedPromotion{Namespace: "shop", Name: "p", UID: h.PromotionRef.UID},
		},
	}
	promotion.Follow(&record.Spec, newestRecord(w.snapshot.Records))
	w.snapshot.Records = append(w.snapshot.Records, record)
	env.Status.Holders = nil
	env.Status.Pipelines = promotion.WithDelivered(env.Status.Pipelines, v1alpha1.DeliveredPipeline{
		Pipeline: h.Pipeline, State: state, ReleaseHash: h.ReleaseHash, PromotionRef: h.PromotionRef, SinceTime: &now,
	})
	promotion.SetCondition(&env.Status.Conditions, promotion.ConvergedCondition(env.Status), env.Generation, &now)
	w.snapshot.Environment = env
}

func TestPromotionsLeaveNothingToWrite(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	pins, statuses := w.pins, w.statuses

	w.later()
	w.hold("shop/checkout", digest("2"))
	w.settle()
	w.expectState("shop/checkout", v1alpha1.DeliveryChanging)
	w.snapshot.Sightings = nil
	w.runs("api", api+"@"+digest("2"), digest("1"), digest("2"))
	w.settle()
	w.snapshot.Sightings = nil
	w.runs("api", api+"@"+digest("2"), digest("2"))
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	w.settle()
	w.expect("Converged=True/Converged", "Ready=True/Ready")
	if w.statuses != statuses || w.pins != pins+2 {
		t.Errorf("%d status writes and %d pins more than those of the promotion itself", w.statuses-statuses, w.pins-pins-2)
	}
}

func TestScenario22TakenOutOfThePipelineStaysLocked(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	pinned := w.snapshot.Namespace.Annotations

	w.snapshot.Pipelines = nil
	w.settle()
	if !maps.Equal(pinned, w.snapshot.Namespace.Annotations) {
		t.Errorf("the pipeline is gone, and its pins with it: %v", w.snapshot.Namespace.Annotations)
	}
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)

	w.snapshot.Environment.Spec.Pipelines = []v1alpha1.AdmittedPipeline{{Namespace: "shop", Name: "other", Repositories: []string{"registry.example.com/shop/"}}}
	w.snapshot.Environment.Generation++
	w.settle()
	w.expectAnnotation(v1alpha1.PinsAnnotation, "")
	w.expectAnnotation(v1alpha1.ImagesAnnotation, "")
	w.expectAnnotation(v1alpha1.OwnersAnnotation, "")
	w.expectAnnotation(v1alpha1.AdoptedAnnotation, "")
	w.expectState("shop/checkout", "")
	w.expect("Locked=True/Enforced", "Converged=False/UnmanagedImagesRun")
	if !slices.Contains(w.events, "RepositoryLetGo") {
		t.Errorf("events: %v", w.events)
	}
}

func TestScenario22AnotherPipelineTakesOver(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.later()
	w.pipeline("next", api)
	w.snapshot.Environment.Spec.Pipelines = []v1alpha1.AdmittedPipeline{{Namespace: "shop", Name: "next", Repositories: []string{api}}}
	w.snapshot.Environment.Generation++
	w.settle()
	w.expectAnnotation(v1alpha1.OwnersAnnotation, api+"=shop/next")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("1"))
	w.expectState("shop/next", v1alpha1.DeliveryCurrent)
	if len(w.snapshot.Records) != 2 {
		t.Errorf("the heir has no record to go back to: %+v", w.snapshot.Records)
	}
}

func TestScenario26EnvironmentMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.later()
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	before, pins := w.snapshot.Environment.Status.Pipelines[0], w.pins

	w.later()
	w.snapshot.Environment.Status, w.snapshot.Environment.UID = v1alpha1.EnvironmentStatus{}, "again"
	w.registry = map[string]Answer{}
	w.snapshot.Sightings = nil
	w.runs("api", api+"@"+digest("2"), digest("2"))
	if plan := w.decide(); len(plan.Questions) > 0 {
		t.Errorf("adopts again: %+v", plan.Questions)
	}
	w.settle()
	w.expect("Adopted=True/Restored", "Locked=True/Enforced", "Ready=True/Ready")
	after := w.snapshot.Environment.Status.Pipelines[0]
	if !sameEntry(before, after) || w.pins != pins || len(w.snapshot.Records) != 2 {
		t.Errorf("entry %+v became %+v, %d pins, %d records", before, after, w.pins-pins, len(w.snapshot.Records))
	}
}

func TestScenario27RestoredWithoutTheCopy(t *testing.T) {
	w := newWorld(t)
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	w.later()
	w.promoted(digest("3"), v1alpha1.ResultFailed, v1alpha1.DeliveryHeld)
	w.snapshot.Environment.Status = v1alpha1.EnvironmentStatus{}
	w.snapshot.Namespace.Labels, w.snapshot.Namespace.Annotations = nil, nil
	w.runs("api", api+":anything", digest("9"))
	w.settle()
	w.expect("Adopted=True/Restored", "Locked=True/Enforced")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("2"))
	w.expectAnnotation(v1alpha1.ImagesAnnotation, api+"@"+digest("2"))
	w.expectState("shop/checkout", v1alpha1.DeliveryHeld)
}

func TestScenario27NeverOpensWhileItIsTakenUp(t *testing.T) {
	w := newWorld(t)
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	w.snapshot.Environment.Status = v1alpha1.EnvironmentStatus{}
	w.snapshot.Namespace.Labels, w.snapshot.Namespace.Annotations = nil, nil
	p := w.snapshot.Pipelines[0].DeepCopy()
	p.Spec.Images = append(p.Spec.Images, v1alpha1.PipelineImage{Name: "worker", Repository: worker})
	w.snapshot.Pipelines[0] = p
	w.runs("worker", worker+":v7", digest("7"))
	w.settle()
	w.expect("Adopted=False/DigestNotInRegistry", "Locked=True/Enforced")
}

func TestScenario31TooManyImagesPrunesNothing(t *testing.T) {
	w := newWorld(t)
	w.settle()
	copied := w.enforced()
	for i := range promotion.MaxReferences {
		copied.Images = append(copied.Images, fmt.Sprintf("%s@%s", api, digest(fmt.Sprint(i))))
	}
	w.pin(promotion.Pin{ResourceVersion: w.snapshot.Namespace.ResourceVersion, Copy: copied})
	w.settle()
	w.expect("Accepted=True/Accepted")

	w.pipeline("jobs", worker)
	w.has(worker, "v7", digest("7"))
	w.runs("worker", worker+":v7", digest("7"))
	w.settle()
	w.expect("Accepted=False/TooManyImages", "Stalled=True/TooManyImages", "Ready=False/TooManyImages", "Locked=True/Enforced")
	if !slices.Equal(w.enforced().Images, copied.Images) && len(w.enforced().Images) != len(copied.Images) {
		t.Errorf("%d of %d images are left", len(w.enforced().Images), len(copied.Images))
	}
}

func TestScenario31ManyPipelines(t *testing.T) {
	w := newWorld(t)
	for i := range 299 {
		repository := fmt.Sprintf("registry.example.com/shop/app-%d", i)
		w.pipeline(fmt.Sprintf("app-%d", i), repository)
		w.has(repository, "v1", digest(fmt.Sprint(i)))
		w.runs(fmt.Sprintf("app-%d", i), repository+":v1", digest(fmt.Sprint(i)))
	}
	w.settle()
	w.expect("Accepted=True/Accepted", "Adopted=True/Adopted", "Locked=True/Enforced", "Ready=True/Ready")
	if w.pins != 1 {
		t.Errorf("%d pins", w.pins)
	}
}

func TestDrift(t *testing.T) {
	for _, c := range []struct {
		name   string
		seen   []Sighting
		drifts bool
	}{
		{"the release", []Sighting{{Image: api + "@" + digest("2")}, {Image: api + "@" + digest("2"), Source: SourcePod, Digest: digest("2")}}, false},
		{"a template names another digest", []Sighting{{Image: api + "@" + digest("9")}}, true},
		{"a pod runs another digest", []Sighting{{Image: api + "@" + digest("9"), Source: SourcePod}}, true},
		{"a pod started past the pin", []Sighting{{Image: api + ":evil", Source: SourcePod, Digest: digest("9")}}, true},
		{"a pod that says nothing yet", []Sighting{{Image: api + ":evil", Source: SourcePod}}, false},
		{"a Job that began before", []Sighting{{Image: api + "@" + digest("1"), Source: SourceOther}}, false},
		{"scenario 44: a workload that is to be left alone", []Sighting{{Image: api + "@" + digest("9"), Ignored: true}}, false},
		{"another repository", []Sighting{{Image: "registry.example.com/mesh/proxy@" + digest("9")}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.snapshot.Environment.Spec.AllowedImages = []string{"registry.example.com/mesh/"}
			w.settle()
			w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
			w.settle()
			w.snapshot.Sightings = c.seen
			w.settle()
			if c.drifts {
				w.expectState("shop/checkout", v1alpha1.DeliveryDrifted)
				w.expect("Converged=False/Drifted", "Ready=True/Ready")
			} else {
				w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
				w.expect("Converged=True/Converged")
			}
			w.snapshot.Sightings = nil
			w.settle()
			w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
		})
	}
}

func TestLockFollowsTheEnvironment(t *testing.T) {
	w := newWorld(t)
	w.settle()
	for _, lock := range []v1alpha1.Lock{v1alpha1.LockAudit, v1alpha1.LockOff, v1alpha1.LockEnforce} {
		w.snapshot.Environment.Spec.Lock = lock
		w.snapshot.Environment.Generation++
		w.settle()
		if got := w.enforced().Lock; got != lock {
			t.Errorf("lock is %s, want %s", got, lock)
		}
	}
	w.expect("Locked=True/Enforced")
	if slices.Contains(w.events, v1alpha1.ReasonNamespaceAltered) {
		t.Error("what the Environment asked for is no alteration")
	}
}

func TestPoliciesThatAreNotWhole(t *testing.T) {
	missing := promotion.Policies{Missing: []string{"ValidatingAdmissionPolicyBinding sluice-lock"}}
	altered := promotion.Policies{Altered: []string{"MutatingAdmissionPolicy sluice-pin (spec.matchConditions)"}}
	for _, c := range []struct {
		name     string
		lock     v1alpha1.Lock
		policies promotion.Policies
		want     []string
	}{
		{"missing under Enforce", v1alpha1.LockEnforce, missing, []string{"Locked=False/PolicyMissing", "Ready=False/PolicyMissing", "Accepted=True/Accepted", "Stalled=absent"}},
		{"altered under Enforce", v1alpha1.LockEnforce, altered, []string{"Locked=False/PolicyAltered", "Ready=False/PolicyAltered"}},
		{"missing under Audit", v1alpha1.LockAudit, missing, []string{"Locked=False/PolicyMissing", "Ready=True/Ready"}},
		{"altered under Off: pins are policies too", v1alpha1.LockOff, altered, []string{"Locked=False/PolicyAltered", "Ready=True/Ready"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.snapshot.Environment.Spec.Lock = c.lock
			w.settle()
			before := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionLocked).DeepCopy()
			pins := w.pins
			w.events, w.snapshot.Policies = nil, c.policies
			w.settle()
			w.expect(c.want...)
			if want := []string{c.policies.Reason().Type}; !slices.Equal(w.events, want) {
				t.Errorf("events %v, want %v", w.events, want)
			}
			locked := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionLocked)
			if !strings.Contains(locked.Message, "sluice-") || !strings.Contains(locked.Message, "-k config/admission") {
				t.Errorf("the condition names neither policy nor command: %s", locked.Message)
			}
			w.snapshot.Policies = promotion.Policies{}
			w.settle()
			after := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionLocked)
			if after.Reason != before.Reason || after.Status != before.Status || len(w.events) != 2 || w.pins != pins {
				t.Errorf("mended, Locked is %s/%s, events %v, %d pins", after.Status, after.Reason, w.events, w.pins-pins)
			}
		})
	}
}

// While adoption is under way there is no lock yet, whatever becomes of the policies.
func TestPoliciesAndAdoption(t *testing.T) {
	w := newWorld(t)
	w.runs("api", api+":v1", digest("1"), digest("2"))
	w.snapshot.Policies = promotion.Policies{Missing: []string{"ValidatingAdmissionPolicy sluice-lock"}}
	w.settle()
	w.expect("Adopted=False/DigestNotInRegistry", "Locked=False/NotAdopted", "Ready=False/DigestNotInRegistry")
}

func TestBreakGlass(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	w.settle()
	byHand := w.enforced()
	byHand.Lock, byHand.Prefixes = v1alpha1.LockOff, []string{"evil.example.com/"}
	byHand.Pins[api] = api + "@" + digest("5")
	byHand.Images = append(byHand.Images, api+"@"+digest("5"))
	w.pin(promotion.Pin{ResourceVersion: w.snapshot.Namespace.ResourceVersion, Copy: byHand})
	w.settle()
	w.expect("Locked=True/Enforced")
	w.expectAnnotation(v1alpha1.PrefixesAnnotation, "")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("5"))
	if !slices.Contains(w.events, v1alpha1.ReasonNamespaceAltered) {
		t.Errorf("events: %v", w.events)
	}
}

func TestRefusals(t *testing.T) {
	now := metav1.Now()
	for _, c := range []struct {
		reason  string
		breakIt func(*world)
	}{
		{v1alpha1.ReasonPermissionMissing, func(w *world) { w.snapshot.Permitted = false }},
		{v1alpha1.ReasonNamespaceTerminating, func(w *world) { w.snapshot.Namespace.DeletionTimestamp = &now }},
		{v1alpha1.ReasonNamespaceTerminating, func(w *world) { w.snapshot.Environment.DeletionTimestamp = &now }},
		{v1alpha1.ReasonAdmissionRefused, func(w *world) {
			w.snapshot.Refused = v1alpha1.NewReason(v1alpha1.ReasonAdmissionRefused, "a policy says no")
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			w := newWorld(t)
			w.has(api, "v1", digest("1"))
			w.runs("api", api+":v1", digest("1"))
			c.breakIt(w)
			w.settle()
			w.expect("Accepted=False/"+c.reason, "Adopted=absent", "Locked=False/NotAdopted", "Ready=False/"+c.reason, "Stalled=True/"+c.reason, "Reconciling=absent")
			if w.pins > 0 || len(w.snapshot.Records) > 0 {
				t.Error("wrote where it may not")
			}

			w = newWorld(t)
			w.settle()
			c.breakIt(w)
			w.settle()
			w.expect("Accepted=False/"+c.reason, "Adopted=True/NothingRan", "Locked=True/Enforced", "Ready=False/"+c.reason)
			w.snapshot.Environment.Spec.Lock = v1alpha1.LockAudit
			w.settle()
			w.expect("Locked=False/NamespaceAltered")
		})
	}
}

func TestUnmanagedImagesRun(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.runs("cache", "redis:7", digest("f"))
	w.settle()
	w.expect("Converged=False/UnmanagedImagesRun", "Ready=True/Ready")
	w.snapshot.Environment.Spec.AllowedImages = []string{"redis:7"}
	w.snapshot.Environment.Generation++
	w.settle()
	w.expect("Converged=True/Converged")
	w.expectAnnotation(v1alpha1.PrefixesAnnotation, "redis:7")
	w.expectAnnotation(v1alpha1.OthersAnnotation, "")
}

func TestEntryFollowsARecordWhoseStatusWriteWasLost(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.promoted(digest("2"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	old := w.snapshot.Environment.Status.Pipelines[0]
	w.later()
	w.promoted(digest("3"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
	newer := w.snapshot.Environment.Status.Pipelines[0]
	w.snapshot.Environment.Status.Pipelines[0] = old
	w.settle()
	if got := w.snapshot.Environment.Status.Pipelines[0]; !sameEntry(got, newer) {
		t.Errorf("entry is %+v, want %+v", got, newer)
	}
	w.snapshot.Records = w.snapshot.Records[:1]
	w.settle()
	if got := w.snapshot.Environment.Status.Pipelines[0]; !sameEntry(got, newer) {
		t.Errorf("a cache that lags must not take the entry back: %+v", got)
	}
}

func TestNothingInTheSnapshotIsModified(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.runs("api", api+":v1", digest("1"))
	w.settle()
	w.snapshot.Environment.Spec.Pipelines = nil
	env, ns := w.snapshot.Environment.DeepCopy(), w.snapshot.Namespace.DeepCopy()
	w.decide()
	if !equality.Semantic.DeepEqual(env, w.snapshot.Environment) || !equality.Semantic.DeepEqual(ns, w.snapshot.Namespace) {
		t.Error("the snapshot was modified")
	}
}

func TestEntriesAreRebuiltFromRecords(t *testing.T) {
	for _, c := range []struct {
		result v1alpha1.RecordResult
		state  v1alpha1.DeliveryState
		digest string
	}{
		{v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent, digest("2")},
		{v1alpha1.ResultFailed, v1alpha1.DeliveryHeld, digest("2")},
		{v1alpha1.ResultRolledBack, v1alpha1.DeliveryCurrent, digest("1")},
	} {
		t.Run(string(c.result), func(t *testing.T) {
			w := newWorld(t)
			w.settle()
			w.promoted(digest("1"), v1alpha1.ResultPassed, v1alpha1.DeliveryCurrent)
			w.later()
			w.promoted(digest("2"), c.result, c.state)
			w.snapshot.Environment.Status.Pipelines = nil
			w.settle()
			entry := w.snapshot.Environment.Status.Pipelines[0]
			if want := promotion.ReleaseHash([]v1alpha1.Image{{Repository: api, Digest: c.digest}}); entry.State != c.state || entry.ReleaseHash != want {
				t.Errorf("entry is %+v", entry)
			}
		})
	}
}

func TestRollbackFailedStays(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.promoted(digest("2"), v1alpha1.ResultFailed, v1alpha1.DeliveryRollbackFailed)
	w.settle()
	w.expectState("shop/checkout", v1alpha1.DeliveryRollbackFailed)
	w.expect("Converged=False/RollbackFailed", "Ready=True/Ready")
}

func TestPodsOfAnAdoptedDigestAreNoDrift(t *testing.T) {
	w := newWorld(t)
	w.has(api, "v1", digest("1"))
	w.has(api, "v0", digest("0"))
	w.runs("api", api+":v1", digest("1"))
	w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: api + ":v0", Digest: digest("0"), Where: "Pod job", Source: SourceOther})
	w.settle()
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("1"))
	w.snapshot.Sightings = append(w.snapshot.Sightings, Sighting{Image: api + "@" + digest("0"), Digest: digest("0"), Source: SourcePod})
	w.settle()
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
}

func TestEveryProblemIsNamed(t *testing.T) {
	w := newWorld(t)
	w.registry[api+" v1"] = Answer{Reason: v1alpha1.ReasonRegistryDenied, Message: "who are you"}
	w.runs("api", api+":v1", digest("1"))
	for i := range 6 {
		w.runs(fmt.Sprint("gone-", i), fmt.Sprintf("%s:gone-%d", api, i))
	}
	w.settle()
	w.expect("Adopted=False/DigestNotInRegistry")
	if c := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionAdopted); !strings.HasSuffix(c.Message, "and more") {
		t.Errorf("message is %q", c.Message)
	}
}

func TestPolicyOfTheEnvironmentIsFollowedInTheMiddleOfAPromotion(t *testing.T) {
	w := newWorld(t)
	w.settle()
	w.hold("shop/checkout", digest("2"))
	w.snapshot.Environment.Spec.AllowedImages = []string{"registry.example.com/mesh/"}
	w.snapshot.Environment.Generation++
	w.settle()
	w.expectAnnotation(v1alpha1.PrefixesAnnotation, "registry.example.com/mesh/")
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("2"))
}
