package replicator

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestEtcdRestored: the same process goes on after etcd was restored from a backup.
func TestEtcdRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRunningTest(t)
		w.put("from", "s", "one", "a")
		w.put("others", "s", "theirs", "")
		w.holds("before", map[string]string{"a/s": "one", "b/s": ""})
		backup := w.server.Version()
		w.put("from", "s", "two", "*")
		w.put("from", "later", "x", "a")
		w.holds("after the backup", map[string]string{"a/s": "two", "b/s": "two", "a/later": "x", "others/s": "theirs"})

		w.outage.away.Store(true)
		w.server.Restore(backup)
		<-time.After(20 * time.Second)
		w.outage.away.Store(false)
		w.holds("restored", map[string]string{"a/s": "one", "b/s": "", "from/later": "", "a/later": "", "others/s": "theirs"})

		w.put("from", "s", "three", "a,b")
		w.put("from", "later", "y", "b")
		w.holds("after that", map[string]string{"a/s": "three", "b/s": "three", "b/later": "y", "others/s": "theirs"})
	})
}
