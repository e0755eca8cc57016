package promotion

import (
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// revocation says of a record that is no pass what it says, and which pass of the same release it makes void.
func (v *visit) revocation(record *v1alpha1.ReleaseRecord) string {
	said := record.Namespace + "/" + record.Name + " says " + string(record.Spec.Result)
	if record.Spec.Message != "" {
		said += " (" + v1alpha1.Clip(record.Spec.Message, 256) + ")"
	}
	passed := Newest(v.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == record.Namespace && r.Spec.ReleaseHash == record.Spec.ReleaseHash && r.Spec.Result == v1alpha1.ResultPassed
	})
	if passed == nil || CompareRecords(passed, record) > 0 {
		return said
	}
	return said + ", and so the pass in " + passed.Name + " is revoked"
}

// stillPassed sees that nothing revoked the pass that this Promotion brought.
func (v *visit) stillPassed(name, namespace string) Verdict {
	record := newestOf(v.snapshot.Records, namespace, v.status.ReleaseHash)
	if record == nil || record.Spec.Promotion.UID == v.uid() || record.Spec.Result == v1alpha1.ResultPassed {
		return ready()
	}
	if slices.ContainsFunc(v.evidenceComplete().Reasons, func(r v1alpha1.Reason) bool { return r.Type == v1alpha1.ReasonEvidenceFailed }) {
		// Said once, as evidence.
		return ready()
	}
	return pending(v1alpha1.NewReason(v1alpha1.ReasonEvidenceFailed,
		"comes after %s, where the release passed, and does so no more: %s; promote the release there again, or promote a fix", name, v.revocation(record)))
}

// evidenceRevoked says what became of the evidence that the release came in with, if that is void by now; empty else. That
// the Environment demands more by now, or that evidence grew too old, is no revocation: what has begun goes on.
func (v *visit) evidenceRevoked() string {
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback || slices.Contains(v.progress.Emergency.Skipped, v1alpha1.SkipEvidence) {
		return ""
	}
	for _, requirement := range v.force.Evidence {
		sources := v.evidenceSources(requirement)
		if v.evidenceFor(requirement, sources).State == Ready {
			continue
		}
		for _, namespace := range sources {
			record := newestOf(v.snapshot.Records, namespace, v.status.ReleaseHash)
			if record != nil && record.Spec.Result != v1alpha1.ResultPassed && v.sinceEntry(record) {
				return v.revocation(record)
			}
		}
	}
	return ""
}

// sinceEntry says whether a record was written after the release came in here; both times are the operator's.
func (v *visit) sinceEntry(record *v1alpha1.ReleaseRecord) bool {
	entered, written := v.progress.StartTime, record.Spec.CompletionTime
	return entered != nil && written != nil && !written.Before(entered)
}
