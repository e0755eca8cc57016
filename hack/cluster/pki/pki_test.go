package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-dev/sluice/hack/cluster/pki"
)

// A kubeconfig must authenticate its user to a server that trusts the same authority.
func TestKubeconfigAuthenticates(t *testing.T) {
	authority, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority.CertificatePEM())
	serving, err := authority.Server(pkix.Name{CommonName: "api"}, "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(serving.Certificate, serving.Key)
	if err != nil {
		t.Fatal(err)
	}
	var subject pkix.Name
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject = r.TLS.PeerCertificates[0].Subject
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"major": "1", "minor": "37"}`))
	}))
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted,
	}
	server.StartTLS()
	t.Cleanup(server.Close)

	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig(t, authority, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerVersion(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(subject.Organization) // a certificate keeps them as a set
	if subject.CommonName != "alice" || !slices.Equal(subject.Organization, []string{"developers", "qa"}) {
		t.Errorf("the server sees %v, want alice in developers and qa", subject)
	}
}

// kubeconfig is that of alice, in two groups.
func kubeconfig(t *testing.T, authority *pki.Authority, server string) []byte {
	t.Helper()
	pair, err := authority.Client("alice", "developers", "qa")
	if err != nil {
		t.Fatal(err)
	}
	data, err := pki.Kubeconfig("test", server, authority.CertificatePEM(), pair)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
