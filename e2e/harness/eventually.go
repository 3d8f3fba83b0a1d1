package harness

import (
	"context"
	"testing"
	"time"
)

// Timeout is how long tests wait for what takes milliseconds on an idle machine.
const Timeout = 30 * time.Second

// NamespaceTimeout is how long they wait for Kubernetes to empty and delete a namespace, which it begins after five
// seconds and does with hundreds of requests.
const NamespaceTimeout = 3 * time.Minute

// Eventually waits until check has no error, asking every 20 ms, and fails the test with its last one otherwise.
func Eventually(t testing.TB, timeout time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := Poll(ctx, func(context.Context) error { return check() }); err != nil {
		t.Fatalf("still after %s: %v", timeout, err)
	}
}
