package environment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// settled is a world in which api runs as adopted.
func settled(t *testing.T) *world {
	w := newWorld(t)
	w.has(api, "v1", digest("a1"))
	w.runs("api", api+":v1", digest("a1"))
	w.settle()
	return w
}

// byHand changes annotations of the Namespace as somebody does who holds unlock.
func (w *world) byHand(who string, annotations map[string]string) {
	ns := w.snapshot.Namespace.DeepCopy()
	ns.ResourceVersion += "1"
	for key, value := range annotations {
		ns.Annotations[key] = value
	}
	if ns.Annotations[v1alpha1.OverriddenByAnnotation] = who; who == "" {
		delete(ns.Annotations, v1alpha1.OverriddenByAnnotation)
	}
	w.snapshot.Namespace = ns
}

// breakGlass brings a2 in by hand, workload and all.
func (w *world) breakGlass(who string) {
	reference := api + "@" + digest("a2")
	w.byHand(who, map[string]string{
		v1alpha1.ImagesAnnotation: w.snapshot.Namespace.Annotations[v1alpha1.ImagesAnnotation] + " " + reference,
		v1alpha1.PinsAnnotation:   reference,
	})
	w.snapshot.Sightings = nil
	w.runs("api", reference, digest("a2"))
}

// reviews adds a review by somebody of the records that wait for one.
func (w *world) reviews(who string) {
	for _, pending := range w.snapshot.Environment.Status.Reviews {
		a := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: who + "-" + pending.RecordRef.Name}}
		a.Spec = v1alpha1.ApprovalSpec{
			RecordRef: pending.RecordRef, ReleaseHash: pending.ReleaseHash, EvidenceHash: pending.EvidenceHash,
			Decision: v1alpha1.DecisionReviewed, Approver: v1alpha1.Approver{Username: who},
		}
		w.snapshot.Reviews = append(w.snapshot.Reviews, a)
	}
}

// twice settles after a pass that wrote a record: the record's arrival brings the next.
func (w *world) twice() {
	w.t.Helper()
	w.carryOut(w.decide())
	w.settle()
}

func TestAChangeByHandIsRecordedAndNotUndone(t *testing.T) {
	w := settled(t)
	w.expect("Reviewed=absent", "Locked=True/Enforced")
	pins := w.pins
	w.breakGlass("eve\nfrank")
	w.twice()
	w.expectAnnotation(v1alpha1.PinsAnnotation, api+"@"+digest("a2"))
	w.expectAnnotation(v1alpha1.OverriddenByAnnotation, "")
	if c := w.enforced(); !c.Sealed() || w.pins != pins+1 || !slices.Contains(c.Images, api+"@"+digest("a1")) {
		t.Errorf("after %d writes the copy is sealed=%t and allows %v", w.pins-pins, c.Sealed(), c.Images)
	}
	w.expect("Locked=False/Overridden", "Ready=True/Ready", "Reviewed=False/ReviewPending", "Converged=True/Converged")
	if len(w.snapshot.Records) != 2 {
		t.Fatalf("%d records", len(w.snapshot.Records))
	}
	r := w.snapshot.Records[1].Spec
	images := []v1alpha1.Image{{Name: "api", Repository: api, Digest: digest("a2")}}
	if r.Result != v1alpha1.ResultOverridden || !slices.Equal(r.Images, images) || r.ReleaseHash != promotion.ReleaseHash(images) ||
		fmt.Sprint(r.Override) != "{[eve frank] [sluice.dev/images sluice.dev/pins]}" || r.Sequence != 2 || r.PreviousHash != promotion.RecordHash(w.snapshot.Records[0]) {
		t.Errorf("the record says %+v", r)
	}
	if want := "eve, frank changed by hand what namespace shop-prod enforces: sluice.dev/images, sluice.dev/pins; pinned since: " + api + "@" + digest("a2"); r.Message != want {
		t.Errorf("message %q, want %q", r.Message, want)
	}
	w.expectState("shop/checkout", v1alpha1.DeliveryCurrent)
	if entry := w.snapshot.Environment.Status.Pipelines[0]; entry.ReleaseHash != r.ReleaseHash {
		t.Errorf("the entry says %+v", entry)
	}
	if !slices.Contains(w.events, "Overridden") || !slices.Contains(w.events, "ReviewPending") {
		t.Errorf("events %v", w.events)
	}
}

func TestAChangeByHandIsRecordedOnceThoughThePassDied(t *testing.T) {
	w := settled(t)
	w.breakGlass("eve")
	plan := w.decide()
	record, ok := plan.Effects[0].(promotion.CreateRecord)
	if !ok {
		t.Fatalf("the first effect is %T: the record comes before the seal", plan.Effects[0])
	}
	w.snapshot.Records = append(w.snapshot.Records, record.Record)
	w.later()
	w.twice()
	if len(w.snapshot.Records) != 2 {
		t.Errorf("%d records, want the adopted one and one of the change", len(w.snapshot.Records))
	}
	w.expect("Locked=False/Overridden")
}

// The same change a second time, after a promotion brought the release before back, is another one.
func TestTheSameChangeAgainIsAnotherRecord(t *testing.T) {
	w := settled(t)
	before := w.enforced()
	for range 2 {
		w.breakGlass("eve")
		w.twice()
		w.byHand("", before.Annotations())
		w.later()
		back := w.snapshot.Records[0].DeepCopy()
		back.Name, back.Spec.Result = fmt.Sprint("back-", len(w.snapshot.Records)), v1alpha1.ResultPassed
		promotion.Follow(&back.Spec, newestRecord(w.snapshot.Records))
		w.snapshot.Records = append(w.snapshot.Records, back)
	}
	names := map[string]bool{}
	for _, r := range w.snapshot.Records {
		names[r.Name] = true
	}
	if len(names) != 5 {
		t.Errorf("records %v", names)
	}
}

func TestOtherChangesByHand(t *testing.T) {
	cases := []struct {
		name    string
		change  func(*world)
		changed string
		put     func(promotion.EnforcedCopy) bool
	}{
		{"an image that is allowed and not pinned", func(w *world) {
			w.byHand("eve", map[string]string{v1alpha1.ImagesAnnotation: w.snapshot.Namespace.Annotations[v1alpha1.ImagesAnnotation] + " " + api + "@" + digest("a3")})
		}, "sluice.dev/images", func(c promotion.EnforcedCopy) bool { return slices.Contains(c.Images, api+"@"+digest("a3")) }},
		{"the lock, which is put back", func(w *world) {
			w.byHand("eve", nil)
			w.snapshot.Namespace.Labels[v1alpha1.LockLabel] = "Off"
		}, "sluice.dev/lock", func(c promotion.EnforcedCopy) bool { return c.Lock == v1alpha1.LockEnforce }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := settled(t)
			c.change(w)
			w.twice()
			r := w.snapshot.Records[len(w.snapshot.Records)-1].Spec
			if r.Result != v1alpha1.ResultOverridden || strings.Join(r.Override.Annotations, " ") != c.changed || !c.put(w.enforced()) {
				t.Errorf("the record says %+v, the Namespace %+v", r, w.enforced())
			}
			w.expect("Locked=False/Overridden", "Reviewed=False/ReviewPending")
		})
	}
}

// A Namespace that was locked before there were seals was changed by nobody.
func TestACopyWithoutASealIsSealed(t *testing.T) {
	w := settled(t)
	delete(w.snapshot.Namespace.Annotations, v1alpha1.SealAnnotation)
	w.settle()
	w.expect("Locked=True/Enforced", "Reviewed=absent")
	if !w.enforced().Sealed() || len(w.snapshot.Records) != 1 {
		t.Errorf("sealed=%t with %d records", w.enforced().Sealed(), len(w.snapshot.Records))
	}
}

func TestReviews(t *testing.T) {
	w := settled(t)
	w.breakGlass("eve")
	w.twice()
	pending := w.snapshot.Environment.Status.Reviews
	if len(pending) != 1 || !slices.Equal(pending[0].Excluded, []string{"eve"}) || !pending[0].DueTime.Time.Equal(w.snapshot.Now.Add(3*24*time.Hour)) ||
		pending[0].EvidenceHash != promotion.RecordHash(w.snapshot.Records[1]) {
		t.Fatalf("reviews %+v", pending)
	}
	if plan := w.decide(); !plan.Wake.Equal(pending[0].DueTime.Time) {
		t.Errorf("looks again at %s, want %s", plan.Wake, pending[0].DueTime)
	}
	want := "somebody who was not involved has to review record " + pending[0].RecordRef.Name + " (changed by hand by eve); kubectl sluice review " + pending[0].RecordRef.Name + " -n shop-prod"
	if c := find(w.snapshot.Environment.Status.Conditions, v1alpha1.ConditionReviewed); c.Message != want {
		t.Errorf("message %q, want %q", c.Message, want)
	}
	w.reviews("eve")
	w.reviews("Eve")
	w.settle()
	w.expect("Reviewed=False/ReviewPending")
	w.snapshot.Now = pending[0].DueTime.Time
	w.settle()
	w.expect("Reviewed=False/ReviewOverdue", "Locked=False/Overridden")
	w.snapshot.Reviews = nil
	w.reviews("alice")
	w.settle()
	w.expect("Reviewed=True/Reviewed", "Locked=True/Enforced")
	if left := w.snapshot.Environment.Status.Reviews; len(left) > 0 {
		t.Errorf("reviews %+v", left)
	}
	w.snapshot.Reviews[0].Spec.EvidenceHash = promotion.RecordHash(w.snapshot.Records[0])
	w.settle()
	w.expect("Reviewed=False/ReviewOverdue")
}

// An emergency is reviewed by somebody who neither asked for it nor approved it. It does not change the lock.
func TestAnEmergencyIsReviewed(t *testing.T) {
	w := settled(t)
	w.snapshot.Environment.Spec.Emergencies = &v1alpha1.EmergencyRequirement{Groups: []string{"sre"}, ReviewSeconds: 3600}
	done := metav1.NewTime(w.snapshot.Now)
	r := &v1alpha1.ReleaseRecord{ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: "fix", CreationTimestamp: done}}
	r.Spec = w.snapshot.Records[0].Spec
	r.Spec.Result, r.Spec.Sequence, r.Spec.CompletionTime = v1alpha1.ResultPassed, 2, &done
	r.Spec.Emergency = v1alpha1.EmergencyEntry{Reason: "INC-77"}
	r.Spec.Promotion = v1alpha1.RecordedPromotion{Namespace: "shop", Name: "fix", UID: "1", RequestedBy: "ci", OnBehalfOf: []string{"dave"}}
	r.Spec.Approvals = []v1alpha1.ApprovalStatus{
		{Approver: "carol", State: v1alpha1.ApprovalCounted}, {Approver: "bob", State: v1alpha1.ApprovalIgnored},
	}
	w.snapshot.Records = append(w.snapshot.Records, r)
	w.settle()
	w.expect("Reviewed=False/ReviewPending", "Locked=True/Enforced", "Ready=True/Ready")
	if p := w.snapshot.Environment.Status.Reviews[0]; !slices.Equal(p.Excluded, []string{"carol", "ci", "dave"}) || !p.DueTime.Time.Equal(done.Add(time.Hour)) {
		t.Errorf("review %+v", p)
	}
	w.reviews("bob")
	w.settle()
	w.expect("Reviewed=True/Reviewed")
}
