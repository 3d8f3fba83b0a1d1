package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Spec is what the processes in the namespaces are told, by a file in the cluster's folder.
type Spec struct {
	Dir       string
	Temporary bool
	// Cgroup is the control group above those of the Pods, at the top of each hierarchy.
	Cgroup   string
	Audit    bool
	Nodes    int
	Programs Programs
	// APIServerPort is the API server's port, inside and outside.
	APIServerPort int
	Registries    []*Registry
}

// readyLine is what the node reports when it is ready, after the lines for the log.
const readyLine = "ready"

func specFile(dir string) string { return filepath.Join(dir, "node.json") }

func (s Spec) write() error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(specFile(s.Dir), text, 0o600) // it holds passwords
}

// ReadSpec reads what the cluster in this folder is.
func ReadSpec(dir string) (s Spec, err error) {
	text, err := os.ReadFile(specFile(dir))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", specFile(dir), err)
	}
	return s, nil
}

// NameOf returns the name of a node, counted from 1, which is the address at which its components listen, too.
func NameOf(number int) string { return fmt.Sprintf("127.0.0.%d", number) }

// Ports are those that are forwarded into the namespaces, in the order of the inherited listeners.
func (s Spec) Ports() []int {
	ports := []int{s.APIServerPort}
	for _, registry := range s.Registries {
		ports = append(ports, registry.Port)
	}
	return ports
}

// Registry returns the registry of this name.
func (s Spec) Registry(name string) *Registry {
	for _, registry := range s.Registries {
		if registry.Name == name {
			return registry
		}
	}
	return nil
}

// Reporter writes the lines of the start.
type Reporter struct{ Out io.Writer }

// Logf reports a step.
func (r Reporter) Logf(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// Ready reports that the node is ready.
func (r Reporter) Ready() { fmt.Fprintln(r.Out, readyLine) }

// passOn logs what a Reporter writes, and closes ready.
func (c *Cluster) passOn(report io.Reader, ready chan<- struct{}) {
	for scanner := bufio.NewScanner(report); scanner.Scan(); {
		if scanner.Text() == readyLine {
			close(ready)
			return
		}
		fmt.Fprintln(c.options.Log, scanner.Text())
	}
}
