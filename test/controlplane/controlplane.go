package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/sluice-dev/sluice/hack/cluster/pki"
)

// portAttempts is how often Start picks other ports when another program took one first.
const portAttempts = 3

// ControlPlane is a running control plane. Its methods may be called from several goroutines.
type ControlPlane struct {
	// Config authenticates as the administrator. Copy it before changing it.
	Config *rest.Config
	// Kubeconfig is the path of a kubeconfig of the administrator.
	Kubeconfig string
	// AuditLog is the path of the API server's audit log; AuditEvents reads it.
	AuditLog string
	// Dir holds data, logs and credentials.
	Dir string

	options     Options
	binaries    map[string]string
	credentials *credentials
	apiPort     int
	etcdURL     string

	audit auditReader

	mutex     sync.Mutex
	processes []*process
	stopped   bool
}

// Start starts a control plane and returns when it can be used: the API server is ready, the default
// ServiceAccount exists and all nodes are Ready. ctx limits the start, not the life of what it starts:
// Stop ends that.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it took longer than %s", startTimeout))
	defer cancel()
	names := []string{etcd, apiServer, controllerManager}
	if options.Nodes > 0 {
		names = append(names, scheduler, kwok)
	}
	binaries, err := findBinaries(names...)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		p, err := startOnce(ctx, options, binaries)
		if err == nil {
			return p, nil
		}
		taken := strings.Contains(err.Error(), "address already in use")
		if !taken || options.APIPort != 0 || attempt == portAttempts {
			return nil, fmt.Errorf("start a control plane: %w", err)
		}
	}
}

// startOnce starts everything, or stops what it started and says why.
func startOnce(ctx context.Context, options Options, binaries map[string]string) (*ControlPlane, error) {
	p := &ControlPlane{options: options, binaries: binaries}
	if err := errors.Join(p.prepare(), p.startAll(ctx)); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// prepare makes the directory, the credentials and the files that the processes read.
func (p *ControlPlane) prepare() error {
	dir := p.options.Dir
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "sluice-controlplane-")
	} else {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make the directory for data: %w", err)
	}
	p.Dir = dir
	p.AuditLog = filepath.Join(dir, "audit.log")
	p.Kubeconfig = filepath.Join(dir, "kubeconfig")

	if err := pki.WriteFile(filepath.Join(dir, "audit-policy.yaml"), auditPolicy); err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(dir, "stages.yaml"), stages)
}

// issue picks the ports and makes the credentials for them.
func (p *ControlPlane) issue() (peerPort int, err error) {
	ports, err := freePorts(3)
	if err != nil {
		return 0, err
	}
	p.apiPort = ports[2]
	if p.options.APIPort != 0 {
		p.apiPort = p.options.APIPort
	}
	p.etcdURL = fmt.Sprintf("http://%s:%d", loopback, ports[0])
	p.credentials, err = newCredentials(p.Dir, fmt.Sprintf("https://%s:%d", loopback, p.apiPort))
	if err != nil {
		return 0, err
	}
	if p.Config, err = p.credentials.config("admin", masters); err != nil {
		return 0, err
	}
	path, err := p.credentials.kubeconfig("admin", "admin", masters)
	if err != nil {
		return 0, err
	}
	return ports[1], os.Rename(path, p.Kubeconfig)
}

// startAll starts the processes in the order in which they need one another.
func (p *ControlPlane) startAll(ctx context.Context) error {
	if p.Dir == "" {
		return nil // prepare has failed and says why
	}
	peerPort, err := p.issue()
	if err != nil {
		return err
	}
	if err := p.startEtcd(peerPort); err != nil {
		return err
	}
	if err := p.StartAPIServer(ctx); err != nil {
		return err
	}
	if err := p.startControllers(); err != nil {
		return err
	}
	if p.options.Nodes > 0 {
		if err := p.startNodes(ctx); err != nil {
			return err
		}
	}
	return p.awaitServiceAccount(ctx)
}

// ConfigFor returns a configuration that authenticates as user, in groups, with a certificate of its
// own: to RBAC, admission and the audit log this is a person, not an impersonation.
func (p *ControlPlane) ConfigFor(user string, groups ...string) (*rest.Config, error) {
	return p.credentials.config(user, groups...)
}

// Stop kills everything and removes the temporary directory. It may be called again.
func (p *ControlPlane) Stop() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	var failures []error
	// The last started goes first: nothing then logs that its server is gone.
	for i := len(p.processes) - 1; i >= 0; i-- {
		failures = append(failures, p.processes[i].kill())
	}
	if p.options.Dir == "" && p.Dir != "" {
		failures = append(failures, os.RemoveAll(p.Dir))
	}
	return errors.Join(failures...)
}

// start starts a binary and remembers it.
func (p *ControlPlane) start(name string, flags ...string) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.stopped {
		return fmt.Errorf("start %s: the control plane is stopped", name)
	}
	if p.find(name) != nil {
		return fmt.Errorf("start %s: it is running", name)
	}
	child, err := startProcess(p.Dir, name, p.binaries[name], flags)
	if err != nil {
		return err
	}
	p.processes = append(p.processes, child)
	return nil
}

// kill ends one process and forgets it.
func (p *ControlPlane) kill(name string) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	child := p.find(name)
	if child == nil {
		return fmt.Errorf("stop %s: it is not running", name)
	}
	kept := p.processes[:0]
	for _, other := range p.processes {
		if other != child {
			kept = append(kept, other)
		}
	}
	p.processes = kept
	return child.kill()
}

// running returns the named processes that were started.
func (p *ControlPlane) running(names ...string) []*process {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var found []*process
	for _, name := range names {
		if child := p.find(name); child != nil {
			found = append(found, child)
		}
	}
	return found
}

// find returns the process of that name or nil; the caller holds the mutex.
func (p *ControlPlane) find(name string) *process {
	for _, child := range p.processes {
		if child.name == name {
			return child
		}
	}
	return nil
}
