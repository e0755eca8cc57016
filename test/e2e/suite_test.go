// Package e2e_test plays the demo's path on a cluster with real containers, and asserts every step: real images, real
// rollouts, real test Jobs, real HTTP requests. `make e2e` brings the cluster up, installs Sluice, and runs it.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/test/controlplane"
)

// patience bounds every wait; none of these tests measures time.
const patience = 4 * time.Minute

// registry is the name under which the cluster knows the registry of the sample's images.
const registry = "registry.sluice.test:5000"

// cluster is what `make e2e` says of the cluster.
type cluster struct {
	config  *rest.Config
	kubectl string
	// images by repository:tag, as digests.
	images map[string]string
}

// connect reads what hack/demo/e2e.sh left in the environment.
func connect(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("SLUICE_E2E_IMAGES") == "" {
		t.Skip("no cluster was named for this: run make e2e, which brings one up")
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	text, err := os.ReadFile(os.Getenv("SLUICE_E2E_IMAGES"))
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, digest, _ := strings.Cut(strings.TrimSpace(line), "@")
		images[strings.TrimPrefix(name, registry+"/shop/")] = digest
	}
	return &cluster{config: config, kubectl: os.Getenv("KUBECTL"), images: images}
}

// as returns a client of somebody, and what that person is warned of; the empty name is the administrator.
func (c *cluster) as(t *testing.T, user string, groups ...string) (client.Client, *controlplane.Warnings) {
	t.Helper()
	config, heard := rest.CopyConfig(c.config), &controlplane.Warnings{}
	config.WarningHandler = heard
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	}
	person, err := client.New(config, client.Options{Scheme: sluice.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return person, heard
}

// run runs kubectl, which tests what a person would type.
func (c *cluster) run(t *testing.T, args ...string) string {
	t.Helper()
	output, err := controlplane.RunKubectl(t.Context(), c.kubectl, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// version asks a service of the sample for its version, over HTTP, through the API server's proxy.
func (c *cluster) version(ctx context.Context, namespace string) (string, error) {
	clientset, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return "", err
	}
	body, err := clientset.CoreV1().Services(namespace).ProxyGet("http", "checkout-api", "80", "version", nil).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("ask checkout-api in %s for its version: %w", namespace, err)
	}
	return strings.TrimSpace(string(body)), nil
}

// eventually looks again until check returns nil, and fails the test with its last error where it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	controlplane.Eventually(t, patience, what, check)
}
