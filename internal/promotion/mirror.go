package promotion

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Mirrors know the names of repositories in one environment. A repository has one canonical name, which pipelines, releases,
// records and consent use, and one that images are pulled under there. Nobody else maps names: what adapters and admission
// are handed is mapped already.
type Mirrors struct {
	// entries of the Environment.
	entries []v1alpha1.RepositoryMirror
	// former are canonical names, by names that the Namespace still uses though the Environment says otherwise by now. A
	// mirror that is added, changed or taken away moves nothing that runs: the next promotion does.
	former map[string]string
}

// MirrorsOf reads the names from an Environment and from what its Namespace enforces; both may be nil.
func MirrorsOf(env *v1alpha1.Environment, ns *corev1.Namespace) Mirrors {
	m := Mirrors{former: map[string]string{}}
	if env != nil {
		m.entries = env.Spec.Repositories
	}
	enforced := ParseEnforced(ns)
	maps.Copy(m.former, enforced.Mirrors)
	for canonical, reference := range enforced.Pins {
		m.former[repositoryOf(reference)] = canonical
	}
	for owned := range enforced.Owners {
		delete(m.former, owned)
	}
	return m
}

// Pulled returns the name under which a canonical repository is pulled.
func (m Mirrors) Pulled(repository string) string {
	for _, e := range m.entries {
		if name, found := swap(repository, e.From, e.To); found {
			return name
		}
	}
	return repository
}

// Canonical returns the canonical name of a repository, whichever of its names is given.
func (m Mirrors) Canonical(repository string) string {
	for _, e := range m.entries {
		if name, found := swap(repository, e.To, e.From); found {
			return name
		}
	}
	if canonical := m.former[repository]; canonical != "" {
		return canonical
	}
	return repository
}

// swap puts new in the place of old, which is the whole name or a prefix that ends in a slash.
func swap(name, old, replacement string) (string, bool) {
	if name == old {
		return replacement, true
	}
	rest, below := strings.CutPrefix(name, old)
	if !below || !strings.HasSuffix(old, "/") {
		return name, false
	}
	return replacement + rest, true
}

// Names returns every name of the canonical repositories, sorted, each once.
func (m Mirrors) Names(repositories []string) []string {
	names := slices.Clone(repositories)
	for _, repository := range repositories {
		names = append(names, m.Pulled(repository))
	}
	for name, canonical := range m.former {
		if slices.Contains(repositories, canonical) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Of returns what an enforced copy has to know: the name under which each owned repository is pulled, and those of before
// that it still allows or pins, each with the canonical one.
func (m Mirrors) Of(c EnforcedCopy) map[string]string {
	names := map[string]string{}
	for repository := range c.Owners {
		if name := m.Pulled(repository); name != repository {
			names[name] = repository
		}
	}
	for _, reference := range slices.Concat(c.Images, slices.Collect(maps.Values(c.Pins))) {
		name := repositoryOf(reference)
		if canonical := m.Canonical(name); canonical != name && c.Owners[canonical] != "" {
			names[name] = canonical
		}
	}
	return names
}

// Images returns the images as they are pulled.
func (m Mirrors) Images(images []v1alpha1.Image) []v1alpha1.Image {
	pulled := slices.Clone(images)
	for i := range pulled {
		pulled[i].Repository = m.Pulled(pulled[i].Repository)
	}
	return pulled
}

// canonicalImages returns the images of containers under canonical names, with the tags and digests that they have.
func (m Mirrors) canonicalImages(images []ContainerImage) []ContainerImage {
	canonical := slices.Clone(images)
	for i, image := range canonical {
		repository := repositoryOf(image.Image)
		canonical[i].Image = m.Canonical(repository) + image.Image[len(repository):]
	}
	return canonical
}

// references returns the exact reference that each name of the images' repositories has to become.
func (m Mirrors) references(pulled []v1alpha1.Image) map[string]string {
	references := map[string]string{}
	for _, image := range pulled {
		for _, name := range m.Names([]string{m.Canonical(image.Repository)}) {
			references[name] = image.Reference()
		}
	}
	return references
}

// pulled returns images as they are pulled here. A release that comes back keeps the name under which the lock still allows
// it: it ran under that name, and its mirror may never have had it.
func (v *visit) pulled(images []v1alpha1.Image) []v1alpha1.Image {
	pulled := v.mirrors.Images(images)
	if v.promotion().Spec.Intent != v1alpha1.IntentRollback && v.progress.State != v1alpha1.StateRollingBack {
		return pulled
	}
	return v.stillAllowed(pulled)
}

func (v *visit) stillAllowed(pulled []v1alpha1.Image) []v1alpha1.Image {
	allowed := ParseEnforced(v.site.Namespace).Images
	for i, image := range pulled {
		for _, name := range v.mirrors.Names([]string{v.mirrors.Canonical(image.Repository)}) {
			if !slices.Contains(allowed, image.Reference()) && slices.Contains(allowed, name+"@"+image.Digest) {
				pulled[i].Repository = name
				break
			}
		}
	}
	return pulled
}

// mirrored checks that the mirror has what is to be pulled from it: pods that cannot pull their image would be worse than a
// wait that says why. A rollback asks no registry.
func (v *visit) mirrored() Verdict {
	verdict := ready()
	if v.promotion().Spec.Intent == v1alpha1.IntentRollback {
		return verdict
	}
	for i, image := range v.mirrors.Images(v.status.Images) {
		if image.Repository == v.status.Images[i].Repository {
			continue
		}
		answer := v.snapshot.Mirrored.Answers[image.Reference()]
		if answer.Digest != "" {
			continue
		}
		v.questions.Mirrored = append(v.questions.Mirrored, image)
		v.wakeAt(v.snapshot.Mirrored.Next)
		verdict = verdict.and(pending(v.notMirrored(image, answer)))
	}
	return verdict
}

func (v *visit) notMirrored(image v1alpha1.Image, answer TagAnswer) v1alpha1.Reason {
	switch answer.Reason {
	case v1alpha1.ReasonTagNotFound:
		return v1alpha1.NewReason(v1alpha1.ReasonDigestNotInMirror,
			"%s pulls image %s from %s, which does not have %s yet; copy it there with its digest, such as: crane copy %s@%s %s:%s",
			v.step.Name, image.Name, image.Repository, image.Digest,
			v.mirrors.Canonical(image.Repository), image.Digest, image.Repository, short(v.status.ReleaseHash))
	case "":
		return v1alpha1.NewReason(v1alpha1.ReasonRegistryUnavailable, "the mirror %s has not been asked yet for %s", image.Repository, image.Digest)
	}
	return v1alpha1.NewReason(answer.Reason, "%s pulls image %s from %s, which could not be asked for it: %s",
		v.step.Name, image.Name, image.Repository, answer.Message)
}
