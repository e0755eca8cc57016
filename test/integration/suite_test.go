// Package integration_test runs the operator against a real API server, a real controller manager and simulated nodes:
// what schema, policies, roles and controllers do together.
package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/test/controlplane"
	inprocess "github.com/sluice-dev/sluice/test/operator"
)

// patience bounds every wait of these tests; none of them measures time.
const patience = time.Minute

// keepRecords is how long records stay at least.
const keepRecords = 400 * 24 * time.Hour

var (
	plane *controlplane.ControlPlane
	// images is a registry on loopback that tests push to.
	images *httptest.Server
	// privateImages is one that lets nobody in who does not know the password.
	privateImages *httptest.Server
	operator      *inprocess.Operator
	// operatorMetrics are those of the operator that was started last.
	operatorMetrics atomic.Pointer[prometheus.Registry]
	// operations is done when all tests are.
	operations, endOperations = context.WithCancel(context.Background())
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", concurrency); err != nil {
		panic(err)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/integration:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	log.SetLogger(operatorLog.logger())
	images = httptest.NewServer(closable(gcr.New(gcr.Logger(stdlog.New(io.Discard, "", 0)))))
	defer images.Close()
	privateImages = httptest.NewServer(private(gcr.New(gcr.Logger(stdlog.New(io.Discard, "", 0)))))
	defer privateImages.Close()
	defer endOperations()
	started, stop := context.WithTimeout(operations, 2*patience)
	defer stop()
	if plane, err = controlplane.Start(started, controlplane.Options{Nodes: 2}); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if err := plane.Install(started, filepath.Join("..", "..", "config")); err != nil {
		return 1, err
	}
	// The operator of these tests runs in the test's own process, under the ServiceAccount's name.
	if _, err := plane.Kubectl(started, "scale", "deployment", "sluice", "-n", "sluice-system", "--replicas=0"); err != nil {
		return 1, err
	}
	if operator, err = startOperator(operations); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// concurrency is how many tests run side by side: they wait for controllers most of the time.
const concurrency = "8"

// closedTo lists the teams that cannot reach the registry, and how often they tried (*atomic.Int64).
var closedTo sync.Map

// closeRegistry cuts a team off, and returns the count of its attempts.
func closeRegistry(team string) *atomic.Int64 {
	attempts := &atomic.Int64{}
	closedTo.Store(team, attempts)
	return attempts
}

// closable is a registry that hangs up on whoever asks for the images of a team that it is closed to.
func closable(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		team, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
		if attempts, closed := closedTo.Load(team); closed {
			attempts.(*atomic.Int64).Add(1)
			panic(http.ErrAbortHandler)
		}
		registry.ServeHTTP(w, r)
	})
}

// Who may read and write the private registry.
const registryUser, registryPassword = "puller", "sesame"

// private is a registry that asks whoever comes for a password.
func private(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != registryUser || password != registryPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="images"`)
			http.Error(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		registry.ServeHTTP(w, r)
	})
}

// startOperator starts an operator, which measures itself anew.
func startOperator(parent context.Context) (*inprocess.Operator, error) {
	measured := prometheus.NewRegistry()
	operatorMetrics.Store(measured)
	return inprocess.Start(parent, plane.Config, inprocess.Options{
		Registries: []string{registryHost(), hostOf(privateImages)}, KeepRecords: keepRecords, Metrics: measured, Image: operatorImage,
	})
}

func registryHost() string { return hostOf(images) }

func hostOf(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }

// clients by person: making one asks the API server for all that it serves.
var clients sync.Map

// as returns a client of somebody; the empty name is the administrator.
func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	key := user + " " + strings.Join(groups, " ")
	if known, ok := clients.Load(key); ok {
		return known.(client.Client)
	}
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
	clients.Store(key, c)
	return c
}

// eventually looks again until check returns nil, and fails the test with its last error where it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	controlplane.Eventually(t, patience, what, check, operator.Failed)
}
