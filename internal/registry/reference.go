package registry

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// The forms of the OCI distribution specification. They are checked here, because what they let through becomes part
// of the path of a request.
var (
	tagForm    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestForm = regexp.MustCompile(`^sha256:[a-f0-9]{64}$`)
	pathForm   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// parse makes a reference that go-containerregistry understands, and that may use plain HTTP only if its host is named.
func (r *Resolver) parse(repository, reference string) (name.Reference, error) {
	repo, err := name.NewRepository(lowerHost(repository), name.WeakValidation)
	if err != nil || !pathForm.MatchString(repo.RepositoryStr()) {
		return nil, notAName(repository, "repository", repository)
	}
	if r.insecure[repo.RegistryStr()] {
		if repo, err = name.NewRepository(repo.Name(), name.Insecure); err != nil {
			return nil, notAName(repository, "repository", repository)
		}
	}
	if digestForm.MatchString(reference) {
		return repo.Digest(reference), nil
	}
	return repo.Tag(reference), nil
}

// lowerHost writes what stands before the first slash in lower case: names of hosts have no case.
func lowerHost(repository string) string {
	host, path, found := strings.Cut(repository, "/")
	if !found {
		return repository
	}
	return strings.ToLower(host) + "/" + path
}

// hostSet checks and canonicalises names of hosts.
func hostSet(hosts []string) (map[string]bool, error) {
	set := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		host := strings.ToLower(strings.TrimSpace(h))
		if u, err := url.Parse("http://" + host); err != nil || host == "" || u.Host != host || u.Hostname() == "" {
			return nil, fmt.Errorf("insecure registry %q is not a host: write host or host:port, without scheme and path", h)
		}
		set[host] = true
	}
	return set, nil
}
