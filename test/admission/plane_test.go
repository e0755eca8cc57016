package admission_test

import (
	"context"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sluice-dev/sluice/test/controlplane"
)

// onPlane runs tests on a control plane of their own, with these folders of config/ applied and flags added.
func onPlane(t *testing.T, flags []string, folders []string, run func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	other, err := controlplane.Start(ctx, controlplane.Options{APIServerFlags: flags})
	if err != nil {
		t.Fatal(err)
	}
	oldPlane, oldMapper, oldAdmin := plane, mapper, admin
	t.Cleanup(func() {
		plane, mapper, admin = oldPlane, oldMapper, oldAdmin
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	})
	plane = other
	if err := plane.Install(ctx, config(), folders...); err != nil {
		t.Fatal(err)
	}
	httpClient, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	if mapper, err = apiutil.NewDynamicRESTMapper(plane.Config, httpClient); err != nil {
		t.Fatal(err)
	}
	admin = newActor(rest.ImpersonationConfig{})
	if err := grantEverythingButVerbs(ctx); err != nil {
		t.Fatal(err)
	}
	run()
}
