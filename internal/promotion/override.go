package promotion

import (
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// prefix of the labels and annotations that express the enforced copy.
const prefix = "sluice.dev/"

// SealOf returns a hash of each label and annotation of the copy, as "name=hash name=hash", for whoever looks later: what
// does not fit was changed by hand.
func SealOf(c EnforcedCopy) string {
	hashes := map[string]string{}
	for _, values := range []map[string]string{c.Labels(), c.content()} {
		for key, value := range values {
			if value != "" {
				hashes[strings.TrimPrefix(key, prefix)] = hexHash(value)[:16]
			}
		}
	}
	return joinPairs(hashes)
}

// Sealed says whether the seal that was found is the one that belongs to the copy.
func (c EnforcedCopy) Sealed() bool { return c.Seal == SealOf(c) }

// ChangedByHand returns the labels and annotations that somebody else changed since the operator sealed them, sorted; none
// where it never did.
func (c EnforcedCopy) ChangedByHand() []string {
	if c.Seal == "" {
		return nil
	}
	before, now := parsePairs(c.Seal), parsePairs(SealOf(c))
	var changed []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(now))) {
		if before[name] != now[name] {
			changed = append(changed, prefix+name)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// changedByHand says that what a Namespace enforces was changed by hand, and is not recorded yet; the zero Reason where it was
// not.
func (v *visit) changedByHand() v1alpha1.Reason {
	changed := ParseEnforced(v.site.Namespace).ChangedByHand()
	if len(changed) == 0 {
		return v1alpha1.Reason{}
	}
	return v1alpha1.NewReason(v1alpha1.ReasonOverridden, "somebody changed by hand what namespace %s enforces (%s); the operator records that first",
		v.namespace(), strings.Join(changed, ", "))
}

// lastOverride is the newest record of what somebody did by hand here; nil where nobody did.
func (v *visit) lastOverride() *v1alpha1.ReleaseRecord {
	return Newest(v.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Namespace == v.namespace() && r.Spec.Result == v1alpha1.ResultOverridden && r.Spec.CompletionTime != nil
	})
}

// overridden is the record of what somebody did by hand since this Promotion entered; nil where nobody did.
func (v *visit) overridden() *v1alpha1.ReleaseRecord {
	last := v.lastOverride()
	if last == nil || v.progress.StartTime == nil || last.Spec.CompletionTime.Before(v.progress.StartTime) {
		return nil
	}
	return last
}

// entryTime is when this Promotion enters: now, but later than what was done by hand before. Times have a resolution of a
// second, and which of two came first has to show.
func (v *visit) entryTime() *metav1.Time {
	now := v.now()
	if last := v.lastOverride(); last != nil && !last.Spec.CompletionTime.Before(now) {
		return &metav1.Time{Time: last.Spec.CompletionTime.Add(time.Second)}
	}
	return now
}

// handsOff keeps the operator from undoing what somebody does by hand: it waits until that is recorded, and then ends the
// stay here without going back.
func (v *visit) handsOff() bool {
	if reason := v.changedByHand(); reason.Type != "" {
		v.wait(reason)
		return true
	}
	record := v.overridden()
	if record == nil {
		return false
	}
	if v.progress.State == v1alpha1.StateRollingBack {
		v.endRollback(v1alpha1.StateRollbackFailed, overriddenBy(record))
		return true
	}
	v.fail(v1alpha1.CauseOverridden, overriddenBy(record))
	return true
}

func overriddenBy(record *v1alpha1.ReleaseRecord) string {
	return "release " + short(record.Spec.ReleaseHash) + " was brought in by hand meanwhile, and is not undone: see record " + record.Name
}
