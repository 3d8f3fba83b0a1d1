package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Ports are taken from below the range that Linux, macOS and the BSDs give to outgoing connections: none of those can
// take a component's port while it is being restarted.
const (
	firstPort = 20000
	lastPort  = 29999
)

// ports are the loopback ports of a cluster, kept in its folder for the next start there.
type ports struct {
	Etcd      int `json:"etcd"`
	EtcdPeer  int `json:"etcdPeer"`
	APIServer int `json:"apiServer"`
}

func (p ports) etcdURL() string      { return loopbackURL(p.Etcd) }
func (p ports) etcdPeerURL() string  { return loopbackURL(p.EtcdPeer) }
func (p ports) apiServerURL() string { return loopbackURL(p.APIServer) }

func loopbackURL(port int) string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func (c *Cluster) portsFile() string { return filepath.Join(c.dir, "ports.json") }

// choosePorts takes the ports of an earlier start in this folder, or free ones.
func (c *Cluster) choosePorts() error {
	text, err := os.ReadFile(c.portsFile())
	if err == nil {
		if err := json.Unmarshal(text, &c.ports); err != nil {
			return fmt.Errorf("read %s (remove it to have other ports chosen): %w", c.portsFile(), err)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	free, err := freePorts(3)
	if err != nil {
		return err
	}
	c.ports = ports{Etcd: free[0], EtcdPeer: free[1], APIServer: free[2]}
	if c.options.APIServerPort != 0 {
		c.ports.APIServer = c.options.APIServerPort
	}
	text, err = json.Marshal(c.ports)
	if err != nil {
		return err
	}
	return os.WriteFile(c.portsFile(), text, 0o600)
}

// forgetPorts has the next attempt choose anew.
func (c *Cluster) forgetPorts() error {
	if err := os.Remove(c.portsFile()); err != nil {
		return fmt.Errorf("forget the ports of the last attempt: %w", err)
	}
	return nil
}

// freePorts finds n different ports that nobody listens on. Another program may take one before a component does, which
// Start mends by choosing again.
func freePorts(n int) ([]int, error) {
	var free []int
	var lastErr error
	for range 100 * n {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		// The listeners stay open until all are found, so that none is found twice.
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			lastErr = err
			continue
		}
		defer listener.Close()
		if free = append(free, port); len(free) == n {
			return free, nil
		}
	}
	return nil, fmt.Errorf("no %d free loopback ports from %d to %d: %w", n, firstPort, lastPort, lastErr)
}
