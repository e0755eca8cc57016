package versions_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/hack/cluster/versions"
)

// The modules that binaries are built from must give the versions that the cache is keyed by.
func TestModulesPinTheSameVersions(t *testing.T) {
	tests := []struct{ file, module, version string }{
		{"kubernetes", "k8s.io/kubernetes", versions.Kubernetes()},
		{"kubernetes", "go.etcd.io/etcd/server/v3", versions.Etcd()},
		{"kubernetes", "sigs.k8s.io/kwok", versions.Kwok()},
		{"coredns", "github.com/coredns/coredns", versions.CoreDNS()},
		{"containerd", "github.com/containerd/containerd/v2", versions.Containerd()},
		{"kind", "sigs.k8s.io/kind", versions.Kind()},
	}
	for _, test := range tests {
		t.Run(test.module, func(t *testing.T) {
			data, err := os.ReadFile("../" + test.file + "/go.mod")
			if err != nil {
				t.Fatal(err)
			}
			if test.version == "" || !strings.Contains(string(data), test.module+" "+test.version) {
				t.Errorf("versions.env says %q of %s, and hack/cluster/%s/go.mod does not", test.version, test.module, test.file)
			}
		})
	}
}
