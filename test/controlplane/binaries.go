package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-dev/sluice/hack/cluster/versions"
)

// binDirVariable names one directory that holds all binaries, instead of the cache.
const binDirVariable = "SLUICE_BIN_DIR"

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kwok              = "kwok"
)

// findBinaries returns the path of each binary, or an error that names all that are missing.
func findBinaries(names ...string) (map[string]string, error) {
	paths := make(map[string]string, len(names))
	var missing []string
	for _, name := range names {
		path, err := binaryPath(name)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, path)
		}
		paths[name] = path
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no such program: %s; run `make binaries`, or set %s to a directory that holds them",
			strings.Join(missing, ", "), binDirVariable)
	}
	return paths, nil
}

// binaryPath follows the layout of hack/cluster/binaries.sh: one directory for each version of each
// project, so that a checkout of an older release finds its own binaries.
func binaryPath(name string) (string, error) {
	if dir := os.Getenv(binDirVariable); dir != "" {
		return filepath.Join(dir, name), nil
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the cache of binaries: %w; set XDG_CACHE_HOME or %s", err, binDirVariable)
		}
		cache = filepath.Join(home, ".cache")
	}
	project := "kubernetes-" + versions.Kubernetes()
	switch name {
	case etcd:
		project = "etcd-" + versions.Etcd()
	case kwok:
		project = "kwok-" + versions.Kwok()
	}
	return filepath.Join(cache, "sluice", project, "bin", name), nil
}
