package environment

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// recordAdopted writes a record Adopted of what runs of a pipeline, so that a rollback has somewhere to go. It comes
// before the Namespace is written: a repository that has an owner is not looked at again.
func (d *decision) recordAdopted() {
	for _, p := range d.pipelines {
		if !d.complete(p) {
			continue
		}
		if images := d.adoptedImages(p); len(images) > 0 {
			d.newRecords = append(d.newRecords, d.record(p, images))
		}
	}
}

// complete says whether everything that the pipeline may bring is owned by it, and something of that is not in a record.
func (d *decision) complete(p *v1alpha1.DeliveryPipeline) bool {
	key := pipelineKey(p)
	if d.holder(key) != nil {
		return false
	}
	adopted := false
	for _, a := range d.adoptions {
		if a.pipeline == p {
			if !a.done() {
				return false
			}
			adopted = adopted || a.pin() != ""
		}
	}
	return adopted || d.lacksRecord(key)
}

// lacksRecord says whether a pipeline owns pins and has no record at all: what hindered its adoption went away, it took the
// repositories over, or its records went with a Namespace that was made anew. Never while its entry says that a promotion was here: what that left is no adoption.
func (d *decision) lacksRecord(pipeline string) bool {
	entry := d.entry(pipeline)
	touched := entry != nil && (entry.State != v1alpha1.DeliveryCurrent || entry.PromotionRef.UID != "" || entry.ReleaseHash != "")
	return !touched && (d.restored || d.before(v1alpha1.ConditionAdopted) != nil) && len(d.records[pipeline]) == 0
}

// adoptedImages are the pipeline's images that have one digest: the adopted ones, and of those owned before what the
// stable release says. The pins of a release that failed and was left in place are no release to go back to. An image
// that runs as several digests on purpose is left out; a rollback leaves it alone.
func (d *decision) adoptedImages(p *v1alpha1.DeliveryPipeline) []v1alpha1.Image {
	key := pipelineKey(p)
	records := d.records[key]
	stable := promotion.Stable(records, d.namespace())
	var images []v1alpha1.Image
	for _, listed := range p.Spec.Images {
		if d.want.Owners[listed.Repository] != key {
			continue
		}
		reference := d.want.Pins[listed.Repository]
		if !d.adopting(listed.Repository) && len(records) > 0 {
			reference = referenceIn(stable, listed.Repository)
		}
		if digest := Digest(reference); digest != "" {
			images = append(images, v1alpha1.Image{Name: listed.Name, Repository: listed.Repository, Digest: digest})
		}
	}
	return images
}

func referenceIn(record *v1alpha1.ReleaseRecord, repository string) string {
	if record == nil {
		return ""
	}
	i := slices.IndexFunc(record.Spec.Images, func(i v1alpha1.Image) bool { return i.Repository == repository })
	if i < 0 {
		return ""
	}
	return record.Spec.Images[i].Reference()
}

func (d *decision) record(p *v1alpha1.DeliveryPipeline, images []v1alpha1.Image) *v1alpha1.ReleaseRecord {
	env := d.snapshot.Environment
	hash := promotion.ReleaseHash(images)
	spec := v1alpha1.ReleaseRecordSpec{
		PipelineRef:    v1alpha1.PipelineReference{Namespace: p.Namespace, Name: p.Name},
		ReleaseHash:    hash,
		Images:         images,
		Environment:    v1alpha1.RecordedEnvironment{UID: string(env.UID), Generation: max(env.Generation, 1), Tier: env.Spec.Tier},
		Result:         v1alpha1.ResultAdopted,
		Message:        v1alpha1.Clip("ran before: "+referencesOf(images), 1024),
		CompletionTime: d.now(),
	}
	promotion.Follow(&spec, newestRecord(d.records[pipelineKey(p)]))
	return &v1alpha1.ReleaseRecord{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.namespace(),
			Name:      promotion.RecordName(p.Name, hash, string(env.UID)),
			Labels:    map[string]string{v1alpha1.PipelineLabel: p.Name},
		},
		Spec: spec,
	}
}

func newestRecord(records []*v1alpha1.ReleaseRecord) *v1alpha1.ReleaseRecord {
	return promotion.Newest(records, func(r *v1alpha1.ReleaseRecord) bool { return r.Spec.Result != v1alpha1.ResultRevoked })
}

func referencesOf(images []v1alpha1.Image) string {
	references := make([]string, 0, len(images))
	for _, image := range images {
		references = append(references, image.Reference())
	}
	return strings.Join(references, ", ")
}
