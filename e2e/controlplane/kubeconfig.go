package controlplane

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// AdminConfig is a client's configuration that may do everything, without a limit of requests on the client's side. It
// is the caller's own copy.
func (c *Cluster) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// ClientConfig is a client's configuration for any user, by a certificate that is made for it.
func (c *Cluster) ClientConfig(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.pki.issueClient(user, groups)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the user %s: %w", user, err)
	}
	return &rest.Config{
		Host:            c.URL(),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.cluster.pem, CertData: pair.cert, KeyData: pair.key},
		QPS:             -1,
	}, nil
}

// Kubeconfig is the file with the administrator's credentials, in the cluster's folder.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "admin.kubeconfig") }

func (c *Cluster) managerKubeconfig() string {
	return filepath.Join(c.dir, string(ControllerManager)+".kubeconfig")
}

// WriteKubeconfig writes a kubeconfig, that only its owner can read, for a client's configuration that holds its
// authority and credentials (none of their files). The file is replaced as a whole: who waits for it never reads half.
func WriteKubeconfig(path string, config *rest.Config) error {
	const name = "devcluster"
	text, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			name: {Server: config.Host, CertificateAuthorityData: config.CAData},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			name: {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken},
		},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	})
	if err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-") // only its owner can read it
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // it is there only where something failed
	_, err = temporary.Write(text)
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	return nil
}
