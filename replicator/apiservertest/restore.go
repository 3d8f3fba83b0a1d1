package apiservertest

import "slices"

// Restore takes the server back to an earlier version, as when etcd is restored from a backup and the API server is
// started again: all watches end, and the server has no history from before.
func (s *Server) Restore(version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		objects := t.asOf(version)
		clear(t.objects)
		for _, o := range objects {
			t.objects[keyOf(o)] = o
		}
		t.history = slices.DeleteFunc(t.history, func(c Change) bool { return c.Version > version })
	}
	s.version, s.compacted = version, version
	for _, w := range s.watches {
		w.end(nil)
	}
	s.watches = nil
}
