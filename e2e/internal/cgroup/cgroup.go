// Package cgroup creates and removes control groups, of version 1 and 2, by the file systems that are mounted.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// busyInterval is how often a group is tried again whose last processes are still ending.
	busyInterval = 20 * time.Millisecond
	busyAttempts = 100
)

// Remove removes the group of this name at the top of each hierarchy, and the groups in it. No process may be in them,
// or be about to be. Groups that do not exist are no error.
func Remove(name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, hierarchy := range hierarchies {
		errs = append(errs, removeTree(filepath.Join(hierarchy, name)))
	}
	return errors.Join(errs...)
}

// Probe reports why groups cannot be made on this machine, by making one of this name in each hierarchy.
func Probe(name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	if len(hierarchies) == 0 {
		return errors.New("no cgroup file system is mounted")
	}
	for _, hierarchy := range hierarchies {
		if err := os.Mkdir(filepath.Join(hierarchy, name), 0o755); err != nil {
			return errors.Join(fmt.Errorf("control groups cannot be made: %w", err), Remove(name))
		}
	}
	return Remove(name)
}

// hierarchies are the mount points of the cgroup file systems.
func hierarchies() ([]string, error) {
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var points []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			points = append(points, fields[1])
		}
	}
	return points, nil
}

// removeTree removes the folders depth first: a group's files cannot be removed and need not be.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	ticker := time.NewTicker(busyInterval)
	defer ticker.Stop()
	for range busyAttempts {
		err = syscall.Rmdir(dir)
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		<-ticker.C
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the control group %s: %w", dir, err)
	}
	return nil
}
