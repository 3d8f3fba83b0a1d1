package controlplane

import (
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// serviceRange and serviceIP are those of Services, which nothing routes here.
	serviceRange = "10.0.0.0/24"
	serviceIP    = "10.0.0.1"
	// issuer is the name in ServiceAccounts' tokens.
	issuer = "https://kubernetes.default.svc.cluster.local"
)

// controllers are those of kube-controller-manager that have something to do in a cluster without nodes.
var controllers = []string{
	"namespace-controller",
	"garbage-collector-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"legacy-serviceaccount-token-cleaner-controller",
	"root-ca-certificate-publisher-controller",
	"clusterrole-aggregation-controller",
	"resourcequota-controller",
	"validatingadmissionpolicy-status-controller",
	"ttl-after-finished-controller",
}

// auditPolicy logs who asked for what, and leaves out Kubernetes' own components.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: ["system:apiserver", "system:kube-controller-manager"]
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
`

func (c *Cluster) auditPolicy() string { return filepath.Join(c.dir, "audit-policy.yaml") }

func (c *Cluster) etcdArgs() []string {
	args := []string{
		"--name=devcluster",
		"--data-dir=" + c.etcdDir(),
		"--listen-client-urls=" + c.ports.etcdURL(),
		"--advertise-client-urls=" + c.ports.etcdURL(),
		"--listen-peer-urls=" + c.ports.etcdPeerURL(),
		"--initial-advertise-peer-urls=" + c.ports.etcdPeerURL(),
		"--initial-cluster=devcluster=" + c.ports.etcdPeerURL(),
		"--client-cert-auth",
		"--trusted-ca-file=" + c.pki.etcd.file,
		"--cert-file=" + c.pki.file("etcd.crt"),
		"--key-file=" + c.pki.file("etcd.key"),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + c.pki.etcd.file,
		"--peer-cert-file=" + c.pki.file("etcd.crt"),
		"--peer-key-file=" + c.pki.file("etcd.key"),
		"--logger=zap",
		"--log-level=warn",
	}
	if c.options.Dir == "" {
		args = append(args, "--unsafe-no-fsync") // nobody reads it after a power cut
	}
	return args
}

func (c *Cluster) apiServerArgs() []string {
	args := []string{
		"--etcd-servers=" + c.ports.etcdURL(),
		"--etcd-cafile=" + c.pki.etcd.file,
		"--etcd-certfile=" + c.pki.file("etcd-client.crt"),
		"--etcd-keyfile=" + c.pki.file("etcd-client.key"),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.ports.APIServer),
		// The Service `kubernetes` can't lead to a loopback address, so nobody is to keep its endpoints.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.pki.file("kube-apiserver.crt"),
		"--tls-private-key-file=" + c.pki.file("kube-apiserver.key"),
		"--client-ca-file=" + c.pki.cluster.file,
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + c.pki.file("service-accounts.key"),
		"--service-account-signing-key-file=" + c.pki.file("service-accounts.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--profiling=false",
	}
	if c.options.Audit {
		args = append(args,
			"--audit-policy-file="+c.auditPolicy(),
			"--audit-log-path="+c.AuditLog(),
			"--audit-log-maxsize=102400", // MB: who counts requests wants one file
		)
	}
	if c.options.Nodes {
		args = append(args, c.nodeAPIServerArgs()...)
	}
	return append(args, c.options.APIServerArgs...)
}

func (c *Cluster) controllerManagerArgs() []string {
	enabled := append(append([]string{}, controllers...), c.options.Controllers...)
	if c.options.Nodes {
		enabled = append(enabled, nodeControllers...)
	}
	args := []string{
		"--kubeconfig=" + c.managerKubeconfig(),
		"--controllers=" + strings.Join(enabled, ","),
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + c.pki.file("service-accounts.key"),
		"--root-ca-file=" + c.pki.cluster.file,
		"--leader-elect=false",
		"--secure-port=0", // nobody asks it for its health: a ServiceAccount that it makes tells
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--profiling=false",
	}
	return append(args, c.options.ControllerManagerArgs...)
}
