package promotion

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// MaxReferences is how many exact references a Namespace may list: annotations of one object hold 256 KiB
// (k8s.io/apimachinery, TotalAnnotationSizeLimitB), and a reference may take 255 bytes of repository and 72 of digest.
const MaxReferences = 600

// EnforcedCopy is what the API server enforces in a namespace: the labels and annotations sluice.dev/... of the
// Namespace, parsed. The zero value is a Namespace that Sluice has not touched.
type EnforcedCopy struct {
	// Lock in force; empty where the namespace is not locked.
	Lock v1alpha1.Lock
	// Tier of the Environment.
	Tier v1alpha1.Tier
	// Images are the exact references that may run.
	Images []string
	// Pins hold the current reference of each owned repository, as it is pulled, by canonical repository.
	Pins map[string]string
	// Owners hold the pipeline, as namespace/name, that owns a repository, by canonical repository.
	Owners map[string]string
	// Mirrors hold canonical repositories by other names that they are, or were, pulled under.
	Mirrors map[string]string
	// Adopted holds the digest of each image string seen at adoption, by string.
	Adopted map[string]string
	// Others are exact references of unmanaged images that ran at adoption.
	Others []string
	// Prefixes are allowed prefixes and references of unmanaged images.
	Prefixes []string
	// Unmanaged says whether images of no pipeline may run.
	Unmanaged v1alpha1.UnmanagedImages
	// GateImages are image=job: the image may run in that Job of the operator, and nowhere else.
	GateImages []string
	// Seal that was found; a copy that is written gets its own.
	Seal string
	// OverriddenBy are those who changed the copy by hand since it was sealed. What is written names nobody.
	OverriddenBy []string
}

// ParseEnforced reads the enforced copy from a Namespace.
func ParseEnforced(ns *corev1.Namespace) EnforcedCopy {
	if ns == nil {
		ns = &corev1.Namespace{}
	}
	notes := ns.Annotations
	c := EnforcedCopy{
		Lock:       v1alpha1.Lock(ns.Labels[v1alpha1.LockLabel]),
		Tier:       v1alpha1.Tier(ns.Labels[v1alpha1.EnvironmentLabel]),
		Images:     strings.Fields(notes[v1alpha1.ImagesAnnotation]),
		Pins:       map[string]string{},
		Owners:     parsePairs(notes[v1alpha1.OwnersAnnotation]),
		Mirrors:    map[string]string{},
		Adopted:    parsePairs(notes[v1alpha1.AdoptedAnnotation]),
		Others:     strings.Fields(notes[v1alpha1.OthersAnnotation]),
		Prefixes:   strings.Fields(notes[v1alpha1.PrefixesAnnotation]),
		Unmanaged:  v1alpha1.UnmanagedImages(notes[v1alpha1.UnmanagedAnnotation]),
		GateImages: strings.Fields(notes[v1alpha1.GateImagesAnnotation]),
		Seal:       notes[v1alpha1.SealAnnotation],
	}
	if by := notes[v1alpha1.OverriddenByAnnotation]; by != "" {
		c.OverriddenBy = strings.Split(by, "\n")
	}
	for _, field := range strings.Fields(notes[v1alpha1.MirrorsAnnotation]) {
		canonical, name, _ := strings.Cut(field, "=")
		c.Mirrors[name] = canonical
	}
	for _, field := range strings.Fields(notes[v1alpha1.PinsAnnotation]) {
		repository, reference := c.parsePin(field)
		c.Pins[repository] = reference
	}
	return c
}

// parsePin reads "repository@digest", or "canonical=mirror@digest". Somebody who writes pins by hand may leave the
// canonical name of a mirror out.
func (c EnforcedCopy) parsePin(field string) (repository, reference string) {
	if canonical, pulled, found := strings.Cut(field, "="); found {
		return canonical, pulled
	}
	repository, _, _ = strings.Cut(field, "@")
	if canonical := c.Mirrors[repository]; canonical != "" {
		return canonical, field
	}
	return repository, field
}

// mirrors returns the fields "canonical=name".
func (c EnforcedCopy) mirrors() []string {
	fields := make([]string, 0, len(c.Mirrors))
	for name, canonical := range c.Mirrors {
		fields = append(fields, canonical+"="+name)
	}
	return fields
}

// pins returns the fields that parsePin reads.
func (c EnforcedCopy) pins() []string {
	fields := make([]string, 0, len(c.Pins))
	for canonical, reference := range c.Pins {
		if repositoryOf(reference) != canonical {
			reference = canonical + "=" + reference
		}
		fields = append(fields, reference)
	}
	return fields
}

// Labels returns the labels of the Namespace that express the copy. An empty value means: no such label.
func (c EnforcedCopy) Labels() map[string]string {
	return map[string]string{
		v1alpha1.LockLabel:        string(c.Lock),
		v1alpha1.EnvironmentLabel: string(c.Tier),
	}
}

// Annotations returns the annotations of the Namespace that express the copy, sealed. An empty value means: no such
// annotation.
func (c EnforcedCopy) Annotations() map[string]string {
	annotations := c.content()
	annotations[v1alpha1.SealAnnotation], annotations[v1alpha1.OverriddenByAnnotation] = SealOf(c), ""
	return annotations
}

// content returns the annotations without their seal.
func (c EnforcedCopy) content() map[string]string {
	return map[string]string{
		v1alpha1.ImagesAnnotation:     joinSorted(c.Images),
		v1alpha1.PinsAnnotation:       joinSorted(c.pins()),
		v1alpha1.OwnersAnnotation:     joinPairs(c.Owners),
		v1alpha1.MirrorsAnnotation:    joinSorted(c.mirrors()),
		v1alpha1.AdoptedAnnotation:    joinPairs(c.Adopted),
		v1alpha1.OthersAnnotation:     joinSorted(c.Others),
		v1alpha1.PrefixesAnnotation:   joinSorted(c.Prefixes),
		v1alpha1.UnmanagedAnnotation:  string(c.Unmanaged),
		v1alpha1.GateImagesAnnotation: joinSorted(c.GateImages),
	}
}

// Untouched says whether a Namespace enforces nothing yet: it is new, or lost all of it in a restore from a backup.
func (c EnforcedCopy) Untouched() bool {
	return c.Lock == "" && len(c.Owners)+len(c.Pins)+len(c.Images) == 0
}

// Equal says whether two copies enforce the same.
func (c EnforcedCopy) Equal(other EnforcedCopy) bool {
	return maps.Equal(c.Labels(), other.Labels()) && maps.Equal(c.content(), other.content())
}

// Clone returns a copy that shares nothing.
func (c EnforcedCopy) Clone() EnforcedCopy {
	c.Images, c.Others = slices.Clone(c.Images), slices.Clone(c.Others)
	c.Prefixes, c.GateImages = slices.Clone(c.Prefixes), slices.Clone(c.GateImages)
	c.OverriddenBy = slices.Clone(c.OverriddenBy)
	c.Pins, c.Owners = maps.Clone(c.Pins), maps.Clone(c.Owners)
	c.Mirrors, c.Adopted = maps.Clone(c.Mirrors), maps.Clone(c.Adopted)
	return c
}

// parsePairs reads "key=value key=value"; the last "=" separates, as image strings hold none after it.
func parsePairs(text string) map[string]string {
	pairs := map[string]string{}
	for _, field := range strings.Fields(text) {
		if i := strings.LastIndex(field, "="); i > 0 {
			pairs[field[:i]] = field[i+1:]
		}
	}
	return pairs
}

func joinPairs(pairs map[string]string) string {
	fields := make([]string, 0, len(pairs))
	for key, value := range pairs {
		fields = append(fields, key+"="+value)
	}
	return joinSorted(fields)
}

func joinSorted(fields []string) string {
	sorted := slices.Clone(fields)
	slices.Sort(sorted)
	return strings.Join(slices.Compact(sorted), " ")
}
