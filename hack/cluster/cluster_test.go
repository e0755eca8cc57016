package cluster_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/hack/cluster/versions"
)

// script runs one of the scripts with the environment of this test alone and returns what it says.
func script(t *testing.T, environment map[string]string, name string, args ...string) (output string, code int) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	command := exec.CommandContext(t.Context(), "bash", append([]string{name}, args...)...)
	command.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	for key, value := range environment {
		command.Env = append(command.Env, key+"="+value)
	}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

// want fails the test unless the script ended with code and said all of parts.
func want(t *testing.T, output string, got, code int, parts ...string) {
	t.Helper()
	if got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	for _, part := range parts {
		if !strings.Contains(output, part) {
			t.Errorf("%q is not in what was said", part)
		}
	}
	if t.Failed() {
		t.Logf("it said:\n%s", output)
	}
}

// standIns makes a directory with programs that stand in for real ones: each records its arguments in the
// file calls, and then runs body. It returns a PATH that has them first.
func standIns(t *testing.T, programs map[string]string) (path, calls string) {
	t.Helper()
	directory := t.TempDir()
	calls = filepath.Join(directory, "calls")
	for name, body := range programs {
		text := fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >>%s\n%s\n", name, calls, body)
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return directory + ":" + os.Getenv("PATH"), calls
}

func TestUpNamesTheKindsOfClusters(t *testing.T) {
	out, code := script(t, map[string]string{"CLUSTER": "minikube"}, "up.sh")
	want(t, out, code, 1, "CLUSTER=minikube is not known", "kind, node, kwok, existing")
}

func TestDownWithoutACluster(t *testing.T) {
	out, code := script(t, nil, "down.sh")
	want(t, out, code, 0, "nothing to end")
}

// nobody makes a script believe that it is not run by root, by running it as another user.
func nobody(t *testing.T, environment map[string]string, name string) (output string, code int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return script(t, environment, name)
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("this is root, and there is no setpriv to become somebody else")
	}
	// A copy: this checkout may be in a directory that only root can enter.
	directory, err := os.MkdirTemp("", "sluice-cluster-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	if err := os.CopyFS(directory, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(directory, "home")
	if err := errors.Join(os.Chmod(directory, 0o755), os.Mkdir(home, 0o700), os.Chown(home, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(directory, "as-nobody.sh")
	text := fmt.Sprintf("cd / && HOME=%s exec setpriv --reuid=65534 --regid=65534 --clear-groups bash %s\n", home, filepath.Join(directory, name))
	if err := os.WriteFile(wrapper, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return script(t, environment, wrapper)
}

func TestNodeNeedsRoot(t *testing.T) {
	out, code := nobody(t, map[string]string{"CLUSTER": "node"}, "up.sh")
	if runtime.GOOS != "linux" {
		want(t, out, code, 1, "needs Linux", "CLUSTER=kwok")
		return
	}
	want(t, out, code, 1, "needs root", "sudo -E", "CLUSTER=kwok")
}

func TestNothingCanBeStarted(t *testing.T) {
	path, _ := standIns(t, map[string]string{"docker": "exit 1"})
	out, code := nobody(t, map[string]string{"PATH": path}, "up.sh")
	want(t, out, code, 1, "no Docker engine answers", "CLUSTER=kwok make cluster", "CLUSTER=existing")
}

func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"API_PORT", "REGISTRY_PORT"} {
		t.Run(variable, func(t *testing.T) {
			// The other port is one that nothing can listen on, here or anywhere.
			environment := map[string]string{"CLUSTER": "kwok", "API_PORT": "1", "REGISTRY_PORT": "1", variable: port}
			out, code := script(t, environment, "up.sh")
			want(t, out, code, 1, "containers are simulated", "port "+port, "is taken", variable+"=")
		})
	}
	out, code := script(t, map[string]string{"CLUSTER": "kwok", "API_PORT": "many"}, "up.sh")
	want(t, out, code, 1, "API_PORT=many is not a port")
}

func TestDiskFull(t *testing.T) {
	path, _ := standIns(t, map[string]string{"df": `printf 'Filesystem\nx 1 1 3 1 /\n'`})
	out, code := script(t, map[string]string{"PATH": path, "CLUSTER": "kwok", "API_PORT": "1", "REGISTRY_PORT": "2"}, "up.sh")
	want(t, out, code, 1, "3 MB are free", "go clean -cache", "SLUICE_STATE")
}

func TestExistingClusterIsTooOld(t *testing.T) {
	kubectl := `case "$*" in
"config current-context") echo shop-cluster;;
"get --raw /version") echo '{"major": "1", "minor": "35+"}';;
esac`
	path, _ := standIns(t, map[string]string{"kubectl": kubectl})
	out, code := script(t, map[string]string{"PATH": path, "CLUSTER": "existing"}, "up.sh")
	want(t, out, code, 1, "'shop-cluster' runs Kubernetes 1.35", "needs 1.36")
}

func TestExistingCluster(t *testing.T) {
	kubectl := `case "$*" in
"config current-context") echo shop-cluster;;
"get --raw /version") echo '{"major": "1", "minor": "37"}';;
"config view"*) echo 'kind: Config';;
esac`
	path, calls := standIns(t, map[string]string{"kubectl": kubectl})
	state := filepath.Join(t.TempDir(), "state")
	environment := map[string]string{"PATH": path, "CLUSTER": "existing", "SLUICE_STATE": state}
	out, code := script(t, environment, "up.sh")
	want(t, out, code, 0, "'shop-cluster'")
	if !strings.HasSuffix(out, "KUBECONFIG="+state+"/kubeconfig\n") {
		t.Errorf("the last line must name the kubeconfig:\n%s", out)
	}
	out, code = script(t, environment, "up.sh")
	want(t, out, code, 0, "already up: existing")
	environment["CLUSTER"] = "kwok"
	out, code = script(t, environment, "up.sh")
	want(t, out, code, 1, "'existing' is up", "make down")
	out, code = script(t, environment, "down.sh")
	want(t, out, code, 0, "ended: existing")
	recorded, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"delete", "apply", "patch", "create"} {
		if strings.Contains(string(recorded), word) {
			t.Errorf("somebody's cluster was touched: %q in\n%s", word, recorded)
		}
	}
}

// No Docker engine is at hand here: this shows what docker and kind are asked to do, not that they do it.
func TestKindCommandLine(t *testing.T) {
	docker := `case "$1" in
inspect) echo true;;
exec) if [ "$2" = -i ]; then cat >>"$(dirname "$0")/hosts.toml"; fi;;
esac`
	kind := `case "$*" in
"get nodes"*) echo some-control-plane;;
"create cluster"*) cp "$8" "$(dirname "$0")/kind.yaml";;
esac`
	path, calls := standIns(t, map[string]string{"docker": docker, "kind": kind})
	state := filepath.Join(t.TempDir(), "state")
	environment := map[string]string{"PATH": path, "SLUICE_STATE": state, "API_PORT": "7001", "REGISTRY_PORT": "7002"}
	out, code := script(t, environment, "up.sh") // kind is chosen, since "docker" answers
	want(t, out, code, 0, "KUBECONFIG="+state+"/kubeconfig")
	out, code = script(t, environment, "up.sh")
	want(t, out, code, 0, "already up: kind")
	out, code = script(t, environment, "down.sh")
	want(t, out, code, 0, "ended: kind")
	if _, err := os.Stat(state); err == nil {
		t.Error("down.sh left the state directory")
	}

	directory := filepath.Dir(calls)
	wantInOrder(t, calls, "kind create cluster --name sluice-", "--image kindest/node:v1.3", "--kubeconfig "+state+"/kubeconfig",
		"docker run --detach", "--publish 127.0.0.1:7002:5000", "docker network connect --alias registry.sluice.test kind sluice-",
		"docker exec some-control-plane mkdir -p /etc/containerd/certs.d/registry.sluice.test:5000",
		"docker exec -i some-control-plane cp /dev/stdin /etc/containerd/certs.d/registry.sluice.test:5000/hosts.toml",
		"kind delete cluster --name sluice-", "docker rm --force --volumes sluice-")
	wantInOrder(t, filepath.Join(directory, "kind.yaml"), "apiServerPort: 7001", state+"/audit", "audit-policy-file")
	wantInOrder(t, filepath.Join(directory, "hosts.toml"), `[host."http://registry.sluice.test:5000"]`)
}

func wantInOrder(t *testing.T, file string, parts ...string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(data)
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is not, or not in its place, in %s:\n%s", part, file, data)
		}
		rest = after
	}
}

// mirror serves releases as dl.k8s.io and GitHub do.
func mirror(t *testing.T, files map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for suffix, content := range files {
			if strings.HasSuffix(r.URL.Path, suffix) {
				_, _ = w.Write([]byte(content))
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func sum(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

func TestDownload(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the names of the releases differ")
	}
	archive := "etcd-" + versions.Etcd() + "-linux-" + runtime.GOARCH
	etcd := archived(t, archive+"/etcd", "the server")
	url := mirror(t, map[string]string{
		"/kubectl":                "the client",
		"/kubectl.sha256":         sum("the client"),
		"/" + archive + ".tar.gz": etcd,
		"/SHA256SUMS":             sum("x") + "  other.zip\n" + sum(etcd) + "  " + archive + ".tar.gz\n",
	})
	cache := t.TempDir()
	environment := map[string]string{"XDG_CACHE_HOME": cache, "KUBERNETES_MIRROR": url, "GITHUB_MIRROR": url, "BINARIES_FROM": "download"}
	out, code := script(t, environment, "binaries.sh", "kubectl", "etcd")
	want(t, out, code, 0, "kubectl: downloading "+url, "etcd: downloading")
	for path, content := range map[string]string{
		"kubernetes-" + versions.Kubernetes() + "/bin/kubectl": "the client",
		"etcd-" + versions.Etcd() + "/bin/etcd":                "the server",
	} {
		got, err := os.ReadFile(filepath.Join(cache, "sluice", path))
		if err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
		}
	}
	out, code = script(t, environment, "binaries.sh", "kubectl")
	want(t, out, code, 0, "kubectl: in the cache")
	out, code = script(t, environment, "binaries.sh", "kubelet")
	want(t, out, code, 1, "kubelet cannot be downloaded", "BINARIES_FROM=build")
}

func archived(t *testing.T, name, content string) string {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(zipped)
	err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
	_, wrote := writer.Write([]byte(content))
	if err := errors.Join(err, wrote, writer.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.String()
}

func TestDownloadIsNotWhatWasPublished(t *testing.T) {
	url := mirror(t, map[string]string{"/kubectl": "something else", "/kubectl.sha256": sum("the client")})
	cache := t.TempDir()
	out, code := script(t, map[string]string{"XDG_CACHE_HOME": cache, "KUBERNETES_MIRROR": url}, "binaries.sh", "kubectl")
	want(t, out, code, 1, "the checksum of "+url, sum("something else"), sum("the client"), "BINARIES_FROM=build")
	if _, err := os.Stat(filepath.Join(cache, "sluice", "kubernetes-"+versions.Kubernetes(), "bin", "kubectl")); err == nil {
		t.Error("a file with a wrong checksum got into the cache")
	}
}

func TestBuildFails(t *testing.T) {
	tests := []struct{ reason, says, want string }{
		{"the disk fills up", "write: no space left on device", "the disk filled up"},
		{"the compiler fails", "cannot find module", "building kwok failed"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			path, _ := standIns(t, map[string]string{"go": "echo " + test.says + "; exit 1"})
			cache := t.TempDir()
			environment := map[string]string{"XDG_CACHE_HOME": cache, "PATH": path, "BINARIES_FROM": "build"}
			out, code := script(t, environment, "binaries.sh", "kwok")
			want(t, out, code, 1, "building from its Go module", test.says, test.want)
			left, err := filepath.Glob(filepath.Join(cache, "sluice", "*", "bin", "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("what is left in the cache: %v, %v", left, err)
			}
		})
	}
}

func TestUnknownBinary(t *testing.T) {
	out, code := script(t, nil, "binaries.sh", "kube-nothing", "minikube")
	want(t, out, code, 1, "no binary is called 'minikube'")
	out, code = script(t, map[string]string{"SLUICE_BIN_DIR": "/nonexistent"}, "binaries.sh", "etcd")
	want(t, out, code, 1, "/nonexistent/etcd is missing", "unset SLUICE_BIN_DIR")
}
