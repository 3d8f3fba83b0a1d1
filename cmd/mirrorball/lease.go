package main

import (
	"context"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/mirrorball-dev/mirrorball/replicator/lease"
)

// newElection returns how the process comes to lead, or nil if it always does.
func newElection(ctx context.Context, config *rest.Config, s settings) (*lease.Election, error) {
	if !s.leaderElect {
		return nil, nil
	}
	lock, err := newLock(ctx, config, s)
	return &lease.Election{Lock: lock, Timings: s.lease, Fence: &lease.Fence{}}, err
}

// newLock returns the lock for leader election. It reads the Lease once, to find missing permissions at the start.
func newLock(ctx context.Context, config *rest.Config, s settings) (resourcelock.Interface, error) {
	namespace, name := s.leaderElectNamespace, s.leaderElectName
	// A separate connection, so that other traffic cannot delay a renewal. The timeout leaves time for a second attempt
	// when one request hangs.
	config = rest.CopyConfig(config)
	config.Timeout = s.lease.RequestTimeout()
	config.UserAgent += " leader-election"
	client, err := coordinationclient.NewForConfig(config)
	if err != nil {
		return nil, unable("cannot create a client for leader election: %w; correct the kubeconfig", err)
	}
	_, err = client.Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		return nil, unable("cannot use the Lease: %w; apply what 'mirrorball rbac' prints for the same flags to namespace %s",
			err, namespace)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, unable("cannot read the host name, which leader election needs: %w", err)
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
		Client:     client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}, nil
}
