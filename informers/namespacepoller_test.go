package informers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// polledCluster is what a namespacePoller reads.
type polledCluster struct {
	mu      sync.Mutex
	objects map[string]*metav1.PartialObjectMetadata
	errs    map[string]error
	unknown map[string]bool
	acting  bool
}

func (p *polledCluster) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *polledCluster) put(name, uid, version string) {
	p.change(func() {
		p.objects[name] = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(uid), ResourceVersion: version,
		}}
	})
}

func (p *polledCluster) get(_ context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.errs[name]; err != nil {
		return nil, err
	}
	if m := p.objects[name]; m != nil {
		return m, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
}

func (p *polledCluster) found(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.unknown[name]
}

func (p *polledCluster) isActing() bool { return p.acting }

// TestNamespacePoller: what happens to namespaces comes as the events of a watch.
func TestNamespacePoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forbidden := apierrors.NewForbidden(corev1.Resource("namespaces"), "", errors.New("no Role"))
		p := &polledCluster{
			objects: map[string]*metav1.PartialObjectMetadata{}, errs: map[string]error{}, unknown: map[string]bool{},
		}
		p.put("a", "1", "10")
		p.put("b", "2", "11")
		p.errs["b"] = forbidden
		initial := true
		poller := &namespacePoller{names: []string{"a", "b", "c"}, get: p.get, found: p.found, acting: p.isActing}
		w, err := poller.WatchWithContext(t.Context(), metav1.ListOptions{SendInitialEvents: &initial})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		go func() {
			for e := range w.ResultChan() {
				m, _ := e.Object.(*metav1.PartialObjectMetadata)
				p.change(func() { got = append(got, fmt.Sprintf("%s %s %s %s", e.Type, m.Name, m.UID, m.ResourceVersion)) })
			}
		}()
		for _, step := range []struct {
			title string
			do    func()
			want  []string
		}{
			{"at first", func() {}, []string{"ADDED a 1 10", "BOOKMARK   10", "BOOKMARK   10"}},
			{"nothing changes", func() {}, []string{"BOOKMARK   10"}},
			{"a change", func() { p.put("a", "1", "12") }, []string{"MODIFIED a 1 12", "BOOKMARK   12"}},
			{"an error", func() { p.change(func() { p.errs["a"] = errors.New("no answer") }) }, nil},
			{
				"a Role, and what is in the namespace is not known yet",
				func() { p.change(func() { delete(p.errs, "b"); delete(p.errs, "a"); p.unknown["b"] = true }) },
				[]string{"BOOKMARK   12"},
			},
			{
				"it is known", func() { p.change(func() { delete(p.unknown, "b") }) },
				[]string{"ADDED b 2 11", "BOOKMARK   12"},
			},
			{
				"another of the same name", func() { p.put("a", "3", "13") },
				[]string{"DELETED a 1 12", "ADDED a 3 13", "BOOKMARK   13"},
			},
			{
				"a deletion", func() { p.change(func() { delete(p.objects, "b") }) },
				[]string{"DELETED b 2 11", "BOOKMARK   13"},
			},
			{
				"no Role any more", func() { p.change(func() { p.errs["a"] = forbidden }) },
				[]string{"DELETED a 3 13", "BOOKMARK   13"},
			},
		} {
			step.do()
			<-time.After(pollInterval) // of the bubble's
			synctest.Wait()
			p.change(func() {
				if !slices.Equal(got, step.want) {
					t.Errorf("%s: got %q, want %q", step.title, got, step.want)
				}
				got = nil
			})
		}
		w.Stop()
		synctest.Wait()
		if _, open := <-w.ResultChan(); open {
			t.Error("the watch goes on after Stop")
		}
	})
}

// TestNamespacePollerFirst: what can't be told is an error and no empty list, and a watch cannot be resumed.
func TestNamespacePollerFirst(t *testing.T) {
	p := &polledCluster{errs: map[string]error{"a": errors.New("no answer")}}
	poller := &namespacePoller{names: []string{"a"}, get: p.get, found: p.found, acting: p.isActing}
	if list, err := poller.List(metav1.ListOptions{}); err == nil {
		t.Errorf("got the list %v, want an error", list)
	}
	initial := true
	if _, err := poller.Watch(metav1.ListOptions{SendInitialEvents: &initial}); err == nil {
		t.Error("a watch began without a list")
	}
	if _, err := poller.Watch(metav1.ListOptions{ResourceVersion: "1"}); !apierrors.IsResourceExpired(err) {
		t.Errorf("a watch was resumed: %v", err)
	}
}

// TestNamespacePollerAgain: a list that follows another shows no namespace before what is in it is known.
func TestNamespacePollerAgain(t *testing.T) {
	p := &polledCluster{
		objects: map[string]*metav1.PartialObjectMetadata{}, unknown: map[string]bool{"late": true},
	}
	p.put("a", "1", "10")
	p.put("late", "2", "11")
	poller := &namespacePoller{names: []string{"a", "late"}, get: p.get, found: p.found, acting: p.isActing}
	for _, step := range []struct {
		title string
		do    func()
		want  int
	}{
		{"nobody acts before all is known", func() {}, 2},
		{"what is in one of them is not known", func() { p.acting = true }, 1},
		{"it is known", func() { delete(p.unknown, "late") }, 2},
	} {
		step.do()
		list, err := poller.List(metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := meta.LenList(list); got != step.want {
			t.Errorf("%s: %d namespaces are shown, want %d", step.title, got, step.want)
		}
	}
}
