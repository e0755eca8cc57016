package environment

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// admits says whether the Environment lets a pipeline, as namespace/name, bring a repository.
func (d *decision) admits(pipeline, repository string) bool {
	namespace, name, _ := strings.Cut(pipeline, "/")
	ref := v1alpha1.PipelineReference{Namespace: namespace, Name: name}
	return promotion.Admission(d.snapshot.Environment, nil, ref, []string{repository}).Type == ""
}

// restore takes the enforced copy from the records where the Namespace lost all of it, in a restore from a backup, say; and
// from the pipeline's Promotions where the records went with the Namespace, which was deleted and made anew. So what runs
// there by then is not adopted: it may be anything. A copy that is there in part is left to adoption: records may be older
// than what runs.
func (d *decision) restore() {
	if !d.was.Untouched() {
		return
	}
	for _, release := range append(d.recordedReleases(), d.promotedReleases()...) {
		for _, image := range release.images {
			if d.want.Owners[image.Repository] != "" || !d.admits(release.owner, image.Repository) {
				continue
			}
			d.restored = true
			d.want.Owners[image.Repository] = release.owner
			pulled := v1alpha1.Image{Repository: d.mirrors.Pulled(image.Repository), Digest: image.Digest}.Reference()
			d.want.Pins[image.Repository] = pulled
			d.allow(pulled)
		}
	}
}

// lastRelease is what a pipeline, as namespace/name, ran here last.
type lastRelease struct {
	owner  string
	images []v1alpha1.Image
}

// recordedReleases are those of the newest good record of each pipeline, the newest of all first.
func (d *decision) recordedReleases() []lastRelease {
	var stable []*v1alpha1.ReleaseRecord
	for _, records := range d.records {
		if r := promotion.Stable(records, d.namespace()); r != nil {
			stable = append(stable, r)
		}
	}
	slices.SortFunc(stable, func(a, b *v1alpha1.ReleaseRecord) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	releases := make([]lastRelease, 0, len(stable))
	for _, r := range stable {
		releases = append(releases, lastRelease{keyOf(r.Spec.PipelineRef.Namespace, r.Spec.PipelineRef.Name), r.Spec.Images})
	}
	return releases
}

// promotedReleases are those of the Promotion that passed here last, of each pipeline that has no record here.
func (d *decision) promotedReleases() []lastRelease {
	var releases []lastRelease
	for _, p := range d.pipelines {
		own := slices.DeleteFunc(slices.Clone(d.snapshot.Promotions), func(other *v1alpha1.Promotion) bool {
			return other.Namespace != p.Namespace || other.Spec.PipelineRef.Name != p.Name
		})
		if last := promotion.LastPassed(own, d.namespace()); last != nil && len(d.records[pipelineKey(p)]) == 0 {
			releases = append(releases, lastRelease{pipelineKey(p), last.Status.Images})
		}
	}
	return releases
}

// assignOwners lets go of repositories that the Environment no longer admits. Until then a repository stays its owner's,
// though no pipeline lists it any more, or the pipeline is gone: taking an image out of a pipeline must not unlock it.
func (d *decision) assignOwners() {
	for _, repository := range slices.Sorted(maps.Keys(d.want.Owners)) {
		owner := d.want.Owners[repository]
		if d.admits(owner, repository) || d.holder(owner) != nil {
			continue
		}
		if heir := d.lister(repository); heir != nil {
			// What runs is known by digest already: nothing is adopted again.
			d.want.Owners[repository] = pipelineKey(heir)
			d.event(false, "RepositoryHandedOver", "Own", "repository "+repository+" went from pipeline "+owner+", which is not admitted with it any more, to "+pipelineKey(heir))
			continue
		}
		d.forget(repository)
		d.event(true, "RepositoryLetGo", "LetGo", "repository "+repository+" of pipeline "+owner+" is not admitted any more: it is not pinned, and counts as unmanaged")
	}
}

// lister returns the oldest admitted pipeline that lists a repository and is not at work just now; nil where there is none.
func (d *decision) lister(repository string) *v1alpha1.DeliveryPipeline {
	for _, p := range d.pipelines {
		lists := slices.ContainsFunc(p.Spec.Images, func(i v1alpha1.PipelineImage) bool { return i.Repository == repository })
		if lists && d.holder(pipelineKey(p)) == nil && d.admits(pipelineKey(p), repository) {
			return p
		}
	}
	return nil
}

// forget drops everything about a repository.
func (d *decision) forget(repository string) {
	delete(d.want.Owners, repository)
	delete(d.want.Pins, repository)
	of := func(image string) bool { return d.repository(image) == repository }
	d.want.Images = slices.DeleteFunc(d.want.Images, of)
	maps.DeleteFunc(d.want.Adopted, func(text, _ string) bool { return of(text) })
}

// allow lists an exact reference.
func (d *decision) allow(reference string) {
	if !slices.Contains(d.want.Images, reference) {
		d.want.Images = append(d.want.Images, reference)
	}
}
