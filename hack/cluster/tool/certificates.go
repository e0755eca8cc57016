package main

import (
	"crypto/x509/pkix"
	"path/filepath"

	"github.com/sluice-dev/sluice/hack/cluster/pki"
)

const (
	masters    = "system:masters"
	nodesGroup = "system:nodes"
)

// node describes what is certified.
type node struct {
	directory string
	server    string
	name      string
	addresses []string
}

// write makes everything that the node's processes authenticate with.
func (n node) write() error {
	authority, err := pki.NewAuthority("sluice-node")
	if err != nil {
		return err
	}
	// The aggregation layer needs an authority of its own: whoever holds one of its certificates may
	// speak for any user.
	front, err := pki.NewAuthority("sluice-node-front-proxy")
	if err != nil {
		return err
	}
	for name, a := range map[string]*pki.Authority{"ca.crt": authority, "front-proxy-ca.crt": front} {
		if err := pki.WriteFile(n.path(name), a.CertificatePEM()); err != nil {
			return err
		}
	}
	if err := n.writeServers(authority); err != nil {
		return err
	}
	if err := n.writeClients(authority, front); err != nil {
		return err
	}
	return n.writeServiceAccountKeys()
}

func (n node) path(name string) string { return filepath.Join(n.directory, name) }

func (n node) writeServers(authority *pki.Authority) error {
	hosts := append([]string{"127.0.0.1", "localhost"}, n.addresses...)
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	pair, err := authority.Server(pkix.Name{CommonName: "kube-apiserver"}, append(names, hosts...)...)
	if err != nil {
		return err
	}
	if err := pair.Write(n.path("apiserver")); err != nil {
		return err
	}
	subject := pkix.Name{CommonName: "system:node:" + n.name, Organization: []string{nodesGroup}}
	if pair, err = authority.Server(subject, append(hosts, n.name)...); err != nil {
		return err
	}
	return pair.Write(n.path("kubelet-server"))
}

func (n node) writeClients(authority, front *pki.Authority) error {
	clients := []struct {
		file   string
		issuer *pki.Authority
		user   string
		groups []string
	}{
		{"admin", authority, "admin", []string{masters}},
		{"apiserver-kubelet", authority, "kube-apiserver-kubelet-client", []string{masters}},
		{"controller-manager", authority, "system:kube-controller-manager", nil},
		{"scheduler", authority, "system:kube-scheduler", nil},
		{"kube-proxy", authority, "system:kube-proxy", nil},
		{"coredns", authority, "system:coredns", nil},
		{"kubelet", authority, "system:node:" + n.name, []string{nodesGroup}},
		{"front-proxy", front, "front-proxy-client", nil},
	}
	for _, client := range clients {
		pair, err := client.issuer.Client(client.user, client.groups...)
		if err != nil {
			return err
		}
		if err := pair.Write(n.path(client.file)); err != nil {
			return err
		}
		config, err := pki.Kubeconfig("sluice", n.server, authority.CertificatePEM(), pair)
		if err != nil {
			return err
		}
		if err := pki.WriteFile(n.path(client.file+".kubeconfig"), config); err != nil {
			return err
		}
	}
	return nil
}

func (n node) writeServiceAccountKeys() error {
	private, public, err := pki.ServiceAccountKeys()
	if err != nil {
		return err
	}
	if err := pki.WriteFile(n.path("sa.key"), private); err != nil {
		return err
	}
	return pki.WriteFile(n.path("sa.pub"), public)
}
