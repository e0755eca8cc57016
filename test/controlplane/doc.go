// Package controlplane runs a real Kubernetes control plane for integration tests and benchmarks:
// etcd, kube-apiserver, kube-controller-manager and, where nodes are asked for, kube-scheduler and
// kwok, which simulates the nodes. It needs no root and no containers, binds to random loopback
// ports, keeps its data in a temporary directory, and takes a few seconds to start.
//
//	plane, err := controlplane.Start(ctx, controlplane.Options{Nodes: 1})
//	if err != nil { ... }
//	defer plane.Stop()
//	c, err := client.New(plane.Config, client.Options{})
//
// The binaries come from the project's cache; `make binaries` fills it (hack/cluster/binaries.sh).
// SLUICE_BIN_DIR names one directory that holds them all instead.
//
// # People
//
// Config is the administrator (user "admin", group "system:masters"). ConfigFor issues a certificate
// for anybody else, so that RBAC, admission and the audit log see a real, distinct user; tokens of
// service accounts, bound or not, work as in any cluster.
//
// # Simulated nodes
//
// A pod that is scheduled becomes Running and Ready at once, and the pod of a Job then ends with exit
// code 0. What a container would do differently is said on the pod, by annotation or, where the value
// allows it, by label:
//
//	test.sluice.dev/exit-code: "1"                 the containers of a Job's pod end with this code
//	test.sluice.dev/duration: 30s                  they end after this time, not at once
//	test.sluice.dev/termination-message: "p99 ..." what they leave in /dev/termination-log
//	test.sluice.dev/ready: "false"                 the pod runs and does not become Ready
//	test.sluice.dev/image-ids: '{"repo:v1": "sha256:..."}'
//	                                               the digests that image strings stand for (annotation only): of
//	                                               tags, and of an index the platform's manifest that a node runs
//
// Where a test does not make the pod, as with the Job of a gate, the first container's arguments say it:
//
//	exit-code=1   the containers end with this code
//	passes-at=2   with code 0 where the pod's label sluice.dev/attempt has this value
//	wait          they end once the annotation test.sluice.dev/exit-code is there
//	load          the same, as for metric and webhook: nobody is asked here, and a test says what came of it
//	unpullable    the pod stays Pending, and a test writes its status
//
// The status carries imageID as a kubelet would write it, "repository@digest". The digest comes from image-ids,
// else from the image string, else it is the SHA-256 of the image's name: stable, and different for each tag.
//
// # What it is not
//
// No container runs, no traffic flows, and there is no kubelet: exec, logs, port-forward and probes
// are not there. NodeRestriction and the Node authorizer are off, as kwok is one client for all
// nodes. Tests that need these run on a real node: `make cluster CLUSTER=node`.
package controlplane
