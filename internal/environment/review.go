package environment

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// maxReviews is how many records the schema lets a status list.
const maxReviews = 64

// review lists the records that somebody who was not involved has to review, the one that is due first before the others.
func (d *decision) review() {
	d.status.Reviews = nil
	for _, r := range d.snapshot.Records {
		if r.Namespace != d.namespace() || !needsReview(r) {
			continue
		}
		d.reviewed = append(d.reviewed, r)
		if d.reviewedBy(r) == "" {
			d.unreviewed = append(d.unreviewed, r)
			d.status.Reviews = append(d.status.Reviews, d.pendingReview(r))
		}
	}
	for _, r := range d.overrides {
		// It has no review yet, whoever looks for one.
		d.reviewed, d.unreviewed = append(d.reviewed, r), append(d.unreviewed, r)
	}
	slices.SortFunc(d.status.Reviews, func(a, b v1alpha1.PendingReview) int {
		return cmp.Or(a.DueTime.Compare(b.DueTime.Time), cmp.Compare(a.RecordRef.Name, b.RecordRef.Name))
	})
	slices.SortFunc(d.unreviewed, func(a, b *v1alpha1.ReleaseRecord) int {
		return cmp.Or(d.due(a).Compare(d.due(b)), cmp.Compare(a.Name, b.Name))
	})
	d.status.Reviews = d.status.Reviews[:min(len(d.status.Reviews), maxReviews)]
	for _, r := range d.unreviewed {
		if due := d.due(r); due.After(d.snapshot.Now) {
			d.wakeAt(due)
		}
	}
}

// needsReview says whether a record tells of an emergency, or of a change by hand.
func needsReview(r *v1alpha1.ReleaseRecord) bool {
	return r.Spec.Emergency.Reason != "" || r.Spec.Result == v1alpha1.ResultOverridden
}

func (d *decision) pendingReview(r *v1alpha1.ReleaseRecord) v1alpha1.PendingReview {
	due := metav1.NewTime(d.due(r))
	return v1alpha1.PendingReview{
		RecordRef: v1alpha1.RecordReference{Name: r.Name}, ReleaseHash: r.Spec.ReleaseHash, EvidenceHash: promotion.RecordHash(r),
		Excluded: involved(r), DueTime: &due,
	}
}

// due is when a record has to be reviewed at the latest.
func (d *decision) due(r *v1alpha1.ReleaseRecord) time.Time {
	seconds := promotion.DefaultReviewSeconds
	if d.force.Emergencies != nil {
		seconds = d.force.Emergencies.ReviewSeconds
	}
	ended := r.CreationTimestamp
	if r.Spec.CompletionTime != nil {
		ended = *r.Spec.CompletionTime
	}
	return ended.Add(time.Duration(seconds) * time.Second)
}

// involved are those who asked for what a record tells of, approved it, or did it by hand: they do not review it.
func involved(r *v1alpha1.ReleaseRecord) []string {
	persons := append([]string{r.Spec.Promotion.RequestedBy}, r.Spec.Promotion.OnBehalfOf...)
	for _, a := range r.Spec.Approvals {
		if a.State == v1alpha1.ApprovalCounted {
			persons = append(persons, a.Approver)
		}
	}
	persons = append(persons, r.Spec.Override.ChangedBy...)
	slices.Sort(persons)
	return slices.DeleteFunc(slices.Compact(persons), func(person string) bool { return person == "" })
}

// reviewedBy returns who reviewed a record and was not involved; empty where nobody did. It is bound to the content of the
// record, and not to its uid: a record that a backup brings back was reviewed all the same.
func (d *decision) reviewedBy(r *v1alpha1.ReleaseRecord) string {
	excluded, hash := involved(r), promotion.RecordHash(r)
	for _, a := range d.snapshot.Reviews {
		fits := a.Namespace == r.Namespace && a.Spec.Decision == v1alpha1.DecisionReviewed && a.Spec.RecordRef.Name == r.Name && a.Spec.EvidenceHash == hash
		who := a.Spec.Approver.Username
		if fits && who != "" && !slices.ContainsFunc(excluded, func(person string) bool { return strings.EqualFold(person, who) }) {
			return who
		}
	}
	return ""
}

// setReviewed sets the condition Reviewed, where there is or was something to review.
func (d *decision) setReviewed() {
	if len(d.reviewed) == 0 {
		d.setWhereTrue(v1alpha1.ConditionReviewed, false, metav1.Condition{})
		return
	}
	if len(d.unreviewed) == 0 {
		d.set(v1alpha1.NewCondition(v1alpha1.ConditionReviewed, metav1.ConditionTrue, v1alpha1.ReasonReviewed, "every emergency and every change by hand was reviewed"))
		return
	}
	reason, what := v1alpha1.ReasonReviewPending, "somebody who was not involved has to review "
	if !d.due(d.unreviewed[0]).After(d.snapshot.Now) {
		reason, what = v1alpha1.ReasonReviewOverdue, "nobody reviewed in time, and somebody who was not involved still has to review "
	}
	var records []string
	for _, r := range d.unreviewed {
		records = append(records, subject(r))
	}
	d.set(v1alpha1.NewCondition(v1alpha1.ConditionReviewed, metav1.ConditionFalse, reason,
		what+join(records)+"; kubectl sluice review "+d.unreviewed[0].Name+" -n "+d.namespace()))
}

// subject says what a record that has to be reviewed is about.
func subject(r *v1alpha1.ReleaseRecord) string {
	if r.Spec.Result == v1alpha1.ResultOverridden {
		return "record " + r.Name + " (changed by hand by " + cmp.Or(strings.Join(r.Spec.Override.ChangedBy, ", "), "somebody unknown") + ")"
	}
	return "record " + r.Name + " (emergency " + r.Spec.Promotion.Name + ": " + v1alpha1.Clip(r.Spec.Emergency.Reason, 200) + ")"
}

// unreviewedOverride says whether a change by hand was not reviewed yet.
func (d *decision) unreviewedOverride() bool {
	return slices.ContainsFunc(d.unreviewed, func(r *v1alpha1.ReleaseRecord) bool { return r.Spec.Result == v1alpha1.ResultOverridden })
}
