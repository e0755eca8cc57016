package promotion

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Newest returns the newest record of those that match; nil where none does.
func Newest(records []*v1alpha1.ReleaseRecord, match func(*v1alpha1.ReleaseRecord) bool) *v1alpha1.ReleaseRecord {
	var found *v1alpha1.ReleaseRecord
	for _, r := range records {
		if match(r) && (found == nil || CompareRecords(r, found) > 0) {
			found = r
		}
	}
	return found
}

// CompareRecords orders records from old to new: by their sequence within a pipeline and environment, else by age.
// Creation times are no more exact than a second, and are new after a restore.
func CompareRecords(a, b *v1alpha1.ReleaseRecord) int {
	if a.Namespace == b.Namespace && a.Spec.Sequence != b.Spec.Sequence {
		return cmp.Compare(a.Spec.Sequence, b.Spec.Sequence)
	}
	return compareAge(a, b)
}

// Follow makes a record the one after another, which may be nil: its sequence number, and the hash that ties them.
func Follow(spec *v1alpha1.ReleaseRecordSpec, last *v1alpha1.ReleaseRecord) {
	spec.Sequence = 1
	if last != nil {
		spec.Sequence, spec.PreviousHash = last.Spec.Sequence+1, RecordHash(last)
	}
}

// compareAge orders objects from old to new.
func compareAge(a, b metav1.Object) int {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(at.Compare(bt.Time), cmp.Compare(a.GetName(), b.GetName()))
}

// newestOf returns the newest record of a release in a namespace: the evidence, whole.
func newestOf(records []*v1alpha1.ReleaseRecord, namespace, releaseHash string) *v1alpha1.ReleaseRecord {
	return Newest(records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == namespace && r.Spec.ReleaseHash == releaseHash
	})
}

// Stable returns the newest record Passed or Adopted in a namespace, or of a release that was brought in by hand: what
// the way back from a failed release brings back. Nil where there is none. What was brought in by hand is no evidence for
// anything, but it ran when the failed release came, and the one before it is what somebody broke the glass to leave.
func Stable(records []*v1alpha1.ReleaseRecord, namespace string) *v1alpha1.ReleaseRecord {
	return Newest(records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == namespace && (good(r) || r.Spec.Result == v1alpha1.ResultOverridden)
	})
}

func good(r *v1alpha1.ReleaseRecord) bool {
	return r.Spec.Result == v1alpha1.ResultPassed || r.Spec.Result == v1alpha1.ResultAdopted
}

func (v *visit) stable() *v1alpha1.ReleaseRecord { return Stable(v.snapshot.Records, v.namespace()) }

// ownRecord is the record that this Promotion left here; nil as long as it did not.
func (v *visit) ownRecord() *v1alpha1.ReleaseRecord {
	i := slices.IndexFunc(v.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == v.namespace() && r.Spec.Promotion.UID == v.uid()
	})
	if i < 0 {
		return nil
	}
	return v.snapshot.Records[i]
}

// recordEnd writes the record of how the stay here ended. The state follows when the record is there: it is what others
// rely on, and its arrival brings the next pass.
func (v *visit) recordEnd(result v1alpha1.RecordResult) {
	if v.gone() {
		return
	}
	v.do(CreateRecord{Record: v.record(result)})
}

func (v *visit) record(result v1alpha1.RecordResult) *v1alpha1.ReleaseRecord {
	p, env := v.promotion(), v.site.Environment
	spec := v1alpha1.ReleaseRecordSpec{
		PipelineRef:    v1alpha1.PipelineReference{Namespace: p.Namespace, Name: p.Spec.PipelineRef.Name},
		ReleaseHash:    v.status.ReleaseHash,
		Images:         v.status.Images,
		Environment:    v1alpha1.RecordedEnvironment{UID: string(env.UID), Generation: max(env.Generation, 1), Tier: env.Spec.Tier},
		Promotion:      v.recordedPromotion(),
		Emergency:      v.progress.Emergency,
		Result:         result,
		Cause:          v.progress.Cause,
		Message:        v.progress.Message,
		Gates:          v.sealed(v.progress.Gates),
		Approvals:      v.progress.Approvals,
		ApprovedBy:     approvedBy(v.progress.Approvals),
		StartTime:      v.progress.StartTime,
		CompletionTime: v.now(),
	}
	Follow(&spec, Newest(v.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool { return r.Namespace == v.namespace() }))
	return &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v.namespace(),
			Name:      RecordName(p.Spec.PipelineRef.Name, v.status.ReleaseHash, v.uid()),
			Labels:    map[string]string{v1alpha1.PipelineLabel: p.Spec.PipelineRef.Name},
		},
		Spec: spec,
	}
}

func (v *visit) recordedPromotion() v1alpha1.RecordedPromotion {
	p := v.promotion()
	return v1alpha1.RecordedPromotion{
		Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Intent: p.Spec.Intent,
		RequestedBy: p.Spec.RequestedBy.Username,
		OnBehalfOf:  p.Spec.OnBehalfOf, Reason: p.Spec.Reason, Changes: p.Spec.Changes,
	}
}

// conclude takes over what the record says, and gives the slot back.
func (v *visit) conclude(record *v1alpha1.ReleaseRecord) {
	rollingBack := v.progress.State == v1alpha1.StateRollingBack
	switch record.Spec.Result {
	case v1alpha1.ResultPassed:
		v.progress.State = v1alpha1.StatePassed
	case v1alpha1.ResultRolledBack:
		v.progress.State = v1alpha1.StateRolledBack
	default:
		if v.progress.State != v1alpha1.StateRollbackFailed {
			v.progress.State = pick(rollingBack, v1alpha1.StateRollbackFailed, v1alpha1.StateFailed)
		}
	}
	v.progress.Cause, v.progress.Message = record.Spec.Cause, record.Spec.Message
	v.progress.Emergency = record.Spec.Emergency
	v.progress.Gates, v.progress.Approvals = withoutHistograms(record.Spec.Gates), record.Spec.Approvals
	v.progress.StartTime, v.progress.CompletionTime = record.Spec.StartTime, record.Spec.CompletionTime
	v.progress.Reasons = nil
	v.progress.RecordRef = v1alpha1.RecordReference{Name: record.Name}
	if v.holding() {
		v.release()
	}
}

func approvedBy(approvals []v1alpha1.ApprovalStatus) string {
	var persons []string
	for _, a := range approvals {
		if a.State == v1alpha1.ApprovalCounted && a.Decision == v1alpha1.DecisionApproved {
			persons = append(persons, a.Approver)
		}
	}
	return v1alpha1.Clip(strings.Join(persons, ", "), 2048)
}
