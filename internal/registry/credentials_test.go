package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
)

// users that would be tried for a repository, in turn; "" is the anonymous one.
func users(t *testing.T, c Credentials, repository string) []string {
	t.Helper()
	repo, err := name.NewRepository(repository)
	must(t, err)
	var list []string
	for _, id := range c.lookup(repo) {
		list = append(list, id.auth.Username)
	}
	return list
}

func TestCredentialsMatchAsTheKubeletDoes(t *testing.T) {
	anonymous := []string{""}
	cases := []struct {
		name, reason, server, repository string
		matches                          bool
	}{
		{"host", "the plain case", "registry.example.com", "registry.example.com/shop/api", true},
		{"scheme", "a scheme is dropped", "https://registry.example.com", "registry.example.com/shop/api", true},
		{"API version", "Docker's API versions are no path", "https://registry.example.com/v2/", "registry.example.com/shop/api", true},
		{"path", "a prefix of the path", "registry.example.com/shop", "registry.example.com/shop/api", true},
		{"path as text", "the kubelet compares text, not segments", "registry.example.com/sho", "registry.example.com/shop/api", true},
		{"exact path", "the whole path", "registry.example.com/shop/api", "registry.example.com/shop/api", true},
		{"other path", "another team's", "registry.example.com/bank", "registry.example.com/shop/api", false},
		{"longer path", "a deeper one", "registry.example.com/shop/api/x", "registry.example.com/shop/api", false},
		{"other host", "another host", "evil.example.com", "registry.example.com/shop/api", false},
		{"suffix", "a host that ends in the same letters", "example.com", "registry.example.com/shop/api", false},
		{"beginning", "a host that begins with the same labels", "registry.example", "registry.example.com/shop/api", false},
		{"port", "the same port", "registry.example.com:5000", "registry.example.com:5000/shop/api", true},
		{"port missing", "another server on the same host", "registry.example.com", "registry.example.com:5000/shop/api", false},
		{"port too many", "another server on the same host", "registry.example.com:5000", "registry.example.com/shop/api", false},
		{"wildcard", "* stands for one label", "*.example.com", "registry.example.com/shop/api", true},
		{"wildcard in part", "or a part of one", "reg*.example.com", "registry.example.com/shop/api", true},
		{"wildcard of two labels", "but not for two", "*.com", "registry.example.com/shop/api", false},
		{"wildcard malformed", "matches nothing", "[a.example.com", "registry.example.com/shop/api", false},
		{"IPv6", "addresses work", "[::1]:5000", "[::1]:5000/shop/api", true},
		{"upper case", "names of hosts have no case", "Registry.Example.com", "registry.example.com/shop/api", true},
		{"Docker Hub", "the name that Docker writes", "https://index.docker.io/v1/", "docker.io/shop/api", true},
		{"Docker Hub, short", "the implied registry and its implied namespace", "https://index.docker.io/v1/", "nginx", true},
		{"Docker Hub, by its name", "what people write", "docker.io/library", "nginx", true},
		{"not Docker Hub", "nobody else's credentials go there", "registry.example.com", "nginx", false},
		{"Docker Hub elsewhere", "and nowhere else", "https://index.docker.io/v1/", "registry.example.com/shop/api", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := anonymous
			if c.matches {
				want = []string{"dev"}
			}
			creds := credentials(t, makeSecret("pull").For(c.server, "dev", "pw").Obj())
			if got := users(t, creds, c.repository); !slices.Equal(got, want) {
				t.Errorf("%s: want %q, got %q", c.reason, want, got)
			}
		})
	}
}

func TestCredentialsOrder(t *testing.T) {
	creds := credentials(t,
		makeSecret("first").For("*.example.com", "wild", "x").For("registry.example.com", "host1", "x").Obj(),
		makeSecret("second").For("registry.example.com/shop", "path", "x").For("https://registry.example.com/v2/", "host2", "x").Obj(),
		makeSecret("third").For("registry.example.com/shop/api", "exact", "x").For("registry.example.com/bank", "bank", "x").Obj(),
	)
	want := []string{"exact", "path", "host1", "host2", "wild"}
	if got := users(t, creds, "registry.example.com/shop/api"); !slices.Equal(got, want) {
		t.Errorf("the longest match first, of equals the Secret listed first, wildcards last: want %q, got %q", want, got)
	}
	if got := users(t, Credentials{}, "registry.example.com/shop/api"); !slices.Equal(got, []string{""}) {
		t.Errorf("the zero value is anonymous, got %q", got)
	}
}

func TestCredentialsFromSecrets(t *testing.T) {
	const (
		server = "registry.example.com"
		auth   = "ZGV2Omh1bnRlcjI6eA==" // dev:hunter2:x
	)
	cases := []struct {
		name, reason, content string
		kind                  corev1.SecretType
		password, failure     string
	}{
		{"auth", "user and password in base64; the password may hold a colon", `{"auths":{"` + server + `":{"auth":"` + auth + `"}}}`, corev1.SecretTypeDockerConfigJson, "hunter2:x", ""},
		{"auth unpadded", "some tools drop the padding", `{"auths":{"` + server + `":{"auth":"` + strings.TrimRight(auth, "=") + `"}}}`, corev1.SecretTypeDockerConfigJson, "hunter2:x", ""},
		{"fields", "user and password apart", `{"auths":{"` + server + `":{"username":"dev","password":"hunter2"}}}`, corev1.SecretTypeDockerConfigJson, "hunter2", ""},
		{"auth wins", "as with the kubelet", `{"auths":{"` + server + `":{"username":"x","password":"y","auth":"` + auth + `"}}}`, corev1.SecretTypeDockerConfigJson, "hunter2:x", ""},
		{"dockercfg", "the old form has no auths", `{"` + server + `":{"auth":"` + auth + `"}}`, corev1.SecretTypeDockercfg, "hunter2:x", ""},
		{"other type", "passed over, as the kubelet does", `{"auths":{"` + server + `":{"auth":"` + auth + `"}}}`, corev1.SecretTypeOpaque, "", ""},
		{"empty", "nothing in it", ``, corev1.SecretTypeDockerConfigJson, "", ""},
		{"no login", "an entry for a credential helper", `{"auths":{"` + server + `":{}}}`, corev1.SecretTypeDockerConfigJson, "", ""},
		{"bad server", "an entry that is for nobody", `{"auths":{"https://%zz":{"auth":"` + auth + `"}}}`, corev1.SecretTypeDockerConfigJson, "", ""},
		{"no JSON", "named, not quoted", `hunter2`, corev1.SecretTypeDockerConfigJson, "", "shop/pull"},
		{"no JSON, old form", "named, not quoted", `hunter2`, corev1.SecretTypeDockercfg, "", "shop/pull"},
		{"auth no base64", "named, not quoted", `{"auths":{"` + server + `":{"auth":"hunter2!"}}}`, corev1.SecretTypeDockerConfigJson, "", "shop/pull"},
		{"auth no colon", "named, not quoted", `{"auths":{"` + server + `":{"auth":"aHVudGVyMg=="}}}`, corev1.SecretTypeDockerConfigJson, "", "shop/pull"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			other := makeSecret("other").For("other.example.com", "other", "pw").Obj()
			creds, err := CredentialsFromSecrets([]corev1.Secret{dockerSecret("pull", c.kind, c.content), other})
			if (err != nil) != (c.failure != "") {
				t.Fatalf("%s: got %v", c.reason, err)
			}
			if err != nil {
				contains(t, err.Error(), c.failure)
				noSecrets(t, err.Error(), "hunter2", "aHVudGVyMg")
			}
			if got := password(t, creds, server+"/shop/api"); got != c.password {
				t.Errorf("%s: want password %q, got %q", c.reason, c.password, got)
			}
			if got := password(t, creds, "other.example.com/shop/api"); got != "pw" {
				t.Errorf("one Secret must not take the others with it, got password %q", got)
			}
		})
	}
}

func password(t *testing.T, c Credentials, repository string) string {
	t.Helper()
	repo, err := name.NewRepository(repository)
	must(t, err)
	return c.lookup(repo)[0].auth.Password
}

func TestCredentialsDoNotPrint(t *testing.T) {
	creds := credentials(t, makeSecret("pull").For("registry.example.com", "dev", "hunter2").Obj())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		noSecrets(t, fmt.Sprintf(verb, creds), "hunter2", "dev")
	}
}
