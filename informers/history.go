package informers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// historyChecker is a ListerWatcher whose watches go on only where the API server's history does. After etcd was
// restored from a backup, resourceVersions are lower than before. client-go's Reflector would go on watching from the
// version that it has seen last, and the API server would pass over all events up to that version, without an error.
//
// So it answers 410 Gone to the request for such a watch, and the Reflector lists again. It does the same where the API
// server can't be reached: this is what a restore looks like from here, and once enough was written after it the
// versions do not show it any more. An API server that was merely restarted has no history to go on from, as a rule,
// and answers 410 itself.
type historyChecker struct {
	client cache.ListerWatcherWithContext
}

var _ cache.ListerWatcherWithContext = (*historyChecker)(nil)

func newHistoryChecker(client cache.ListerWatcher) *historyChecker {
	return &historyChecker{cache.ToListerWatcherWithContext(client)}
}

// ListWithContext implements cache.ListerWatcherWithContext.
func (h *historyChecker) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	return h.client.ListWithContext(ctx, options)
}

// WatchWithContext implements cache.ListerWatcherWithContext.
func (h *historyChecker) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if resumes(options) {
		if err := h.check(ctx, options.ResourceVersion); err != nil {
			return nil, err
		}
	}
	return h.client.WatchWithContext(ctx, options)
}

// check returns nil if the API server has got at least as far as a version that it has told of.
func (h *historyChecker) check(ctx context.Context, seen string) error {
	newest, err := h.newest(ctx)
	switch {
	case utilnet.IsConnectionRefused(err):
		return apierrors.NewResourceExpired("the API server was away")
	case err != nil:
		return err
	}
	last, err := ParseVersion(seen)
	if err != nil {
		return err
	}
	if newest < last {
		return apierrors.NewResourceExpired(fmt.Sprintf("resourceVersions have gone back from %d to %d", last, newest))
	}
	return nil
}

// newest returns the API server's version. A list without one is at least as new as all that was written before it was
// asked for.
func (h *historyChecker) newest(ctx context.Context) (Version, error) {
	list, err := h.client.ListWithContext(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	m, err := meta.ListAccessor(list)
	if err != nil {
		return 0, fmt.Errorf("newest resourceVersion: %w", err)
	}
	return ParseVersion(m.GetResourceVersion())
}
