package environment

import (
	"regexp"
	"slices"
	"strings"
)

// Repository returns the repository that an image string names, as a pipeline writes it: the admission policies take an
// upper case host, :443 and the short names of Docker Hub for the same repository, and adoption has to see what they see.
func Repository(image string) string {
	name := namePart(image)
	host, path, found := strings.Cut(name, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		if !found {
			return "docker.io/library/" + name
		}
		return "docker.io/" + name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ":443")
	if host == "index.docker.io" {
		host = "docker.io"
	}
	return host + "/" + path
}

// Digest returns the digest of an image string; empty where it has none.
func Digest(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}

// tagOf returns the tag of an image string without a digest.
func tagOf(image string) string {
	if tag := strings.TrimPrefix(image[len(namePart(image)):], ":"); tag != "" {
		return tag
	}
	return "latest"
}

// QuestionAbout asks what an image string without a digest stands for, with the credentials of a pipeline.
func QuestionAbout(image, pipeline string) Question {
	return Question{Pipeline: pipeline, Repository: namePart(image), Reference: tagOf(image)}
}

// namePart cuts tag and digest off.
func namePart(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

// listable says whether an image string can stand in a list that spaces and equals signs separate.
var listable = regexp.MustCompile(`^[A-Za-z0-9._:/@+-]+$`).MatchString

// seenString is one image string of a repository, with everything that was seen of it.
type seenString struct {
	text string
	// repository that it names; a mirror, perhaps.
	repository string
	// digests that pods report, sorted, each once.
	digests []string
	// where it was seen first.
	where string
	// wanted says that a template names it: it has to be known, else the workload could not start again.
	wanted bool
	// leads says that a template names it whose workload is not to be left alone: it decides the pin.
	leads bool
}

// stringsOf returns the image strings that are meant, sorted.
func stringsOf(sightings []Sighting, meant func(image string) bool) []seenString {
	found := map[string]*seenString{}
	var texts []string
	for _, s := range sightings {
		if !meant(s.Image) || !listable(s.Image) {
			continue
		}
		seen := found[s.Image]
		if seen == nil {
			seen = &seenString{text: s.Image, repository: Repository(s.Image), where: s.Where}
			found[s.Image] = seen
			texts = append(texts, s.Image)
		}
		if s.Digest != "" {
			seen.digests = append(seen.digests, s.Digest)
		}
		if s.Source == SourceTemplate {
			if !seen.wanted {
				seen.where = s.Where
			}
			seen.wanted = true
			seen.leads = seen.leads || !s.Ignored
		}
	}
	slices.Sort(texts)
	all := make([]seenString, 0, len(texts))
	for _, text := range texts {
		seen := *found[text]
		slices.Sort(seen.digests)
		seen.digests = slices.Compact(seen.digests)
		all = append(all, seen)
	}
	return all
}
