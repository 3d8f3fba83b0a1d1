package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func (c *Cluster) etcdDir() string { return filepath.Join(c.dir, "etcd") }

// Backup copies etcd's data into a folder that does not exist yet. etcd is stopped meanwhile.
func (c *Cluster) Backup(ctx context.Context, to string) error {
	if err := c.Etcd.Stop(ctx); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(c.etcdDir())); err != nil {
		return fmt.Errorf("back up etcd: %w", err)
	}
	return c.Etcd.Start(ctx)
}

// Restore puts a backup in the place of etcd's data, in the way of etcd's documentation: the API server and what
// depends on it are stopped before and started after that. Clients find a cluster whose resourceVersions have gone
// back.
func (c *Cluster) Restore(ctx context.Context, from string) error {
	if err := errors.Join(c.ControllerManager.Kill(), c.APIServer.Kill(), c.Etcd.Stop(ctx)); err != nil {
		return err
	}
	if err := os.RemoveAll(c.etcdDir()); err != nil {
		return fmt.Errorf("remove etcd's data: %w", err)
	}
	if err := os.CopyFS(c.etcdDir(), os.DirFS(from)); err != nil {
		return fmt.Errorf("restore etcd: %w", err)
	}
	for _, component := range c.components() {
		if err := component.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}
