// Package integration_test runs the operator against a real API server, a real controller manager and simulated nodes:
// what schema, policies, roles and controllers do together.
package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	gcr "github.com/google/go-containerregistry/pkg/registry"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/hack/cluster/versions"
	"github.com/sluice-dev/sluice/internal/clock"
	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/internal/registry"
	"github.com/sluice-dev/sluice/test/controlplane"
)

// patience bounds every wait of these tests; none of them measures time.
const patience = time.Minute

const operatorName = "system:serviceaccount:sluice-system:sluice"

var (
	plane *controlplane.ControlPlane
	// images is a registry on loopback that tests push to.
	images *httptest.Server
	// operatorFailed holds what ended the operator, if it ended.
	operatorFailed = make(chan error, 1)
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/integration:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	log.SetLogger(logr.Discard())
	if os.Getenv("SLUICE_TEST_LOG") != "" {
		log.SetLogger(zap.New(zap.UseDevMode(true)))
	}
	images = httptest.NewServer(gcr.New(gcr.Logger(stdlog.New(io.Discard, "", 0))))
	defer images.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started, stop := context.WithTimeout(ctx, 2*patience)
	defer stop()
	if plane, err = controlplane.Start(started, controlplane.Options{Nodes: 1}); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	for _, args := range [][]string{
		{"apply", "-k", filepath.Join("..", "..", "config", "crd")},
		{"wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", "app.kubernetes.io/part-of=sluice"},
		{"apply", "-k", filepath.Join("..", "..", "config", "default")},
		// The operator of these tests runs in the test's own process, under the ServiceAccount's name.
		{"scale", "deployment", "sluice", "-n", "sluice-system", "--replicas=0"},
	} {
		if err := kubectl(started, args...); err != nil {
			return 1, err
		}
	}
	if err := startOperator(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// operatorConfig is that of the operator's pod: its ServiceAccount's name, and a token bound to the pod.
func operatorConfig() *rest.Config {
	config := rest.CopyConfig(plane.Config)
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{
		UserName: operatorName,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:sluice-system", "system:authenticated"},
		Extra:    map[string][]string{"authentication.kubernetes.io/pod-name": {"sluice-0"}},
	}
	return config
}

func startOperator(ctx context.Context) error {
	options := sluice.ManagerOptions()
	options.Metrics.BindAddress, options.HealthProbeBindAddress = "0", "0"
	manager, err := ctrl.NewManager(operatorConfig(), options)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	resolver, err := registry.New(registry.Options{InsecureHosts: []string{registryHost()}})
	if err != nil {
		return err
	}
	setup := sluice.Setup{
		Operator: types.NamespacedName{Namespace: "sluice-system", Name: "sluice"},
		Registry: resolver, Clock: clock.Real{},
		Options: func() controller.Options {
			return controller.Options{
				MaxConcurrentReconciles: 4,
				RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](20*time.Millisecond, 2*time.Second),
			}
		},
	}
	if err := setup.WithManager(ctx, manager); err != nil {
		return err
	}
	go func() { operatorFailed <- manager.Start(ctx) }()
	return nil
}

func registryHost() string { return strings.TrimPrefix(images.URL, "http://") }

// kubectl runs the kubectl of the cluster's version.
func kubectl(ctx context.Context, args ...string) error {
	binary := filepath.Join(os.Getenv("SLUICE_BIN_DIR"), "kubectl")
	if os.Getenv("SLUICE_BIN_DIR") == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		binary = filepath.Join(cache, "sluice", "kubernetes-"+versions.Kubernetes(), "bin", "kubectl")
	}
	command := exec.CommandContext(ctx, binary, append([]string{"--kubeconfig", plane.Kubeconfig}, args...)...) //nolint:gosec // the tests' own arguments
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %v: %w\n%s", args, err, output)
	}
	return nil
}

// as returns a client of somebody; the empty name is the administrator.
func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	config := rest.CopyConfig(plane.Config)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	}
	c, err := client.New(config, client.Options{Scheme: sluice.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually looks again until check returns nil, and fails the test with its last error where it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case failed := <-operatorFailed:
			t.Fatalf("%s: the operator ended: %v", what, failed)
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}
