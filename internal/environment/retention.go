package environment

import (
	"slices"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// Retention is all that decides which records of one pipeline in one namespace may go.
type Retention struct {
	// Now is the operator's clock.
	Now time.Time
	// Keep is how long every record stays.
	Keep time.Duration
	// Records of the pipeline in the namespace.
	Records []*v1alpha1.ReleaseRecord
	// Allowed are the exact references that may run in the namespace.
	Allowed []string
}

// Old returns the records that are older than the limit and begin the chain, the oldest first, and when there may be
// another; the zero time where age is not what keeps it. A release that may run here keeps all its records, and the
// newest record always stays. Only a beginning of the chain goes, so that what is left has no gap: a record that is
// missing in between was taken away by somebody.
func (r Retention) Old() (old []*v1alpha1.ReleaseRecord, next time.Time) {
	chain := slices.SortedFunc(slices.Values(r.Records), promotion.CompareRecords)
	needed := map[string]bool{}
	if len(chain) > 0 {
		if stable := promotion.Stable(chain, chain[0].Namespace); stable != nil {
			needed[stable.Spec.ReleaseHash] = true
		}
	}
	for i, record := range chain {
		if i == len(chain)-1 || record.Spec.CompletionTime == nil || needed[record.Spec.ReleaseHash] || r.mayRun(record) {
			return old, time.Time{}
		}
		if end := record.Spec.CompletionTime.Add(r.Keep); r.Now.Before(end) {
			return old, end
		}
		old = append(old, record)
	}
	return old, time.Time{}
}

func (r Retention) mayRun(record *v1alpha1.ReleaseRecord) bool {
	return slices.ContainsFunc(record.Spec.Images, func(i v1alpha1.Image) bool { return slices.Contains(r.Allowed, i.Reference()) })
}

// Unneeded returns the records at the beginning of a list whose release nobody needs elsewhere: none that runs or may come
// back in another environment of its pipeline, and none on its way, rests on what they say. The sites are all environments
// that hold records of the pipeline, the records all of the pipeline, and the promotions all of the pipeline.
func Unneeded(old []*v1alpha1.ReleaseRecord, sites []promotion.Site, records []*v1alpha1.ReleaseRecord, promotions []*v1alpha1.Promotion) []*v1alpha1.ReleaseRecord {
	needed := map[string]bool{}
	for _, p := range promotions {
		hash := p.Status.ReleaseHash
		if p.Spec.ReleaseHash != "" {
			hash = p.Spec.ReleaseHash
		}
		switch {
		case p.Status.Outcome != "":
		case hash == "":
			// It may turn out to be any release.
			return nil
		default:
			needed[hash] = true
		}
	}
	for _, site := range sites {
		for hash := range releasesIn(site, records) {
			needed[hash] = true
		}
	}
	end := slices.IndexFunc(old, func(r *v1alpha1.ReleaseRecord) bool { return needed[r.Spec.ReleaseHash] })
	if end < 0 {
		return old
	}
	return old[:end]
}

// releasesIn are the releases that run in an environment, or may be brought back there.
func releasesIn(site promotion.Site, records []*v1alpha1.ReleaseRecord) map[string]bool {
	hashes := map[string]bool{}
	if site.Namespace == nil {
		return hashes
	}
	if stable := promotion.Stable(records, site.Namespace.Name); stable != nil {
		hashes[stable.Spec.ReleaseHash] = true
	}
	here := Retention{Allowed: promotion.ParseEnforced(site.Namespace).Images}
	for _, r := range records {
		// Whatever may run there: the record that says so may be one of another environment.
		if here.mayRun(r) {
			hashes[r.Spec.ReleaseHash] = true
		}
	}
	return hashes
}
