package controlplane

import "time"

// startTimeout is the deadline of Start where the context has none. A start takes about five
// seconds; the rest is for a machine that is busy building.
const startTimeout = 2 * time.Minute

// Options say what to start. The zero value is etcd, kube-apiserver and kube-controller-manager.
type Options struct {
	// Nodes is the number of simulated nodes. With none there is neither a scheduler nor kwok, and
	// pods stay Pending.
	Nodes int
	// Dir is where data, logs and the kubeconfig go. By default a temporary directory that Stop removes;
	// a directory that is named here is kept.
	Dir string
	// APIPort is the port of the API server on 127.0.0.1; by default a random free one.
	APIPort int
	// APIServerFlags are appended to the API server's own, such as
	// "--admission-control-config-file=...". A flag that is given twice takes its last value.
	APIServerFlags []string
}
