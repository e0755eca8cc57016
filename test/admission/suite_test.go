// Package admission_test shows, on a real API server, what each policy of config/admission refuses and what it lets
// through, that the schemas refuse bad input in words that help, and that config/ installs as documented.
package admission_test

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	if err := plane.Install(ctx, config()); err != nil {
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

// config returns the path of a folder or file of config/.
func config(path ...string) string {
	return filepath.Join(append([]string{"..", "..", "config"}, path...)...)
}

// kubectl runs the kubectl of the cluster's version as the administrator, and returns what it printed.
func kubectl(ctx context.Context, args ...string) (string, error) { return plane.Kubectl(ctx, args...) }

// until looks again until check returns nil, and returns its last error where that never happens.
func until(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return controlplane.Until(ctx, "the API server", check)
}

// eventually fails the test unless check returns nil in time.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	controlplane.Eventually(t, patience, "the API server", check)
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
