package environment

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// deliver keeps status.pipelines: how each pipeline stands here. A promotion writes its pipeline's entry when it takes the
// slot and when it leaves; in between it is the promotion's, and after that it stays, unless something drifts.
func (d *decision) deliver() {
	d.status.Pipelines = slices.DeleteFunc(d.status.Pipelines, func(e v1alpha1.DeliveredPipeline) bool { return d.gone(e.Pipeline) })
	drifted := d.drifted()
	for _, key := range d.pipelineKeys() {
		if d.holder(key) != nil || d.gone(key) {
			continue
		}
		entry, there := d.settledEntry(key)
		if !there {
			continue
		}
		entry = d.withDrift(entry, drifted[key])
		if before := d.entry(key); before != nil {
			if sameEntry(*before, entry) {
				continue
			}
			if before.State == entry.State && before.ReleaseHash == entry.ReleaseHash {
				entry.SinceTime = before.SinceTime
			}
		}
		d.status.Pipelines = promotion.WithDelivered(d.status.Pipelines, entry)
	}
}

// pipelineKeys are the pipelines that may have an entry, sorted.
func (d *decision) pipelineKeys() []string {
	keys := slices.Collect(maps.Values(d.want.Owners))
	for _, e := range d.status.Pipelines {
		keys = append(keys, e.Pipeline)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// gone says whether a pipeline has nothing to do with this environment any more.
func (d *decision) gone(pipeline string) bool {
	namespace, name, _ := strings.Cut(pipeline, "/")
	ref := v1alpha1.PipelineReference{Namespace: namespace, Name: name}
	return d.holder(pipeline) == nil && !slices.Contains(slices.Collect(maps.Values(d.want.Owners)), pipeline) &&
		promotion.Admission(d.snapshot.Environment, nil, ref, nil).Type != ""
}

// entry returns the entry of a pipeline as the status has it; nil where there is none.
func (d *decision) entry(pipeline string) *v1alpha1.DeliveredPipeline {
	entries := d.snapshot.Environment.Status.Pipelines
	i := slices.IndexFunc(entries, func(e v1alpha1.DeliveredPipeline) bool { return e.Pipeline == pipeline })
	if i < 0 {
		return nil
	}
	return &entries[i]
}

// settledEntry returns how a pipeline stands that no promotion is at work for, drift aside; false where nothing of it
// came here.
func (d *decision) settledEntry(key string) (v1alpha1.DeliveredPipeline, bool) {
	for _, r := range slices.Concat(d.newRecords, d.overrides) {
		if keyOf(r.Spec.PipelineRef.Namespace, r.Spec.PipelineRef.Name) == key {
			return d.entryOf(key, r), true
		}
	}
	records := d.records[key]
	newest := newestRecord(records)
	before := d.entry(key)
	switch {
	case before != nil && before.State != v1alpha1.DeliveryChanging && !d.outdated(*before, records, newest):
		return *before, true
	case newest != nil:
		return d.entryOf(key, newest), true
	}
	// Adopted without a record, as it runs several digests on purpose.
	return v1alpha1.DeliveredPipeline{Pipeline: key, State: v1alpha1.DeliveryCurrent, SinceTime: d.now()}, d.runsAdopted(key)
}

// outdated says whether a record tells of something that came later than the entry: a pass that wrote the record did not
// live to write the status. Where the entry's own record is not known here, or as young, the entry knows better.
func (d *decision) outdated(entry v1alpha1.DeliveredPipeline, records []*v1alpha1.ReleaseRecord, newest *v1alpha1.ReleaseRecord) bool {
	own := promotion.Newest(records, func(r *v1alpha1.ReleaseRecord) bool {
		return r.Spec.ReleaseHash == entry.ReleaseHash && r.Spec.Promotion.UID == entry.PromotionRef.UID
	})
	return own != nil && newest != nil && newest.CreationTimestamp.After(own.CreationTimestamp.Time)
}

// entryOf returns the entry that a record means, as the promotion that wrote it would have left it.
func (d *decision) entryOf(key string, record *v1alpha1.ReleaseRecord) v1alpha1.DeliveredPipeline {
	entry := v1alpha1.DeliveredPipeline{Pipeline: key, State: v1alpha1.DeliveryCurrent, SinceTime: d.now()}
	switch {
	case record.Spec.Result == v1alpha1.ResultRolledBack, record.Spec.Cause == v1alpha1.CauseOverridden:
		record = promotion.Stable(d.records[key], d.namespace())
	case record.Spec.Result == v1alpha1.ResultFailed:
		entry.State = v1alpha1.DeliveryHeld
		if before := d.entry(key); before != nil && before.State == v1alpha1.DeliveryRollbackFailed {
			entry.State = v1alpha1.DeliveryRollbackFailed
		}
	}
	if record != nil {
		p := record.Spec.Promotion
		entry.ReleaseHash = record.Spec.ReleaseHash
		entry.PromotionRef = v1alpha1.PromotionReference{Namespace: p.Namespace, Name: p.Name, UID: p.UID}
	}
	return entry
}

// runsAdopted says whether something of a pipeline was adopted, and nothing is left to adopt.
func (d *decision) runsAdopted(key string) bool {
	if slices.ContainsFunc(d.adoptions, func(a *adoption) bool { return pipelineKey(a.pipeline) == key && !a.done() }) {
		return false
	}
	for repository, owner := range d.want.Owners {
		if owner == key && slices.ContainsFunc(d.want.Images, func(image string) bool { return d.repository(image) == repository }) {
			return true
		}
	}
	return false
}

// withDrift says whether what runs is what was promoted, of a pipeline that is current.
func (d *decision) withDrift(entry v1alpha1.DeliveredPipeline, drifted bool) v1alpha1.DeliveredPipeline {
	state := pick(drifted, v1alpha1.DeliveryDrifted, v1alpha1.DeliveryCurrent)
	switch entry.State {
	case v1alpha1.DeliveryCurrent, v1alpha1.DeliveryDrifted:
		if entry.State != state {
			entry.State, entry.SinceTime = state, d.now()
		}
	}
	return entry
}

// drifted returns the pipelines of whose repositories something else runs than is pinned: a template names, or a live pod
// of a workload runs, another digest. What was adopted beside the pin is no drift, and neither is a pod that keeps an
// image string from before: it may report a platform's digest of the very index that is pinned.
func (d *decision) drifted() map[string]bool {
	drifted := map[string]bool{}
	for _, s := range d.snapshot.Sightings {
		repository := d.repository(s.Image)
		pin := Digest(d.want.Pins[repository])
		if pin == "" || s.Ignored || s.Source == SourceOther || d.want.Adopted[s.Image] != "" {
			continue
		}
		if digest := s.runs(); digest != "" && digest != pin && !d.adoptedDigest(repository, digest) {
			drifted[d.want.Owners[repository]] = true
		}
	}
	return drifted
}

func (d *decision) adoptedDigest(repository, digest string) bool {
	for text, adopted := range d.want.Adopted {
		if adopted == digest && d.repository(text) == repository {
			return true
		}
	}
	return false
}

func sameEntry(a, b v1alpha1.DeliveredPipeline) bool {
	return a.State == b.State && a.ReleaseHash == b.ReleaseHash && a.PromotionRef == b.PromotionRef
}
