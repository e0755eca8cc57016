package cluster_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// cgroups runs commands of node/cgroups.sh upon a directory that looks like a cgroup file system: whichever
// version this machine has, both are tested, though not what the kernel makes of it.
func cgroups(t *testing.T, files map[string]string, commands string) (root, output string, code int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there are no cgroups")
	}
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	test := filepath.Join(t.TempDir(), "test.sh")
	text := "set -euo pipefail\nsource " + here + "/lib.sh\nsource " + here + "/node/cgroups.sh\ncgroup_root=" + root + "\n" + commands + "\n"
	if err := os.WriteFile(test, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	output, code = script(t, nil, test)
	return root, output, code
}

func TestCgroupsV1(t *testing.T) {
	files := map[string]string{"cpuset/cpuset.cpus": "0-1\n", "cpuset/cpuset.mems": "0\n"}
	for _, controller := range []string{"cpu", "memory", "pids", "devices", "freezer"} {
		files[controller+"/tasks"] = ""
	}
	root, out, code := cgroups(t, files, "make_cgroups_v1 sluice-1")
	want(t, out, code, 0)
	cpus, err := os.ReadFile(filepath.Join(root, "cpuset", "sluice-1", "cpuset.cpus"))
	if err != nil || string(cpus) != "0-1\n" {
		t.Errorf("the new cpuset has the CPUs %q, %v; want its parent's", cpus, err)
	}
	if _, err := os.Stat(filepath.Join(root, "memory", "sluice-1")); err != nil {
		t.Error(err)
	}
	delete(files, "pids/tasks")
	_, out, code = cgroups(t, files, "make_cgroups_v1 sluice-1")
	want(t, out, code, 1, "no cgroup controller pids", "mount -t cgroup -o pids")
}

func TestCgroupsV2(t *testing.T) {
	files := map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n", "cgroup.subtree_control": ""}
	root, out, code := cgroups(t, files, "make_cgroups_v2 sluice-1")
	want(t, out, code, 0)
	if _, err := os.Stat(filepath.Join(root, "sluice-1", "cgroup.subtree_control")); err != nil {
		t.Error(err)
	}
	files["cgroup.controllers"] = "cpu io memory\n"
	_, out, code = cgroups(t, files, "make_cgroups_v2 sluice-1")
	want(t, out, code, 1, "does not offer the cgroup controller cpuset", "--cgroupns=host")
}

func TestCgroupsAreRemovedWhole(t *testing.T) {
	// Directories of a real cgroup hold no files that would have to be removed first.
	root, out, code := cgroups(t, nil, "mkdir -p $cgroup_root/{cpu,memory}/sluice-1/pod/container $cgroup_root/cpu/other; remove_cgroups sluice-1")
	want(t, out, code, 0)
	left, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], "cpu/other") {
		t.Errorf("left: %v, %v; want the cgroups of others alone", left, err)
	}
}
