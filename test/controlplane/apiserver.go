package controlplane

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/kubernetes"
)

const (
	loopback = "127.0.0.1"
	// issuer is what service account tokens say; nobody fetches keys from it.
	issuer = "https://kubernetes.default.svc.cluster.local"
	// auditMegabytes is the size at which the audit log would be rotated, and events lost to the
	// reader. No test gets there.
	auditMegabytes = 100_000
)

// startEtcd starts etcd without fsync: what it holds is thrown away with it.
func (p *ControlPlane) startEtcd(peerPort int) error {
	peer := fmt.Sprintf("http://%s:%d", loopback, peerPort)
	return p.start(etcd,
		"--name=sluice",
		"--data-dir="+filepath.Join(p.Dir, "etcd"),
		"--listen-client-urls="+p.etcdURL,
		"--advertise-client-urls="+p.etcdURL,
		"--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer,
		"--initial-cluster=sluice="+peer,
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
		"--unsafe-no-fsync",
	)
}

// StartAPIServer starts the API server again after StopAPIServer, at the same address and on the same
// data, and returns when it is ready.
func (p *ControlPlane) StartAPIServer(ctx context.Context) error {
	if err := p.start(apiServer, p.apiServerFlags()...); err != nil {
		return err
	}
	return p.awaitReady(ctx)
}

// StopAPIServer kills the API server, as a crash would: connections break, watches end.
func (p *ControlPlane) StopAPIServer() error { return p.kill(apiServer) }

// RestartAPIServer kills the API server, starts it again and returns when it is ready.
func (p *ControlPlane) RestartAPIServer(ctx context.Context) error {
	if err := p.StopAPIServer(); err != nil {
		return err
	}
	return p.StartAPIServer(ctx)
}

// awaitReady returns when /readyz says ok.
func (p *ControlPlane) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it took longer than %s", startTimeout))
	defer cancel()
	clients, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("client of the API server: %w", err)
	}
	return await(ctx, apiServer+" to be ready", p.running(etcd, apiServer), func(ctx context.Context) error {
		return clients.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (p *ControlPlane) apiServerFlags() []string {
	c := p.credentials
	flags := []string{
		"--etcd-servers=" + p.etcdURL,
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		"--secure-port=" + strconv.Itoa(p.apiPort),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--client-ca-file=" + c.path("ca.crt"),
		"--tls-cert-file=" + c.path("apiserver.crt"),
		"--tls-private-key-file=" + c.path("apiserver.key"),
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + c.path("sa.pub"),
		"--service-account-signing-key-file=" + c.path("sa.key"),
		"--audit-policy-file=" + filepath.Join(p.Dir, "audit-policy.yaml"),
		"--audit-log-path=" + p.AuditLog,
		"--audit-log-maxsize=" + strconv.Itoa(auditMegabytes),
		// Logged before the answer is sent: AuditEvents promises it.
		"--audit-log-mode=blocking",
		// An advertised loopback address cannot be an endpoint of the Service "kubernetes".
		"--endpoint-reconciler-type=none",
		"--profiling=false",
		"--shutdown-delay-duration=0s",
	}
	return append(flags, p.options.APIServerFlags...)
}
