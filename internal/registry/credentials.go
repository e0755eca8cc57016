package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
)

// dockerHub is where go-containerregistry sends requests for docker.io, and the name that Docker writes into configs.
const dockerHub = name.DefaultRegistry

// Credentials for registries. The zero value has none, and asks anonymously. They never print.
type Credentials struct {
	// identities, the most specific first.
	identities []identity
}

// identity is one entry of a pull secret.
type identity struct {
	// host (with wildcards, perhaps a port) and path that it is for.
	host, path string
	// source is the Secret that it comes from, as namespace/name.
	source string
	auth   authn.AuthConfig
}

// String says how many there are, and keeps %v from printing them.
func (c Credentials) String() string {
	return fmt.Sprintf("%d registry credentials", len(c.identities))
}

// GoString keeps %#v from printing them.
func (c Credentials) GoString() string { return c.String() }

func (i identity) anonymous() bool { return i.source == "" }

func (i identity) authenticator() authn.Authenticator {
	if i.anonymous() {
		return authn.Anonymous
	}
	return authn.FromConfig(i.auth)
}

// CredentialsFromSecrets reads Secrets of the types kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg, and
// passes over others, as the kubelet does. A Secret that cannot be read does not take the others with it: the
// Credentials hold all that could be read even where there is an error, which names the Secret and none of its content.
func CredentialsFromSecrets(secrets []corev1.Secret) (Credentials, error) {
	var (
		c    Credentials
		errs []error
	)
	for i := range secrets {
		s := &secrets[i]
		source := s.Namespace + "/" + s.Name
		entries, err := entriesOf(s)
		if err == nil {
			var ids []identity
			if ids, err = identitiesOf(entries, source); err == nil {
				c.identities = append(c.identities, ids...)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pull secret %s cannot be used: %w", source, err))
		}
	}
	// The kubelet's order: descending, so that a longer path comes before a shorter one, and a name before a wildcard;
	// of equals, the Secret that was listed first.
	slices.SortStableFunc(c.identities, func(a, b identity) int { return strings.Compare(b.host+b.path, a.host+a.path) })
	return c, errors.Join(errs...)
}

// dockerEntry is one registry in a Docker config.
type dockerEntry struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Auth     string `json:"auth"`
}

// entriesOf reads the Docker config of a Secret. The errors of the JSON package are dropped, because they may quote it.
func entriesOf(s *corev1.Secret) (map[string]dockerEntry, error) {
	switch s.Type {
	case corev1.SecretTypeDockerConfigJson:
		var config struct {
			Auths map[string]dockerEntry `json:"auths"`
		}
		if data := s.Data[corev1.DockerConfigJsonKey]; len(data) > 0 && json.Unmarshal(data, &config) != nil {
			return nil, fmt.Errorf("key %s is not a Docker config in JSON", corev1.DockerConfigJsonKey)
		}
		return config.Auths, nil
	case corev1.SecretTypeDockercfg:
		var entries map[string]dockerEntry
		if data := s.Data[corev1.DockerConfigKey]; len(data) > 0 && json.Unmarshal(data, &entries) != nil {
			return nil, fmt.Errorf("key %s is not a Docker config in JSON", corev1.DockerConfigKey)
		}
		return entries, nil
	default:
		return nil, nil
	}
}

func identitiesOf(entries map[string]dockerEntry, source string) ([]identity, error) {
	var ids []identity
	for _, server := range sortedKeys(entries) {
		host, prefix, ok := serverKey(server)
		if !ok {
			continue
		}
		user, password, err := entries[server].login()
		if err != nil {
			return nil, fmt.Errorf("the entry for %s: %w", host, err)
		}
		if user == "" && password == "" {
			continue
		}
		ids = append(ids, identity{host: host, path: prefix, source: source, auth: authn.AuthConfig{
			Username: user, Password: password,
			Auth: base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
		}})
	}
	return ids, nil
}

func sortedKeys(entries map[string]dockerEntry) []string {
	keys := make([]string, 0, len(entries))
	for k := range entries {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// login returns user and password; the field auth, if there is one, wins over the two others.
func (e dockerEntry) login() (user, password string, err error) {
	if e.Auth == "" {
		return e.Username, e.Password, nil
	}
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(e.Auth), "="))
	user, password, found := strings.Cut(string(text), ":")
	if err != nil || !found {
		return "", "", errors.New("auth is not user:password in base64")
	}
	return user, password, nil
}

// serverKey takes the key of an entry apart: scheme or none, host, path. Docker's API versions count as no path.
func serverKey(server string) (host, prefix string, ok bool) {
	if !strings.HasPrefix(server, "https://") && !strings.HasPrefix(server, "http://") {
		server = "https://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", "", false
	}
	prefix = u.Path
	if strings.HasPrefix(prefix, "/v1/") || strings.HasPrefix(prefix, "/v2/") {
		prefix = prefix[len("/v1"):]
	}
	if prefix == "/" {
		prefix = ""
	}
	return strings.ToLower(u.Host), prefix, true
}

// lookup returns the identities to try in turn for a repository, which is one anonymous one if none matches.
func (c Credentials) lookup(repo name.Repository) []identity {
	host := repo.RegistryStr()
	if host == dockerHub {
		host = "docker.io"
	}
	found := c.filter(func(i identity) bool { return i.matches(host, "/"+repo.RepositoryStr()) })
	if len(found) == 0 && repo.RegistryStr() == dockerHub {
		found = c.filter(func(i identity) bool { return i.host == dockerHub && i.path == "" })
	}
	if len(found) == 0 {
		return []identity{{}}
	}
	return found
}

func (c Credentials) filter(keep func(identity) bool) []identity {
	var kept []identity
	for _, i := range c.identities {
		if keep(i) {
			kept = append(kept, i)
		}
	}
	return kept
}

// matches says whether the entry is for this repository: the same port, as many labels in the host, each of which
// matches (* within a label), and a path that begins as the entry's.
func (i identity) matches(host, repositoryPath string) bool {
	wanted, given := url.URL{Host: i.host}, url.URL{Host: host}
	if wanted.Port() != given.Port() || !strings.HasPrefix(repositoryPath, i.path) {
		return false
	}
	patterns, labels := strings.Split(wanted.Hostname(), "."), strings.Split(given.Hostname(), ".")
	if len(patterns) != len(labels) {
		return false
	}
	for n, pattern := range patterns {
		if ok, err := path.Match(pattern, labels[n]); err != nil || !ok {
			return false
		}
	}
	return true
}
