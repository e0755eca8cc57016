package environment

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/promotion"
)

// adoption is the work on one repository that nobody owned: what runs of it becomes known by digest, and nothing that
// runs is changed.
type adoption struct {
	pipeline   *v1alpha1.DeliveryPipeline
	repository string
	seen       []seenString
	// digests by image string.
	digests map[string]string
	// problems why an image string is not known.
	problems []v1alpha1.Reason
	// pending says that a registry has not been asked yet.
	pending bool
}

func (a *adoption) done() bool { return !a.pending && len(a.problems) == 0 }

// adopt takes care of every repository of an admitted pipeline that nobody owns. A pipeline whose promotion is at work is
// looked at when that is done: the Namespace is the promotion's until then.
func (d *decision) adopt() {
	for _, p := range d.pipelines {
		if d.holder(pipelineKey(p)) != nil {
			continue
		}
		for _, image := range p.Spec.Images {
			mirror := promotion.NamesMirror(d.snapshot.Environment, []string{image.Repository}).Type != ""
			if mirror || d.want.Owners[image.Repository] != "" || d.adopting(image.Repository) || !d.admits(pipelineKey(p), image.Repository) {
				continue
			}
			a := &adoption{pipeline: p, repository: image.Repository, digests: map[string]string{}}
			a.seen = stringsOf(d.snapshot.Sightings, func(image string) bool { return d.repository(image) == a.repository })
			d.adoptions = append(d.adoptions, a)
			d.find(a)
		}
	}
	for _, a := range d.adoptions {
		if a.done() {
			d.own(a)
		}
	}
}

// adopting says whether an older pipeline has this repository in this very pass.
func (d *decision) adopting(repository string) bool {
	return slices.ContainsFunc(d.adoptions, func(a *adoption) bool { return a.repository == repository })
}

// find looks for the digest of every image string of the repository. What only a pod names, and no template, is taken
// if it is known, and is no obstacle if it is not: it will not be made again.
func (d *decision) find(a *adoption) {
	for _, s := range a.seen {
		digest, problem := d.digestOf(a, s)
		switch {
		case digest != "":
			a.digests[s.text] = digest
		case problem.Type != "" && s.wanted:
			a.problems = append(a.problems, problem)
		}
	}
}

// digestOf returns the digest of one image string; neither digest nor reason while a registry has not been asked.
func (d *decision) digestOf(a *adoption, s seenString) (string, v1alpha1.Reason) {
	if exact := Digest(s.text); exact != "" {
		answer, known := d.ask(a, s, exact)
		if !known || answer.Reason == "" {
			return pick(known, exact, ""), v1alpha1.Reason{}
		}
		return "", a.unanswered(s, exact, answer)
	}
	tag, known := d.ask(a, s, tagOf(s.text))
	if !known {
		return "", v1alpha1.Reason{}
	}
	if len(s.digests) == 0 || tag.Reason == v1alpha1.ReasonRegistryUnavailable || tag.Reason == v1alpha1.ReasonRegistryDenied {
		if tag.Reason != "" {
			return "", a.unanswered(s, tagOf(s.text), tag)
		}
		return tag.Digest, v1alpha1.Reason{}
	}
	return d.digestOfPods(a, s, tag)
}

// digestOfPods returns the one digest that the pods of an image string run, in the form in which it can be pinned.
func (d *decision) digestOfPods(a *adoption, s seenString, tag Answer) (string, v1alpha1.Reason) {
	found := map[string]bool{}
	complete := true
	for _, running := range s.digests {
		digest, problem := d.indexOf(a, s, running, tag)
		if problem.Type != "" {
			return "", problem
		}
		complete = complete && digest != ""
		found[digest] = true
	}
	if !complete {
		return "", v1alpha1.Reason{}
	}
	digests := slices.Sorted(maps.Keys(found))
	if len(digests) > 1 {
		return "", v1alpha1.NewReason(v1alpha1.ReasonMixedDigests,
			"image string %s of %s runs as %d digests (%s); let all its pods run one of them: name it by digest, or restart the workload",
			s.text, s.where, len(digests), strings.Join(digests, ", "))
	}
	return digests[0], v1alpha1.Reason{}
}

// indexOf returns what can be pinned for a digest that a pod reports. A pod may report its platform's manifest of an
// index; that is never pinned: nodes of other platforms could not run it.
func (d *decision) indexOf(a *adoption, s seenString, running string, tag Answer) (string, v1alpha1.Reason) {
	if running == tag.Digest || slices.Contains(tag.Platforms, running) {
		return tag.Digest, v1alpha1.Reason{}
	}
	own, known := d.ask(a, s, running)
	switch {
	case !known:
		return "", v1alpha1.Reason{}
	case own.Reason != "":
		return "", a.unanswered(s, running, own)
	case len(own.Platforms) > 0, tag.Digest != "" && len(tag.Platforms) == 0:
		// An index of its own, or a repository whose images have one platform each.
		return running, v1alpha1.Reason{}
	}
	return "", v1alpha1.NewReason(v1alpha1.ReasonPlatformDigestOnly,
		"%s runs %s as %s, which may be one platform's manifest of an index that the tag no longer points to; point the tag to that index again, or name the index by digest in the workload",
		s.where, s.text, running)
}

// unanswered says why a reference is not known.
func (a *adoption) unanswered(s seenString, reference string, answer Answer) v1alpha1.Reason {
	if answer.Reason == v1alpha1.ReasonTagNotFound {
		return v1alpha1.NewReason(v1alpha1.ReasonDigestNotInRegistry,
			"%s names %s, and the registry does not have %s of %s any more, so that no other node could start it; push it again, or let the workload run an image that is there",
			s.where, s.text, reference, s.repository)
	}
	return v1alpha1.NewReason(v1alpha1.ReasonRegistryUnavailable, "%s names %s, which could not be verified: %s", s.where, s.text, answer.Message)
}

// ask looks an answer up, and puts the question where there is none, or none that has to stay. It is the registry that the
// image string names which has to have it, be that a mirror or not.
func (d *decision) ask(a *adoption, s seenString, reference string) (Answer, bool) {
	question := Question{Pipeline: pipelineKey(a.pipeline), Repository: s.repository, Reference: reference}
	answer, known := d.snapshot.Answers[question]
	a.pending = a.pending || !known
	if (!known || answer.Reason != "") && !slices.Contains(d.questions, question) {
		d.questions = append(d.questions, question)
	}
	return answer, known
}

// own writes down what was found. Every image string keeps the digest and the registry that it has; the pin is set only
// where all that templates name agree. Workloads that are to be left alone do not count for that, unless there are no others.
func (d *decision) own(a *adoption) {
	d.want.Owners[a.repository] = pipelineKey(a.pipeline)
	pin := a.reference(a.pin(), d.mirrors.Pulled(a.repository))
	if pin != "" {
		d.want.Pins[a.repository] = pin
	}
	for text, digest := range a.digests {
		reference := Repository(text) + "@" + digest
		d.allow(reference)
		if Digest(text) != "" && text != reference {
			// The pin leaves pods alone that name a digest, and the lock compares text.
			d.allow(text)
		}
		if text != reference || reference != pin {
			d.want.Adopted[text] = digest
		}
	}
}

// reference returns a digest under the name that it is pulled under here, if something runs it under that name; else under
// one that it does run under. A mirror that nothing was pulled from yet counts from the first promotion on.
func (a *adoption) reference(digest, pulled string) string {
	found := ""
	for _, s := range a.seen {
		if digest != "" && a.digests[s.text] == digest && (found == "" || s.repository == pulled) {
			found = s.repository + "@" + digest
		}
	}
	return found
}

// pin returns the digest that all agree on; empty where they do not, or where nothing runs.
func (a *adoption) pin() string {
	for _, counts := range []func(seenString) bool{
		func(s seenString) bool { return s.leads },
		func(s seenString) bool { return s.wanted },
		func(seenString) bool { return true },
	} {
		found := map[string]bool{}
		for _, s := range a.seen {
			if digest := a.digests[s.text]; digest != "" && counts(s) {
				found[digest] = true
			}
		}
		if len(found) == 1 {
			return slices.Collect(maps.Keys(found))[0]
		}
		if len(found) > 1 {
			return ""
		}
	}
	return ""
}

func pick[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
