package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig renders a kubeconfig that reaches server, trusts authority and authenticates with pair.
// context is the name that people see in `kubectl config current-context`.
func Kubeconfig(context, server string, authority []byte, pair Pair) ([]byte, error) {
	data, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{context: {Server: server, CertificateAuthorityData: authority}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{context: {ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key}},
		Contexts:  map[string]*clientcmdapi.Context{context: {Cluster: context, AuthInfo: context}},

		CurrentContext: context,
	})
	if err != nil {
		return nil, fmt.Errorf("render the kubeconfig of %s: %w", context, err)
	}
	return data, nil
}
