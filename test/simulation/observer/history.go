package observer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/test/simulation/memapi"
)

// I5: history is complete, ordered and immutable. I7: states move forward only.

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

func (o *Observer) seeRecord(r *memapi.Revision, record *v1alpha1.ReleaseRecord) {
	switch r.Verb {
	case memapi.Create:
		o.checkChain(r, record)
		o.checkRecord(r, record)
	case memapi.Delete:
		if ns := o.state["Namespace"][memapi.Key{Name: r.Key.Namespace}]; ns != nil && ns.GetDeletionTimestamp() == nil {
			o.broken("I5", r, "record %s is deleted", r.Key)
		}
	default:
		if before, ok := r.Before.(*v1alpha1.ReleaseRecord); ok && content(before) != content(record) {
			o.broken("I5", r, "record %s is changed", r.Key)
		}
	}
}

func content(record *v1alpha1.ReleaseRecord) string {
	encoded, err := json.Marshal(record.Spec)
	if err != nil {
		panic(err)
	}
	return sum(string(encoded))
}

// checkChain sees that a record carries the hash of the one before it, of its pipeline in its environment.
func (o *Observer) checkChain(r *memapi.Revision, record *v1alpha1.ReleaseRecord) {
	var before *v1alpha1.ReleaseRecord
	last := int64(0)
	for key, versions := range o.versions["ReleaseRecord"] {
		other, ok := versions[len(versions)-1].object.(*v1alpha1.ReleaseRecord)
		if !ok || key == r.Key || key.Namespace != r.Key.Namespace || other.Spec.PipelineRef != record.Spec.PipelineRef {
			continue
		}
		if versions[0].number > last {
			last, before = versions[0].number, other
		}
	}
	want := ""
	if before != nil {
		want = content(before)
	}
	if record.Spec.PreviousHash != want {
		o.broken("I5", r, "record %s does not carry the hash of the one before it", r.Key)
	}
}

// checkRecord sees that what a record says happened: each gate that passed has a Job that completed before.
func (o *Observer) checkRecord(r *memapi.Revision, record *v1alpha1.ReleaseRecord) {
	if record.Spec.Result == v1alpha1.ResultAdopted {
		o.entitle(record.Namespace, record.Spec.Images)
		return
	}
	uid := record.Spec.Promotion.UID
	o.checkImages(r, uid, record.Spec.ReleaseHash, record.Spec.Images)
	if !o.held(r, record.Namespace, uid) {
		o.broken("I3", r, "record %s is written for a promotion that does not hold the slot", r.Key)
	}
	if record.Spec.Result != v1alpha1.ResultPassed {
		return
	}
	for _, g := range record.Spec.Gates {
		key := memapi.Key{Namespace: record.Namespace, Name: g.JobRef.Name}
		switch {
		case g.State != v1alpha1.GatePassed:
			o.broken("I1", r, "record %s says Passed, and its gate %s %s", r.Key, g.Name, g.State)
		case g.JobRef.Name != "" && o.completed[key] == 0:
			o.broken("I1", r, "record %s says that gate %s passed, and no Job %s completed", r.Key, g.Name, key)
		case g.JobRef.Name != "":
			o.checkSteady(r, record, key)
		}
	}
	if !o.some(r, func(cut int64) bool { return o.allGates(record, cut) }, "Environment") {
		o.broken("I1", r, "record %s says Passed, and lacks a gate of its Environment", r.Key)
	}
}

func (o *Observer) allGates(record *v1alpha1.ReleaseRecord, cut int64) bool {
	env := o.environment(record.Namespace, cut)
	if env == nil {
		return false
	}
	return !slices.ContainsFunc(env.Spec.Gates, func(g v1alpha1.Gate) bool {
		return !slices.ContainsFunc(record.Spec.Gates, func(s v1alpha1.GateStatus) bool {
			return s.Name == g.Name && s.DeclaredBy == v1alpha1.DeclaredByPlatform
		})
	})
}

// forward lists the states that may follow each, at once or later.
var forward = map[v1alpha1.EnvironmentState][]v1alpha1.EnvironmentState{
	v1alpha1.StatePending: {
		v1alpha1.StateWaiting, v1alpha1.StateNotEntered, v1alpha1.StateDeploying, v1alpha1.StateVerifying, v1alpha1.StatePassed,
		v1alpha1.StateRollingBack, v1alpha1.StateFailed, v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed,
	},
	v1alpha1.StateWaiting: {
		v1alpha1.StateNotEntered, v1alpha1.StateDeploying, v1alpha1.StateVerifying, v1alpha1.StatePassed,
		v1alpha1.StateRollingBack, v1alpha1.StateFailed, v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed,
	},
	v1alpha1.StateDeploying: {
		v1alpha1.StateVerifying, v1alpha1.StatePassed, v1alpha1.StateRollingBack, v1alpha1.StateFailed,
		v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed,
	},
	v1alpha1.StateVerifying: {
		v1alpha1.StatePassed, v1alpha1.StateRollingBack, v1alpha1.StateFailed, v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed,
	},
	v1alpha1.StateRollingBack: {v1alpha1.StateRolledBack, v1alpha1.StateRollbackFailed},
}

func (o *Observer) seePromotion(r *memapi.Revision, p *v1alpha1.Promotion) {
	before, ok := r.Before.(*v1alpha1.Promotion)
	if !ok || r.Verb == memapi.Delete {
		return
	}
	if len(p.Status.Images) > 0 {
		o.checkImages(r, string(p.UID), p.Status.ReleaseHash, p.Status.Images)
	}
	if was := before.Status.Outcome; was != "" && was != p.Status.Outcome {
		o.broken("I7", r, "%s had ended: %s, and now %q", p.Name, was, p.Status.Outcome)
	}
	if was := before.Labels[v1alpha1.OutcomeLabel]; was != "" && was != p.Labels[v1alpha1.OutcomeLabel] && o.byOperator(r) {
		o.broken("I7", r, "%s was marked %s, and now %q", p.Name, was, p.Labels[v1alpha1.OutcomeLabel])
	}
	for i, e := range p.Status.Environments {
		if i >= len(before.Status.Environments) {
			continue
		}
		if was := before.Status.Environments[i].State; was != e.State && !slices.Contains(forward[was], e.State) {
			o.broken("I7", r, "%s in %s was %s, and now is %s", p.Name, e.Name, was, e.State)
		}
		if e.State != before.Status.Environments[i].State {
			o.checkRecorded(r, p, e)
		}
	}
}

// checkRecorded sees that an end has its record, and that whoever is at work holds the slot.
func (o *Observer) checkRecorded(r *memapi.Revision, p *v1alpha1.Promotion, e v1alpha1.EnvironmentProgress) {
	namespace := e.EnvironmentRef.Namespace
	switch e.State {
	case v1alpha1.StateDeploying, v1alpha1.StateVerifying, v1alpha1.StateRollingBack:
		if !o.held(r, namespace, string(p.UID)) {
			o.broken("I3", r, "%s is %s in %s without the slot", p.Name, e.State, namespace)
		}
	case v1alpha1.StatePassed, v1alpha1.StateRolledBack:
		if result := o.resultOf(namespace, string(p.UID)); string(result) != string(e.State) {
			o.broken("I5", r, "%s is %s in %s, and its record says %q", p.Name, e.State, namespace, result)
		}
	}
}

func (o *Observer) resultOf(namespace, uid string) v1alpha1.RecordResult {
	for key, versions := range o.versions["ReleaseRecord"] {
		for _, v := range versions {
			if record, ok := v.object.(*v1alpha1.ReleaseRecord); ok && key.Namespace == namespace && record.Spec.Promotion.UID == uid {
				return record.Spec.Result
			}
		}
	}
	return ""
}
