// Package attacks_test is the threat model of Sluice, as a test: what insiders try, by intent or by mistake, and what has
// to happen. Read threats_test.go from top to bottom, with testdata/shop.yaml (the scene) and testdata/people.yaml (who
// may do what) beside it; then operator_threats_test.go. TestPolicyMatrix shows that the suite can fail: it takes each
// policy away in turn, and sees which attacks then succeed.
package attacks_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/test/controlplane"
)

// patience bounds every wait; nothing here measures time.
const patience = time.Minute

var (
	plane  *controlplane.ControlPlane
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	// tally counts rows, not requests.
	tally struct{ refused, succeeded atomic.Int32 }
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetLogger(logr.Discard())
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/attacks:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	if plane, err = controlplane.Start(ctx, controlplane.Options{Nodes: 2}); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if err := plane.Install(ctx, filepath.Join("..", "..", "config")); err != nil {
		return 1, err
	}
	// The operator of these tests runs in the test's own process, when it runs.
	if _, err := plane.Kubectl(ctx, "scale", "deployment", "sluice", "-n", "sluice-system", "--replicas=0"); err != nil {
		return 1, err
	}
	scheme = sluice.Scheme()
	httpClient, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		return 1, err
	}
	if mapper, err = apiutil.NewDynamicRESTMapper(plane.Config, httpClient); err != nil {
		return 1, err
	}
	if err := cast(ctx); err != nil {
		return 1, err
	}
	if err := setScene(ctx); err != nil {
		return 1, err
	}
	code = m.Run()
	if refused, succeeded := tally.refused.Load(), tally.succeeded.Load(); refused+succeeded > 0 {
		tell("attacks: %d refused, %d succeeded\n", refused, succeeded)
	}
	return code, nil
}

// tell writes to where make reads.
func tell(format string, args ...any) { fmt.Printf(format, args...) }
