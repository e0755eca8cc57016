//go:build tools

// Package kubernetes pins what binaries.sh builds from source: Kubernetes, etcd and kwok. It is a module
// of its own, because k8s.io/kubernetes needs its staging modules replaced, and `go install` cannot do
// that; and because its dependencies must not decide the operator's.
package kubernetes

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
