package replicator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"k8s.io/apimachinery/pkg/types"
)

func contentKey(name string) informers.Key {
	return informers.Key{Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: name}}
}

func ofSize(n int) informers.Content {
	return informers.Content{Data: map[string][]byte{"k": make([]byte, n-1)}}
}

func TestContentsOfVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents()
		c.put(contentKey("s"), "u", 7, ofSize(10))
		if got := c.get(contentKey("s"), "u", 7); got == nil || got.Size() != 10 {
			t.Error("the content that was put is not there")
		}
		if c.get(contentKey("s"), "u", 8) != nil || c.get(contentKey("s"), "v", 7) != nil ||
			c.get(contentKey("t"), "u", 7) != nil {
			t.Error("the content is given for another version, object or source")
		}
	})
}

func TestContentsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents()
		c.put(contentKey("s"), "u", 7, ofSize(10))
		<-time.After(contentLifetime - 1)
		if c.get(contentKey("s"), "u", 7) == nil {
			t.Error("the content is gone before its time")
		}
		<-time.After(1)
		synctest.Wait()
		if c.get(contentKey("s"), "u", 7) != nil || held(c) != 0 || len(c.of) != 0 {
			t.Errorf("after its time, %d bytes are kept of %d sources", held(c), len(c.of))
		}
	})
}

// held is how many bytes c keeps, read as timers see it.
func held(c *contents) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

func TestContentsReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents()
		c.put(contentKey("s"), "u", 7, ofSize(10))
		<-time.After(contentLifetime / 2)
		c.put(contentKey("s"), "u", 8, ofSize(20))
		if c.get(contentKey("s"), "u", 7) != nil || held(c) != 20 {
			t.Errorf("%d bytes are kept, want those of the new version alone", held(c))
		}
		<-time.After(contentLifetime - 1)
		if c.get(contentKey("s"), "u", 8) == nil {
			t.Error("the new version was forgotten with the old")
		}
		<-time.After(1)
		synctest.Wait()
		if held(c) != 0 {
			t.Errorf("after its time, %d bytes are kept", held(c))
		}
	})
}

func TestContentsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents()
		c.put(contentKey("large"), "u", 1, ofSize(contentLimit-10))
		c.put(contentKey("fits"), "u", 1, ofSize(10))
		c.put(contentKey("too-much"), "u", 1, ofSize(2))
		if c.get(contentKey("fits"), "u", 1) == nil {
			t.Error("what just fits was not kept")
		}
		if c.get(contentKey("too-much"), "u", 1) != nil || held(c) != contentLimit {
			t.Errorf("%d bytes are kept, want at most %d", held(c), contentLimit)
		}
		<-time.After(contentLifetime)
		synctest.Wait()
		c.put(contentKey("too-much"), "u", 1, ofSize(2))
		if c.get(contentKey("too-much"), "u", 1) == nil {
			t.Error("there is room again, and it is not used")
		}
		<-time.After(contentLifetime)
	})
}
