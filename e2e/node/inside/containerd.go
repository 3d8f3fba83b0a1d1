//go:build linux

package inside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/image"
)

const (
	containerdSocket = "/run/containerd/containerd.sock"
	registryFolder   = "/run/certs.d"
	cniFolder        = "/run/cni"
	pauseRepository  = "pause"
	pauseTag         = "1"
)

// containerdConfig is for containerd 1.6 and 1.7. restrict_oom_score_adj: the process may lack CAP_SYS_RESOURCE.
const containerdConfig = `version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt",
]
[grpc]
address = %[1]q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %[2]q
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = %[3]q
conf_dir = %[4]q
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = %[5]q
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = %[6]q
`

// podNetwork is the second number in the addresses of the first node's Pods, less one.
const podNetwork = 87

// cniConfig gives each Pod an address and a route to the node, without iptables.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "devcluster",
  "plugins": [{
    "type": "ptp",
    "ipMasq": false,
    "ipam": {
      "type": "host-local",
      "dataDir": "/run/cni-addresses",
      "ranges": [[{"subnet": "10.%d.0.0/16"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// startContainerd starts containerd, and returns when it listens.
func (s *supervisor) startContainerd(ctx context.Context) error {
	programs := s.spec.Programs
	config := fmt.Sprintf(containerdConfig, containerdSocket, "registry.invalid/"+pauseRepository+":"+pauseTag,
		programs.CNIBin, cniFolder, programs.Runc, registryFolder)
	if err := writeFile("/run/containerd.toml", config); err != nil {
		return err
	}
	network := fmt.Sprintf(cniConfig, podNetwork+s.number)
	if err := writeFile(filepath.Join(cniFolder, "10-ptp.conflist"), network); err != nil {
		return err
	}
	if err := s.writeHosts(); err != nil {
		return err
	}
	return s.run(ctx, component{
		name:  "containerd",
		spec:  process.Spec{Path: programs.Containerd, Args: []string{"--config", "/run/containerd.toml"}},
		ready: func(context.Context) error { return dial("unix", containerdSocket) },
	})
}

// writeHosts has containerd find the registries of this node under the names of the world's. A host without a registry
// of its own is the public one.
func (s *supervisor) writeHosts() error {
	public := s.spec.Registry(node.Public)
	for _, registry := range s.spec.Registries {
		folder, mirrors := registry.Host, []*node.Registry{registry}
		if registry == public {
			folder = "_default"
		}
		if registry.AlsoPublic {
			mirrors = []*node.Registry{public, registry}
		}
		var text strings.Builder
		fmt.Fprintf(&text, "server = \"http://%s\"\n", registry.Address())
		for _, mirror := range mirrors {
			fmt.Fprintf(&text, "[host.\"http://%s\"]\ncapabilities = [\"pull\", \"resolve\"]\n", mirror.Address())
		}
		if err := writeFile(filepath.Join(registryFolder, folder, "hosts.toml"), text.String()); err != nil {
			return err
		}
	}
	return nil
}

// pushPause pushes the image that holds the namespaces of a Pod.
func (s *supervisor) pushPause(ctx context.Context) error {
	pause := image.Image{
		Files:      []image.File{{Path: "/guest", From: s.spec.Programs.Guest}},
		Entrypoint: []string{"/guest", "pause"},
	}
	return s.spec.Registry(node.Public).Push(ctx, pause, pauseRepository, pauseTag)
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}
