package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/cgroup"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// Programs are the paths of what runs on the node.
type Programs struct {
	Devcluster, Devnode, Guest         string
	Containerd, Runc, Registry, CNIBin string
}

// packages are Debian's packages, each with a program of it.
var packages = []struct{ name, program string }{
	{"containerd", "containerd"},
	{"runc", "runc"},
	{"docker-registry", "docker-registry"},
	{"containernetworking-plugins", "ptp"},
}

// programFolders are searched besides the PATH, which often lacks the second one.
var programFolders = []string{"/usr/bin", "/usr/sbin", cniFolder}

// cniFolder is where Debian has the CNI plugins.
const cniFolder = "/usr/lib/cni"

// Check reports why no node can run on this machine, and what to do about it.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root: run this as root, or use the control plane without a node")
	}
	programs, err := findPrograms()
	if err != nil {
		return err
	}
	for _, path := range []string{programs.Devnode, os.TempDir()} {
		if err := checkVisible(path); err != nil {
			return err
		}
	}
	return probe(programs)
}

func findPrograms() (p Programs, err error) {
	if p, err = findPackages(find); err != nil {
		return p, err
	}
	if p.Devcluster, err = repo.Program("devcluster", "devcluster"); err != nil {
		return p, err
	}
	if p.Devnode, err = repo.Program("devnode", "devnode"); err != nil {
		return p, err
	}
	p.Guest, err = repo.Program("guest", "devnode")
	return p, err
}

// findPackages finds the programs of Debian's packages; find returns a program's path, or nothing.
func findPackages(find func(program string) string) (p Programs, err error) {
	var missing []string
	found := map[string]string{}
	for _, wanted := range packages {
		if found[wanted.name] = find(wanted.program); found[wanted.name] == "" {
			missing = append(missing, wanted.name)
		}
	}
	if len(missing) > 0 {
		return p, fmt.Errorf("a node needs Debian's packages %[1]s: apt-get install --no-install-recommends %[1]s",
			strings.Join(missing, " "))
	}
	p.Containerd, p.Runc, p.Registry = found["containerd"], found["runc"], found["docker-registry"]
	p.CNIBin = filepath.Dir(found["containernetworking-plugins"])
	return p, nil
}

func find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, folder := range programFolders {
		if path := filepath.Join(folder, program); executable(path) {
			return path
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// probe tries what a container on somebody else's machine often may not do: namespaces, mounts and control groups.
func probe(programs Programs) error {
	dir, err := os.MkdirTemp("", "devcluster-probe-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := cgroup.Probe(filepath.Base(dir)); err != nil {
		return fmt.Errorf("a node cannot run on this machine: %w", err)
	}
	log := filepath.Join(dir, "probe.log")
	child, err := process.Start(process.Spec{
		Path: programs.Devnode, Args: []string{"probe"}, Log: log, Isolated: true,
	})
	if err != nil {
		return fmt.Errorf("a node cannot run on this machine: namespaces are not permitted: %w", err)
	}
	if err := child.Err(); err != nil {
		return fmt.Errorf("a node cannot run on this machine: %w: %s", err, strings.TrimSpace(process.Tail(log, tailLines)))
	}
	return nil
}
