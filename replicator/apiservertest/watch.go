package apiservertest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// bookmarkPeriod is how often a watch gets a bookmark.
	bookmarkPeriod = time.Minute
	// bookmarkBeforeEnd is how long before its timeout a watch gets one.
	bookmarkBeforeEnd = 2 * time.Second
)

// Watch is the body of a watch's answer: a stream of frames.
type Watch struct {
	*query
	server *Server
	hangUp func()
	// from is the version from which it was asked for. Nothing is sent up to that, also where it is in the future.
	from uint64

	mu     sync.Mutex
	wake   sync.Cond
	frames [][]byte
	unread []byte
	ended  error
	timers []*time.Timer
}

func (s *Server) watch(q *query) (*Watch, error) {
	if errs := q.options.invalid(!s.options.NoWatchList); len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	from, snapshot, err := s.watchVersion(q)
	if err != nil {
		return nil, err
	}
	w := &Watch{query: q, server: s, from: from}
	w.wake.L = &w.mu
	if from < s.compacted && !snapshot {
		w.expire(from, s.compacted)
		return w, nil
	}
	if snapshot {
		for _, o := range q.table.asOf(from) {
			if q.sees(o) {
				w.push(watch.Added, o)
			}
		}
		if q.options.initial {
			w.bookmark(from, map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		}
	}
	for i := range q.table.history {
		if c := &q.table.history[i]; c.Version > from {
			w.send(c)
		}
	}
	s.watches = append(s.watches, w)
	if q.options.timeout > 0 {
		w.timers = append(w.timers, time.AfterFunc(q.options.timeout, func() { s.hangUp(w, io.EOF) }))
	}
	if q.options.bookmarks {
		if before := q.options.timeout - bookmarkBeforeEnd; before > 0 {
			w.timers = append(w.timers, time.AfterFunc(before, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if slices.Contains(s.watches, w) {
					w.bookmark(s.version, nil)
				}
			}))
		}
		var timer *time.Timer
		timer = time.AfterFunc(bookmarkPeriod, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if slices.Contains(s.watches, w) {
				w.bookmark(s.version, nil)
				timer.Reset(bookmarkPeriod)
			}
		})
		w.timers = append(w.timers, timer)
	}
	return w, nil
}

// watchVersion returns the version to watch from, and whether the state of then is sent first.
func (s *Server) watchVersion(q *query) (from uint64, snapshot bool, err error) {
	switch q.options.version {
	case "":
		return s.version, true, nil
	case "0":
		return max(s.version-min(q.lag, s.version), s.compacted, 1), true, nil
	}
	version, err := strconv.ParseUint(q.options.version, 10, 64)
	switch {
	case err != nil:
		return 0, false, unexplained(fmt.Sprintf("invalid resource version %q: %v", q.options.version, err))
	case q.options.initial && version > s.version:
		return 0, false, tooLarge(version, s.version)
	case q.options.initial:
		return s.version, true, nil
	}
	return version, false, nil
}

// send sends a change, as the watch's selectors show it.
func (w *Watch) send(c *Change) {
	was, is := w.sees(c.Before), w.sees(c.After)
	switch {
	case is && !was:
		w.push(watch.Added, c.After)
	case is:
		w.push(watch.Modified, c.After)
	case was:
		// What is gone, from the cluster or from the view, is shown as it last was, at the version at which it went.
		last := deepCopy(c.Before)
		last.SetResourceVersion(strconv.FormatUint(c.Version, 10))
		w.push(watch.Deleted, last)
	}
}

func (w *Watch) bookmark(version uint64, annotations map[string]string) {
	blank, err := codecScheme.New(w.table.gvk())
	if err != nil {
		panic(fmt.Sprintf("make a bookmark: %v", err))
	}
	blank.GetObjectKind().SetGroupVersionKind(w.table.gvk())
	if o, ok := blank.(Object); ok {
		o.SetResourceVersion(strconv.FormatUint(version, 10))
		o.SetAnnotations(annotations)
	}
	w.push(watch.Bookmark, blank)
}

func (w *Watch) expire(from, compacted uint64) {
	status := statusOf(apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", from, compacted)))
	w.push(watch.Error, &status)
	w.end(nil)
}

// Expire ends the watch with 410, as a server does that has compacted what it would have to send.
func (w *Watch) Expire() {
	w.mu.Lock()
	w.frames = nil
	w.mu.Unlock()
	w.expire(0, w.server.Version())
	w.server.hangUp(w, io.EOF)
}

func (w *Watch) push(kind watch.EventType, o runtime.Object) {
	frame, err := w.format.frame(string(kind), o)
	if err != nil {
		panic(fmt.Sprintf("encode an event: %v", err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended == nil {
		w.frames = append(w.frames, frame)
		w.wake.Broadcast()
	}
}

// hangUp ends a watch, whichever side does.
func (s *Server) hangUp(w *Watch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.watches, w); i >= 0 {
		s.watches = slices.Delete(s.watches, i, i+1)
	}
	w.end(err)
}

// end ends the watch with err once all that was sent is read; nil means that the stream is complete.
func (w *Watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		err = io.EOF
	}
	if w.ended == nil {
		w.ended = err
	}
	for _, t := range w.timers {
		t.Stop()
	}
	w.wake.Broadcast()
}

// Next returns the next frame.
func (w *Watch) Next() ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.frames) == 0 && w.ended == nil {
		w.wake.Wait()
	}
	if len(w.frames) == 0 {
		return nil, w.ended
	}
	frame := w.frames[0]
	w.frames = w.frames[1:]
	return frame, nil
}

// Read implements io.Reader.
func (w *Watch) Read(p []byte) (int, error) {
	if len(w.unread) == 0 {
		frame, err := w.Next()
		if err != nil {
			return 0, err
		}
		w.unread = frame
	}
	n := copy(p, w.unread)
	w.unread = w.unread[n:]
	return n, nil
}

// Close implements io.Closer.
func (w *Watch) Close() error {
	w.hangUp()
	return nil
}
