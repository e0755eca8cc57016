package environment

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// maxAnnotationBytes is how much the annotations of a Namespace may hold together, with room for those of others: the
// API server refuses more than 256 KiB.
const maxAnnotationBytes = 240 << 10

// enforce makes the Namespace say what the Environment demands, in one write with the adopted images. Images and pins
// that somebody with the verb unlock changed by hand stay as they are: that is break-glass.
func (d *decision) enforce() {
	d.follow(&d.want)
	d.keepOthers()
	d.dropUnused()
	if d.refusal = d.tooMany(); d.refusal.Type != "" {
		// Nothing is pruned in silence: what is enforced stays, and only the lock follows the Environment.
		d.want, d.newRecords, d.events = d.was.Clone(), nil, nil
		d.follow(&d.want)
	}
	if d.altered() {
		d.event(true, v1alpha1.ReasonNamespaceAltered, "Enforce", "somebody changed what Namespace "+d.namespace()+" enforces; it says again what the Environment demands")
	}
	for _, r := range slices.Concat(d.overrides, d.newRecords) {
		d.effects = append(d.effects, promotion.CreateRecord{Record: r})
	}
	if !d.want.Equal(d.was) || !d.was.Sealed() {
		d.effects = append(d.effects, promotion.Pin{Namespace: d.namespace(), ResourceVersion: d.snapshot.Namespace.ResourceVersion, Copy: d.want})
	}
}

// follow sets what the Environment alone decides.
func (d *decision) follow(c *promotion.EnforcedCopy) {
	spec := d.snapshot.Environment.Spec
	c.Tier = spec.Tier
	c.Mirrors = d.mirrors.Of(*c)
	c.Prefixes = slices.Clone(spec.AllowedImages)
	c.Unmanaged = d.force.UnmanagedImages
	c.Lock = d.lock()
}

// lock returns the lock to put on the Namespace: what the Environment says, once adopted. A lock that was on is never
// taken off because something new could not be adopted.
func (d *decision) lock() v1alpha1.Lock {
	closed := d.was.Lock == v1alpha1.LockEnforce || d.restored || d.was.Lock == "" && d.everAdopted()
	switch {
	case d.force.Lock != v1alpha1.LockEnforce || closed || d.settled():
		return d.force.Lock
	case d.undecided():
		// The answers come within this pass or the next: one write instead of two.
		return d.was.Lock
	}
	return v1alpha1.LockAudit
}

// settled says whether nothing is left to adopt.
func (d *decision) settled() bool {
	return d.refusal.Type == "" && !slices.ContainsFunc(d.adoptions, func(a *adoption) bool { return !a.done() })
}

// undecided says whether a registry has not been asked yet, and nothing is known to be in the way.
func (d *decision) undecided() bool {
	return slices.ContainsFunc(d.adoptions, func(a *adoption) bool { return a.pending }) && len(d.problems()) == 0
}

// problems are all that hinders adoption.
func (d *decision) problems() []v1alpha1.Reason {
	var problems []v1alpha1.Reason
	for _, a := range d.adoptions {
		problems = append(problems, a.problems...)
	}
	return problems
}

// firstAdoption says whether the lock is about to close for the first time, or waits to: until then anything may start.
func (d *decision) firstAdoption() bool {
	waits := d.was.Lock == v1alpha1.LockAudit && d.force.Lock == v1alpha1.LockEnforce && d.before(v1alpha1.ConditionAdopted) != nil
	return !d.restored && !d.everAdopted() && (d.was.Lock == "" || waits)
}

// keepOthers lists the unmanaged images that run when the namespace is adopted, where unmanaged images are denied: they
// have to be able to start again.
func (d *decision) keepOthers() {
	if d.firstAdoption() && d.force.UnmanagedImages == v1alpha1.UnmanagedDeny {
		for _, s := range d.snapshot.Sightings {
			if !d.managed(s.Image) && !d.allowedPrefix(s.Image) && listable(s.Image) && !slices.Contains(d.want.Others, s.Image) {
				d.want.Others = append(d.want.Others, s.Image)
			}
		}
	}
	d.want.Others = slices.DeleteFunc(d.want.Others, d.managed)
}

// managed says whether some pipeline owns the repository of an image.
func (d *decision) managed(image string) bool { return d.want.Owners[d.repository(image)] != "" }

// allowedPrefix says whether the Environment allows an image of no pipeline.
func (d *decision) allowedPrefix(image string) bool {
	return slices.ContainsFunc(d.snapshot.Environment.Spec.AllowedImages, func(allowed string) bool {
		return allowed == image || strings.HasSuffix(allowed, "/") && strings.HasPrefix(image, allowed)
	})
}

// dropUnused takes out of the list what adoption put there beyond repository@digest, such as repo:tag@digest, once
// nothing names it: promotions prune only what has their form.
func (d *decision) dropUnused() {
	seen := map[string]bool{}
	for _, s := range d.snapshot.Sightings {
		seen[s.Image] = true
	}
	d.want.Images = slices.DeleteFunc(d.want.Images, func(image string) bool {
		form := Repository(image) + "@" + Digest(image)
		return d.managed(image) && image != form && !seen[image] && d.want.Adopted[image] == ""
	})
}

// tooMany says that the Namespace cannot hold the list.
func (d *decision) tooMany() v1alpha1.Reason {
	size := 0
	for key, value := range d.want.Annotations() {
		size += len(key) + len(value)
	}
	if len(d.want.Images) <= promotion.MaxReferences && size <= maxAnnotationBytes {
		return v1alpha1.Reason{}
	}
	return v1alpha1.NewReason(v1alpha1.ReasonTooManyImages,
		"namespace %s would list %d references, and its annotations hold %d; let pipelines go that nobody uses any more (spec.pipelines), or split the namespace",
		d.namespace(), len(d.want.Images), promotion.MaxReferences)
}

// altered says whether somebody changed what follows from the Environment, and from nothing else: the Environment is the
// same that was carried out before.
func (d *decision) altered() bool {
	locked := d.before(v1alpha1.ConditionLocked)
	if locked == nil || locked.ObservedGeneration != d.snapshot.Environment.Generation || !d.everAdopted() {
		return false
	}
	return d.was.Lock != d.want.Lock && locked.Reason != v1alpha1.ReasonNotAdopted || !d.sameRest(d.was)
}

// sameRest says whether a copy has the tier, mirrors, prefixes and treatment of unmanaged images that the Environment demands.
func (d *decision) sameRest(c promotion.EnforcedCopy) bool {
	demanded := c.Clone()
	d.follow(&demanded)
	demanded.Lock = c.Lock
	return maps.Equal(demanded.Labels(), c.Labels()) && maps.Equal(demanded.Annotations(), c.Annotations())
}
