package delivery

import "strings"

// Repository returns what an image string names without tag and digest. Nothing is expanded, not even docker.io:
// repositories are compared as text, as the admission policies do, which know no defaults either.
func Repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	slash := strings.LastIndex(name, "/")
	if colon := strings.LastIndex(name, ":"); colon > slash {
		return name[:colon]
	}
	return name
}

// Digest returns the digest of an image string; empty where it has none.
func Digest(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}

// running returns what a container runs: the digest that its spec asks for, which for an image of several platforms is
// the one of the index, else the one that the kubelet reports, else the repository alone. The repository is always that
// of the spec: the kubelet names any repository under which the node has the same content.
func running(image, imageID string) string {
	repository, digest := Repository(image), Digest(image)
	if digest == "" {
		// A bare "sha256:..." is the id of the image's configuration, which no registry knows.
		digest = Digest(imageID)
	}
	if digest == "" {
		return repository
	}
	return repository + "@" + digest
}
