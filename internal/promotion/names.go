package promotion

import (
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// A name is used once. Promotions are pruned, by a person, a tool or historyLimit, and a file that is still in Git brings
// one of the same name back: records, which outlive them, tell that it ended.

// usedBefore ends a Promotion of whose name another one ended before, as that one did.
func (d *decision) usedBefore() bool {
	if d.status.Pipeline.UID != "" || d.formerAtWork().Type != "" {
		return false
	}
	former := d.formerRecords()
	if len(former) == 0 {
		return false
	}
	said := make([]string, 0, len(former))
	for _, r := range former {
		said = append(said, r.Namespace+"/"+r.Name+" says "+string(r.Spec.Result))
	}
	d.finish(d.formerOutcome(former), "a Promotion of this name ended before: "+strings.Join(said, ", ")+
		"; a name is used once, so that a file that stays in Git does not run again: create a Promotion of another name")
	return true
}

// formerRecords are those of other Promotions of this name, in the order of their namespaces. One that was deleted while
// it was at work never ended: the name is free again.
func (d *decision) formerRecords() []*v1alpha1.ReleaseRecord {
	var former []*v1alpha1.ReleaseRecord
	unfinished := map[string]bool{}
	for _, r := range d.snapshot.Records {
		by := r.Spec.Promotion
		if by.Namespace != d.promotion().Namespace || by.Name != d.promotion().Name || by.UID == "" || by.UID == d.uid() {
			continue
		}
		unfinished[by.UID] = unfinished[by.UID] || r.Spec.Cause == v1alpha1.CausePromotionDeleted
		former = append(former, r)
	}
	former = slices.DeleteFunc(former, func(r *v1alpha1.ReleaseRecord) bool { return unfinished[r.Spec.Promotion.UID] })
	slices.SortFunc(former, func(a, b *v1alpha1.ReleaseRecord) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return former
}

// formerOutcome is the gravest that the records tell of. Where all passed, and not in every environment, the rest is not
// known: such a Promotion counts as superseded, which asks nobody to do anything.
func (d *decision) formerOutcome(former []*v1alpha1.ReleaseRecord) v1alpha1.PromotionOutcome {
	causes := map[v1alpha1.EnvironmentCause]bool{}
	passed := map[string]bool{}
	for _, r := range former {
		if r.Spec.Result == v1alpha1.ResultPassed {
			passed[r.Namespace] = true
			continue
		}
		causes[r.Spec.Cause] = true
	}
	if outcome := gravest(causes); outcome != v1alpha1.OutcomeSucceeded {
		return outcome
	}
	if d.snapshot.Pipeline == nil || len(causes) > 0 {
		return v1alpha1.OutcomeSuperseded
	}
	for _, e := range d.snapshot.Pipeline.Spec.Environments {
		if selects(d.promotion(), e.Name) && !passed[e.EnvironmentRef.Namespace] {
			return v1alpha1.OutcomeSuperseded
		}
	}
	return v1alpha1.OutcomeSucceeded
}

// formerAtWork says that the slot of a Promotion of this name, which is gone, is not free yet. Whether that one had ended
// shows when its record is there.
func (d *decision) formerAtWork() v1alpha1.Reason {
	p := d.promotion()
	for _, site := range d.snapshot.Sites {
		if site.Environment == nil {
			continue
		}
		for _, h := range site.Environment.Status.Holders {
			by := h.PromotionRef
			if by.Namespace == p.Namespace && by.Name == p.Name && by.UID != d.uid() && !d.recorded(by.UID, site.Environment.Namespace) {
				return v1alpha1.NewReason(v1alpha1.ReasonEnvironmentBusy,
					"the Promotion of this name that was deleted is being taken back in %s; this one begins when that is done", site.Environment.Namespace)
			}
		}
	}
	return v1alpha1.Reason{}
}

func (d *decision) recorded(uid, namespace string) bool {
	return slices.ContainsFunc(d.snapshot.Records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Spec.Promotion.UID == uid && r.Namespace == namespace
	})
}

// LastPassed returns the Promotion of a list that passed last in a namespace: what it brought ran there until another
// passed; nil where none did.
func LastPassed(promotions []*v1alpha1.Promotion, namespace string) *v1alpha1.Promotion {
	var last *v1alpha1.Promotion
	for _, p := range promotions {
		if progressIn(p, namespace).State == v1alpha1.StatePassed && (last == nil || passedLater(p, last, namespace)) {
			last = p
		}
	}
	return last
}

// passedLater goes by the operator's times, and where these are the same second, by age.
func passedLater(a, b *v1alpha1.Promotion, namespace string) bool {
	at, bt := progressIn(a, namespace).CompletionTime, progressIn(b, namespace).CompletionTime
	if at == nil || bt == nil || at.Equal(bt) {
		return compareAge(a, b) > 0
	}
	return bt.Before(at)
}
