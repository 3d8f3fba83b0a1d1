package informers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// handServed is an API server with one list, and a watch that the test feeds.
type handServed struct {
	list  *corev1.ConfigMapList
	watch *watch.FakeWatcher
}

func (h *handServed) listWatch() cache.ListerWatcher {
	return &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return h.list.DeepCopy(), nil
		},
		WatchFuncWithContext: func(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
			if o.SendInitialEvents != nil {
				return nil, errors.New("this server has no streamed lists")
			}
			h.watch = watch.NewFake()
			return h.watch, nil
		},
	}
}

func (h *handServed) expire() {
	h.watch.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired})
}

// listAt sets the list, of one object at a version.
func (h *handServed) listAt(version string, objects ...string) {
	h.list = &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: version}}
	for _, v := range objects {
		h.list.Items = append(h.list.Items, corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: overlaidName.Namespace, Name: overlaidName.Name, ResourceVersion: v,
		}})
	}
}

// TestStore runs a store on client-go's informer.
func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server handServed
		changes := 0
		s := newStore(storeOptions[*RulesDocument]{
			name: "test", source: server.listWatch(), expected: &corev1.ConfigMap{}, convert: newRulesDocument,
			changed: func(types.NamespacedName, *RulesDocument, *RulesDocument) { changes++ },
		})
		want := func(what string, version Version, wantChanges int) {
			t.Helper()
			synctest.Wait()
			var got Version
			if obj := s.get(overlaidName); obj != nil {
				got = obj.Version
			}
			if got != version || changes != wantChanges {
				t.Errorf("%s: version %d and %d changes, want %d and %d", what, got, changes, version, wantChanges)
			}
			changes = 0
		}
		written := func(version Version) {
			s.observe(&RulesDocument{Identity: Identity{NamespacedName: overlaidName, Version: version}})
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		server.listAt("8", "8")
		s.addHandler()
		if s.hasSynced() {
			t.Error("it has synced before it runs")
		}
		go func() { defer close(done); s.run(ctx) }()
		want("the first list", 8, 1)
		if !s.hasSynced() {
			t.Error("it has not synced after the first list")
		}
		written(9)
		want("a write", 9, 1)
		server.listAt("3", "3")
		server.expire()
		<-time.After(5 * time.Second) // the Reflector waits before it lists again
		want("a list of a restored etcd", 3, 1)
		written(4)
		want("a write after that", 4, 1)
		server.listAt("7")
		server.expire()
		<-time.After(5 * time.Second)
		want("a list without the object", 0, 1)
		if !s.empty() {
			t.Error("an entry is left")
		}
		stop()
		<-done
	})
}
