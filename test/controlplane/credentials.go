package controlplane

import (
	"crypto/x509/pkix"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/sluice-dev/sluice/hack/cluster/pki"
)

// masters is the group that RBAC lets do anything.
const masters = "system:masters"

// credentials are the files that the processes read, and the authority that issues more.
type credentials struct {
	dir       string
	server    string
	authority *pki.Authority
}

// newCredentials makes the authority, the API server's certificate and the service account keys.
func newCredentials(dir, server string) (*credentials, error) {
	authority, err := pki.NewAuthority("sluice-test")
	if err != nil {
		return nil, err
	}
	c := &credentials{dir: filepath.Join(dir, "pki"), server: server, authority: authority}
	if err := pki.WriteFile(c.path("ca.crt"), authority.CertificatePEM()); err != nil {
		return nil, err
	}
	pair, err := authority.Server(pkix.Name{CommonName: apiServer}, loopback, "localhost", "kubernetes.default.svc")
	if err != nil {
		return nil, err
	}
	if err := pair.Write(c.path("apiserver")); err != nil {
		return nil, err
	}
	private, public, err := pki.ServiceAccountKeys()
	if err != nil {
		return nil, err
	}
	if err := pki.WriteFile(c.path("sa.key"), private); err != nil {
		return nil, err
	}
	return c, pki.WriteFile(c.path("sa.pub"), public)
}

// path is the path of one of the files.
func (c *credentials) path(name string) string { return filepath.Join(c.dir, name) }

// kubeconfig issues a client certificate, writes a kubeconfig that uses it, and returns its path.
func (c *credentials) kubeconfig(name, user string, groups ...string) (string, error) {
	pair, err := c.authority.Client(user, groups...)
	if err != nil {
		return "", err
	}
	data, err := pki.Kubeconfig("sluice-test", c.server, c.authority.CertificatePEM(), pair)
	if err != nil {
		return "", err
	}
	path := c.path(name + ".kubeconfig")
	return path, pki.WriteFile(path, data)
}

// config issues a client certificate and returns a configuration that uses it. Client-side rate
// limits are off: they would only measure themselves.
func (c *credentials) config(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.authority.Client(user, groups...)
	if err != nil {
		return nil, fmt.Errorf("credentials for user %q in groups [%s]: %w", user, strings.Join(groups, " "), err)
	}
	return &rest.Config{
		Host: c.server,
		QPS:  -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.authority.CertificatePEM(),
			CertData: pair.Certificate,
			KeyData:  pair.Key,
		},
	}, nil
}
