package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// bareClient makes the writes that a controller has to make and does nothing else: no watch, no decision. It is the
// most that the API server gives.
type bareClient struct {
	b          *bench
	namespaces []string
	// concurrency is what it was fastest with.
	concurrency int
}

// concurrencies are those that a bare client tries, in order.
var concurrencies = []int{16, 32, 64, 128}

// unthrottled measures with the concurrency that was found, and with a lower one as long as the API server turns
// requests away: a client that waits for a second before it sends one again is not the fastest that there is.
func (c *bareClient) unthrottled(measure func() (time.Duration, error)) (time.Duration, error) {
	for {
		before := c.b.throttled.Load()
		took, err := measure()
		if err != nil || c.b.throttled.Load() == before || c.concurrency == concurrencies[0] {
			return took, err
		}
		c.concurrency = concurrencies[slices.Index(concurrencies, c.concurrency)-1]
		c.b.say("the API server turned requests of the bare client away: again with %d writes at a time", c.concurrency)
	}
}

// newBareClient finds out which concurrency is best for creating in these namespaces, with the controller stopped.
func (b *bench) newBareClient(ctx context.Context, namespaces []string) (*bareClient, error) {
	c := &bareClient{b: b, namespaces: namespaces, concurrency: concurrencies[0]}
	return c, b.withoutController(ctx, func() error { return c.warmUp(ctx) })
}

// warmUp sets the concurrency to the best one at which the API server turns no request away.
func (c *bareClient) warmUp(ctx context.Context) error {
	best := time.Duration(math.MaxInt64)
	for range 2 { // what runs first runs cold
		for _, n := range concurrencies {
			candidate := &bareClient{b: c.b, namespaces: c.namespaces, concurrency: n}
			before := c.b.throttled.Load()
			took, _, err := candidate.create(ctx, c.b.unique("warm-up"))
			if err != nil {
				return err
			}
			if took < best && c.b.throttled.Load() == before {
				best, c.concurrency = took, n
			}
		}
	}
	c.b.say("the bare client is fastest with %d writes at a time: %d in %s", c.concurrency, len(c.namespaces),
		best.Round(time.Millisecond))
	return nil
}

// bareReplica has as much metadata as a replica.
func bareReplica(namespace, name string) *corev1.Secret {
	s := secret(namespace, name, 0)
	s.Labels = map[string]string{
		"app.kubernetes.io/managed-by": "bareclient", "bare.example.com/replica": "push",
		"bare.example.com/source-namespace": home, "bare.example.com/source-name": name,
	}
	s.Annotations = map[string]string{
		"bare.example.com/replica-of":    home + "/" + name,
		"bare.example.com/replicated-at": time.Now().UTC().Format(time.RFC3339),
	}
	return s
}

// create makes a Secret of each name in every namespace, and says how long it took until the observer saw the last, and
// the versions that they got.
func (c *bareClient) create(ctx context.Context, names ...string) (time.Duration, map[[2]string]string, error) {
	var mu sync.Mutex
	versions := map[[2]string]string{}
	n := len(c.namespaces) * len(names)
	took, err := c.b.untilWritten(ctx, n, func() error {
		return parallel(n, c.concurrency, func(i int) error {
			namespace, name := c.namespaces[i/len(names)], names[i%len(names)]
			created, err := c.b.client.CoreV1().Secrets(namespace).
				Create(ctx, bareReplica(namespace, name), metav1.CreateOptions{})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			versions[[2]string{namespace, name}] = created.ResourceVersion
			return nil
		})
	}, names...)
	return took, versions, err
}

// rotate changes the data of what create made, by the guarded JSON patch that a careful controller has to use.
func (c *bareClient) rotate(
	ctx context.Context, name string, generation int, versions map[[2]string]string,
) (time.Duration, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	data := secret("", "", generation).Data
	var mu sync.Mutex
	return c.b.untilWritten(ctx, len(c.namespaces), func() error {
		return parallel(len(c.namespaces), c.concurrency, func(i int) error {
			at := [2]string{c.namespaces[i], name}
			mu.Lock()
			version := versions[at]
			mu.Unlock()
			patch, err := json.Marshal([]operation{
				{"replace", "/metadata/resourceVersion", version},
				{"replace", "/data", data},
				{"replace", "/metadata/annotations/bare.example.com~1replicated-at", time.Now().UTC().Format(time.RFC3339)},
			})
			if err != nil {
				return err
			}
			patched, err := c.b.watch.Resource(secrets).Namespace(c.namespaces[i]).
				Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{})
			if err != nil {
				return fmt.Errorf("rotate: %w", err)
			}
			mu.Lock()
			defer mu.Unlock()
			versions[at] = patched.ResourceVersion
			return nil
		})
	}, name)
}
