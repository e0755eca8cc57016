package controlplane

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// stages tell kwok what becomes of nodes and pods.
//
//go:embed stages.yaml
var stages []byte

// nodeLeaseSeconds is how long the lease of a node lasts. kwok renews it after a quarter of that, as a kubelet does: well
// before the controller manager takes the node for dead (nodeGracePeriod) and marks its pods as not ready. Nothing would
// make these ready again: kwok looks at a node that is back, and not at the pods on it.
const nodeLeaseSeconds = "40"

// startNodes starts the scheduler and kwok, makes the nodes and returns when they are Ready.
func (p *ControlPlane) startNodes(ctx context.Context) error {
	kubeconfig, err := p.credentials.kubeconfig(scheduler, "system:kube-scheduler")
	if err != nil {
		return err
	}
	err = p.start(scheduler, "--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000")
	if err != nil {
		return err
	}
	// A user of its own, so that the audit log tells the nodes' writes from the administrator's; in the group of nodes,
	// because policies ask who writes the status of a pod.
	if kubeconfig, err = p.credentials.kubeconfig(kwok, "system:kwok", masters, "system:nodes"); err != nil {
		return err
	}
	err = p.start(kwok, "--kubeconfig="+kubeconfig, "--config="+filepath.Join(p.Dir, "stages.yaml"),
		"--manage-all-nodes", "--node-lease-duration-seconds="+nodeLeaseSeconds, "--v=WARN")
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("client of the API server: %w", err)
	}
	for i := range p.options.Nodes {
		node := simulatedNode(fmt.Sprintf("node-%d", i))
		if _, err := clients.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create the node %s: %w", node.Name, err)
		}
	}
	return p.awaitNodes(ctx, clients)
}

func (p *ControlPlane) awaitNodes(ctx context.Context, clients kubernetes.Interface) error {
	needs := p.running(etcd, apiServer, controllerManager, scheduler, kwok)
	what := fmt.Sprintf("%d simulated nodes to be Ready", p.options.Nodes)
	return await(ctx, what, needs, func(ctx context.Context) error {
		list, err := clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := 0
		for i := range list.Items {
			// The taint is the controller manager's word that pods may be scheduled there.
			if nodeReady(&list.Items[i]) && len(list.Items[i].Spec.Taints) == 0 {
				ready++
			}
		}
		if ready < p.options.Nodes {
			return fmt.Errorf("%d are Ready and without taints", ready)
		}
		return nil
	})
}

func simulatedNode(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", "type": "kwok"},
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
		},
		Status: corev1.NodeStatus{Allocatable: capacity(), Capacity: capacity()},
	}
}

// capacity is more than any test asks for: scheduling is not what is tested.
func capacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("1000"),
		corev1.ResourceMemory: resource.MustParse("1Ti"),
		corev1.ResourcePods:   resource.MustParse("10000"),
	}
}
