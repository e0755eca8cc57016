package environment

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// noticeOverride records what somebody changed by hand since the operator sealed the copy: break-glass, while the operator
// was away or not. Images and pins stay as they were made; what follows from the Environment alone is put back. It has to
// be reviewed either way.
func (d *decision) noticeOverride() {
	changed := d.was.ChangedByHand()
	if len(changed) == 0 {
		return
	}
	override := v1alpha1.Override{ChangedBy: d.was.OverriddenBy, Annotations: changed}
	who := "somebody whom the API server did not name"
	if len(override.ChangedBy) > 0 {
		who = strings.Join(override.ChangedBy, ", ")
	}
	message := who + " changed by hand what namespace " + d.namespace() + " enforces: " + strings.Join(changed, ", ")
	for _, key := range d.overriddenPipelines() {
		if record := d.overrideRecord(key, override, message); record != nil {
			d.overrides = append(d.overrides, record)
		}
	}
	d.event(true, v1alpha1.ReasonOverridden, "Override", message)
}

// overriddenPipelines are those that something else is pinned of than their release says. Where it is the same of all, the
// change was another one, and is written down with the first of them.
func (d *decision) overriddenPipelines() []string {
	var owners, concerned []string
	for _, repository := range slices.Sorted(maps.Keys(d.want.Pins)) {
		owner := d.want.Owners[repository]
		if owner == "" {
			continue
		}
		owners = append(owners, owner)
		if d.want.Pins[repository] != referenceIn(d.expected(owner), repository) {
			concerned = append(concerned, owner)
		}
	}
	slices.Sort(owners)
	slices.Sort(concerned)
	if len(concerned) == 0 {
		return owners[:min(1, len(owners))]
	}
	return slices.Compact(concerned)
}

// expected is the record of the release that is to run of a pipeline: the one that is on its way in does not count.
func (d *decision) expected(pipeline string) *v1alpha1.ReleaseRecord {
	if entry := d.entry(pipeline); entry != nil && d.holder(pipeline) == nil && entry.ReleaseHash != "" {
		current := promotion.Newest(d.records[pipeline], func(r *v1alpha1.ReleaseRecord) bool { return r.Spec.ReleaseHash == entry.ReleaseHash })
		if current != nil {
			return current
		}
	}
	return promotion.Stable(d.records[pipeline], d.namespace())
}

// overrideRecord tells of the images that are pinned of a pipeline now; nil where that is written down already, by a pass
// that did not live to seal the copy.
func (d *decision) overrideRecord(pipeline string, override v1alpha1.Override, message string) *v1alpha1.ReleaseRecord {
	images := d.pinnedImages(pipeline)
	hash := promotion.ReleaseHash(images)
	last := newestRecord(d.records[pipeline])
	state := d.was.Seal + "\n" + promotion.SealOf(d.was)
	if last != nil && last.Spec.Result == v1alpha1.ResultOverridden && last.Name == d.overrideName(pipeline, hash, state, last.Spec.PreviousHash) {
		return nil
	}
	env := d.snapshot.Environment
	namespace, name, _ := strings.Cut(pipeline, "/")
	spec := v1alpha1.ReleaseRecordSpec{
		PipelineRef: v1alpha1.PipelineReference{Namespace: namespace, Name: name}, ReleaseHash: hash, Images: images,
		Environment: v1alpha1.RecordedEnvironment{UID: string(env.UID), Generation: max(env.Generation, 1), Tier: env.Spec.Tier},
		Result:      v1alpha1.ResultOverridden, Override: override, CompletionTime: d.now(),
		Message: v1alpha1.Clip(message+"; pinned since: "+referencesOf(images), 2048),
	}
	promotion.Follow(&spec, last)
	record := &v1alpha1.ReleaseRecord{Spec: spec}
	record.Namespace, record.Name = d.namespace(), d.overrideName(pipeline, hash, state, spec.PreviousHash)
	record.Labels = map[string]string{v1alpha1.PipelineLabel: name}
	return record
}

// overrideName is the same for the same change after the same record, and no other.
func (d *decision) overrideName(pipeline, releaseHash, state, previousHash string) string {
	_, name, _ := strings.Cut(pipeline, "/")
	return promotion.RecordName(name, releaseHash, "overridden\n"+state+"\n"+previousHash)
}

// pinnedImages are the images that are pinned of a pipeline, by the names that it gives them.
func (d *decision) pinnedImages(pipeline string) []v1alpha1.Image {
	names := map[string]string{}
	for _, r := range d.records[pipeline] {
		for _, image := range r.Spec.Images {
			names[image.Repository] = image.Name
		}
	}
	for _, p := range d.pipelines {
		for _, image := range p.Spec.Images {
			if pipelineKey(p) == pipeline {
				names[image.Repository] = image.Name
			}
		}
	}
	var images []v1alpha1.Image
	for _, repository := range slices.Sorted(maps.Keys(d.want.Pins)) {
		if d.want.Owners[repository] != pipeline {
			continue
		}
		name := names[repository]
		if name == "" {
			name = v1alpha1.Clip(repository[strings.LastIndex(repository, "/")+1:], 40)
		}
		images = append(images, v1alpha1.Image{Name: name, Repository: repository, Digest: Digest(d.want.Pins[repository])})
	}
	return images
}
