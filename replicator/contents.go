package replicator

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// contents are the contents of the sources that are being written at the moment, so that a fan-out of many passes, or
// namespaces that are created one after another, read their source once. Each is forgotten a fixed time after it was
// read, used or not: so a watch that has fallen behind can't have an old policy followed for long, and nothing of a
// Secret stays at rest. The whole is bounded: memory does not grow with the bytes of anybody's Secrets.
type contents struct {
	mu    sync.Mutex
	bytes int
	of    map[informers.Key]*heldContent
}

type heldContent struct {
	content informers.Content
	uid     types.UID
	version informers.Version
	bytes   int
	expiry  *time.Timer
}

const (
	contentLifetime = 10 * time.Second
	contentLimit    = 8 << 20
)

func newContents() *contents { return &contents{of: map[informers.Key]*heldContent{}} }

// get is the content of this very version, or nil.
func (c *contents) get(key informers.Key, uid types.UID, version informers.Version) *informers.Content {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.of[key]
	if h == nil || h.uid != uid || h.version != version {
		return nil
	}
	return &h.content
}

// put keeps the content for a while, if there is room.
func (c *contents) put(key informers.Key, uid types.UID, version informers.Version, content informers.Content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key, c.of[key])
	h := &heldContent{content: content, uid: uid, version: version, bytes: content.Size()}
	if c.bytes+h.bytes > contentLimit {
		return
	}
	c.bytes += h.bytes
	c.of[key] = h
	h.expiry = time.AfterFunc(contentLifetime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drop(key, h)
	})
}

// drop forgets h if it is still what is held.
func (c *contents) drop(key informers.Key, h *heldContent) {
	if h == nil || c.of[key] != h {
		return
	}
	h.expiry.Stop()
	c.bytes -= h.bytes
	delete(c.of, key)
}
