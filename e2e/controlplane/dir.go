package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockLimit is how long a start waits for the processes of an earlier one, in the same folder, to be gone.
const lockLimit = 5 * time.Second

// prepareDir makes the folder, for this user alone, and takes its lock.
func (c *Cluster) prepareDir(ctx context.Context) error {
	if c.options.Dir == "" {
		dir, err := os.MkdirTemp("", "devcluster-")
		if err != nil {
			return fmt.Errorf("make the temporary folder for the state: %w", err)
		}
		c.dir = dir
	} else {
		dir, err := filepath.Abs(c.options.Dir)
		if err != nil {
			return fmt.Errorf("the folder for the state, %s: %w", c.options.Dir, err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the folder for the state: %w", err)
		}
		c.dir = dir
	}
	return c.takeLock(ctx)
}

// takeLock waits until no other control plane has this folder. The lock is held by this process and by each component,
// so it is free only when the last of them has ended.
func (c *Cluster) takeLock(ctx context.Context) error {
	path := filepath.Join(c.dir, "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the folder's lock: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			c.lock = lock
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			lock.Close()
			return fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			lock.Close()
			return fmt.Errorf("another devcluster is running in %s: end it, or choose another --dir", c.dir)
		}
	}
}

// prepareFiles writes what the components read: certificates, kubeconfigs, the audit policy.
func (c *Cluster) prepareFiles() error {
	if err := c.choosePorts(); err != nil {
		return fmt.Errorf("choose the ports: %w", err)
	}
	var err error
	if c.pki, err = preparePKI(filepath.Join(c.dir, "pki")); err != nil {
		return fmt.Errorf("make the certificates: %w", err)
	}
	if c.options.Nodes {
		if err := c.pki.issueKubeletClient(); err != nil {
			return fmt.Errorf("make the certificate for kubelets: %w", err)
		}
	}
	if c.admin, err = c.ClientConfig("devcluster-admin", "system:masters"); err != nil {
		return err
	}
	if err := WriteKubeconfig(c.Kubeconfig(), c.admin); err != nil {
		return err
	}
	manager, err := c.ClientConfig("system:kube-controller-manager")
	if err != nil {
		return err
	}
	if err := WriteKubeconfig(c.managerKubeconfig(), manager); err != nil {
		return err
	}
	if err := os.WriteFile(c.auditPolicy(), []byte(auditPolicy), 0o600); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}
	return nil
}

// removeAll removes a folder that other processes, about to end, may still be writing to.
func removeAll(dir string) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for range 40 {
		if os.RemoveAll(dir) == nil {
			return
		}
		<-ticker.C
	}
}
