package controlplane

import (
	"errors"
	"os"
)

// nodeControllers are those of kube-controller-manager that nodes and their Pods need.
var nodeControllers = []string{
	"node-lifecycle-controller",
	"pod-garbage-collector-controller",
	"replicaset-controller",
	"deployment-controller",
	"job-controller",
	"cronjob-controller",
}

// kubeletClient names the certificate with which the API server asks a kubelet for logs.
const kubeletClient = "kubelet-client"

// nodeAPIServerArgs let the API server ask the kubelet.
func (c *Cluster) nodeAPIServerArgs() []string {
	return []string{
		"--kubelet-client-certificate=" + c.pki.file(kubeletClient+".crt"),
		"--kubelet-client-key=" + c.pki.file(kubeletClient+".key"),
	}
}

// issueKubeletClient writes that certificate. Its group may do everything, on the kubelet's side as well.
func (p *pki) issueKubeletClient() error {
	pair, err := p.issueClient("kube-apiserver-kubelet-client", []string{"system:masters"})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(p.file(kubeletClient+".crt"), pair.cert, 0o600),
		os.WriteFile(p.file(kubeletClient+".key"), pair.key, 0o600),
	)
}

// AuthorityFile is the certificate of the authority that signs the API server's certificate and those of its clients.
func (c *Cluster) AuthorityFile() string { return c.pki.cluster.file }
