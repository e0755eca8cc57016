package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// nodeGracePeriod is how long a node may be silent. Simulated nodes do not die; where one is late, the machine is busy.
const nodeGracePeriod = "10m"

// startControllers starts the controller manager. Each controller uses its own service account, as in a
// real cluster: admission policies tell them apart by name.
func (p *ControlPlane) startControllers() error {
	kubeconfig, err := p.credentials.kubeconfig(controllerManager, "system:kube-controller-manager")
	if err != nil {
		return err
	}
	return p.start(controllerManager,
		"--kubeconfig="+kubeconfig,
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+p.credentials.path("sa.key"),
		"--root-ca-file="+p.credentials.path("ca.crt"),
		"--leader-elect=false",
		// Nobody asks it for metrics, and a port that is not opened cannot be taken.
		"--secure-port=0",
		"--node-monitor-grace-period="+nodeGracePeriod,
		// Tests create in a second what a cluster sees in an hour.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
}

// awaitServiceAccount returns when the controller manager works: without the default ServiceAccount
// no pod is admitted.
func (p *ControlPlane) awaitServiceAccount(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("client of the API server: %w", err)
	}
	needs := p.running(etcd, apiServer, controllerManager)
	return await(ctx, "the default ServiceAccount", needs, func(ctx context.Context) error {
		_, err := clients.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// nodeReady says whether a node's condition Ready is true.
func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
