package informers

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const (
	// hurriedSeconds is how long a hurried watch lasts. The API server sends a bookmark two seconds before the end of a
	// watch, and otherwise once a minute.
	hurriedSeconds = 3
	// minWatch is how long a watch has to last at least: one that ends earlier without an event is an error for the
	// Reflector of client-go, which lists again.
	minWatch = time.Second
)

// restarter is a ListerWatcher whose watch can be made to begin anew, or to be replaced by a list.
type restarter struct {
	*cache.ListWatch

	mu sync.Mutex
	// current is the last watch, and began is when it began.
	current watch.Interface
	began   time.Time
	// hurried says that watches are short, so that a bookmark comes soon, and relists that the next one is refused.
	hurried, relists bool
}

var _ cache.ListerWatcherWithContext = (*restarter)(nil)

// WatchWithContext implements cache.ListerWatcherWithContext.
func (r *restarter) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if resumes(options) {
		if err := r.prepare(&options); err != nil {
			return nil, err
		}
	}
	w, err := r.ListWatch.WatchWithContext(ctx, options)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.current, r.began = w, time.Now()
	}
	return w, err
}

func (r *restarter) prepare(options *metav1.ListOptions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.relists {
		r.relists = false
		return apierrors.NewResourceExpired("the watch did not catch up in time")
	}
	if r.hurried {
		seconds := int64(hurriedSeconds)
		options.TimeoutSeconds = &seconds
	}
	return nil
}

// hurry makes watches short from now on, or as long as usual.
func (r *restarter) hurry(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurried = on
}

// untilRestart returns how long restart should still wait; see minWatch.
func (r *restarter) untilRestart() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, time.Until(r.began.Add(minWatch)))
}

// restart ends the watch. The Reflector goes on with another one from where it was.
func (r *restarter) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil {
		r.current.Stop()
	}
}

// relist ends the watch, and has the Reflector list again.
func (r *restarter) relist() {
	r.mu.Lock()
	r.relists = true
	r.mu.Unlock()
	r.restart()
}

// resumes reports whether a watch goes on from a version that was seen.
func resumes(options metav1.ListOptions) bool {
	return options.SendInitialEvents == nil && options.ResourceVersion != "" && options.ResourceVersion != "0"
}
