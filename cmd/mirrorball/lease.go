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

// newLock makes the Lease's client, and asks for the Lease once so that missing permissions show at once.
func newLock(ctx context.Context, config *rest.Config, namespace, name string) (resourcelock.Interface, error) {
	// A connection of its own: heavy traffic must not delay a renewal, and one request that hangs must not use up the
	// whole time for it.
	config = rest.CopyConfig(config)
	config.Timeout = lease.RequestTimeout
	config.UserAgent += " leader-election"
	client, err := coordinationclient.NewForConfig(config)
	if err != nil {
		return nil, unable("connect for the lease: %w", err)
	}
	_, err = client.Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		return nil, unable("the lease cannot be used: %w; grant the Role of deploy/kustomize/base in namespace %s",
			err, namespace)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, unable("the lease needs this host's name: %w", err)
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
		Client:     client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}, nil
}
