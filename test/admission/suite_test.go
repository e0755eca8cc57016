// Package admission_test shows, on a real API server, what each policy of config/admission refuses and what it lets
// through, that the schemas refuse bad input in words that help, and that config/ installs as documented.
package admission_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/hack/cluster/versions"
	"github.com/sluice-dev/sluice/test/controlplane"
)

// patience bounds every wait: policies, parameters and Namespaces take effect some milliseconds late, the kind of a
// parameter up to 30 s after a restart of the API server.
const patience = time.Minute

var (
	scheme = runtime.NewScheme()
	plane  *controlplane.ControlPlane
	mapper meta.RESTMapper
	admin  *actor
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // the clients log nothing that a failure would not say
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/admission:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts a control plane, installs Sluice's CRDs, roles and policies as a user would, and runs the tests.
func run(m *testing.M) (code int, err error) {
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	if plane, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if err := install(ctx, plane.Kubeconfig); err != nil {
		return 1, err
	}
	httpClient, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		return 1, err
	}
	if mapper, err = apiutil.NewDynamicRESTMapper(plane.Config, httpClient); err != nil {
		return 1, err
	}
	admin = newActor(rest.ImpersonationConfig{})
	if err := grantEverythingButVerbs(ctx); err != nil {
		return 1, err
	}
	if err := awaitPolicies(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// install does what config/default/kustomization.yaml tells a user to do.
func install(ctx context.Context, kubeconfig string) error {
	return installFolders(ctx, kubeconfig, "crd", "default")
}

// installFolders applies folders of config/ in order; the CRDs are established before what comes after them.
func installFolders(ctx context.Context, kubeconfig string, folders ...string) error {
	for _, folder := range folders {
		if _, err := kubectl(ctx, kubeconfig, "apply", "-k", config(folder)); err != nil {
			return err
		}
		if folder != "crd" {
			continue
		}
		if _, err := kubectl(ctx, kubeconfig, "wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", "app.kubernetes.io/part-of=sluice"); err != nil {
			return err
		}
	}
	return nil
}

// config returns the path of a folder or file of config/.
func config(path ...string) string {
	return filepath.Join(append([]string{"..", "..", "config"}, path...)...)
}

// kubectl runs the kubectl of the cluster's version, and returns what it printed.
func kubectl(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	binary, err := kubectlPath()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, binary, append([]string{"--kubeconfig", kubeconfig}, args...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("kubectl %v: %w\n%s", args, err, output)
	}
	return string(output), nil
}

// kubectlPath finds kubectl where test/controlplane finds the other binaries.
func kubectlPath() (string, error) {
	path := filepath.Join(os.Getenv("SLUICE_BIN_DIR"), "kubectl")
	if os.Getenv("SLUICE_BIN_DIR") == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(cache, "sluice", "kubernetes-"+versions.Kubernetes(), "bin", "kubectl")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w; run `make binaries`, or set SLUICE_BIN_DIR to a directory that holds it", err)
	}
	return path, nil
}

// until polls check until it returns nil, and returns its last error where that never happens.
func until(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", patience, err)
		case <-tick.C:
		}
	}
}

// eventually fails the test unless check returns nil in time.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	if err := until(t.Context(), check); err != nil {
		t.Fatal(err)
	}
}

// gone is nil once the object is not there any more.
func gone(ctx context.Context, object client.Object) error {
	err := admin.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%T %s is still there", object, client.ObjectKeyFromObject(object))
	}
	return err
}
