package delivery

import "testing"

func TestRepository(t *testing.T) {
	for _, c := range []struct{ reason, image, repository, digest string }{
		{"a tag goes", "registry.example.com/shop/api:v1", "registry.example.com/shop/api", ""},
		{"a port is no tag", "registry.example.com:5000/shop/api", "registry.example.com:5000/shop/api", ""},
		{"a port stays where a tag goes", "registry.example.com:5000/shop/api:v1", "registry.example.com:5000/shop/api", ""},
		{"a digest goes", api + "@" + digestA, api, digestA},
		{"tag and digest both go", api + ":v1@" + digestA, api, digestA},
		{"nothing is expanded: policies compare text", "nginx", "nginx", ""},
		{"nothing is expanded, with a tag either", "library/nginx:1", "library/nginx", ""},
		{"docker.io stays where it is written", "docker.io/library/nginx:1", "docker.io/library/nginx", ""},
		{"an address in brackets is a host", "[::1]:5000/api:v1", "[::1]:5000/api", ""},
		{"an alias is another repository", "registry.example.com:443/shop/api:v1", "registry.example.com:443/shop/api", ""},
		{"upper case is another repository", "Registry.example.com/shop/api", "Registry.example.com/shop/api", ""},
		{"nothing is nothing", "", "", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if got := Repository(c.image); got != c.repository {
				t.Errorf("Repository(%q) = %q, want %q", c.image, got, c.repository)
			}
			if got := Digest(c.image); got != c.digest {
				t.Errorf("Digest(%q) = %q, want %q", c.image, got, c.digest)
			}
		})
	}
}

func TestRunning(t *testing.T) {
	for _, c := range []struct{ reason, image, imageID, want string }{
		{"scenario 14: the spec's digest is the index's, the kubelet's may be a platform's", api + "@" + digestA, api + "@" + digestB, api + "@" + digestA},
		{"the tag beside a digest says nothing", api + ":v1@" + digestA, "", api + "@" + digestA},
		{"a tag is what the kubelet says", api + ":v1", api + "@" + digestB, api + "@" + digestB},
		{"some kubelets write how it was pulled", api + ":v1", "docker-pullable://" + api + "@" + digestB, api + "@" + digestB},
		{"the id of a configuration is no digest of a registry", api + ":v1", digestB, api},
		{"nor is one with a scheme", api + ":v1", "docker://" + digestB, api},
		{"a container that has not started", api + ":v1", "", api},
		{"the node has the content under another name too", api + ":v1", "mirror.example.com/copy@" + digestB, api + "@" + digestB},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if got := running(c.image, c.imageID); got != c.want {
				t.Errorf("running(%q, %q) = %q, want %q", c.image, c.imageID, got, c.want)
			}
		})
	}
}
