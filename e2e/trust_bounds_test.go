package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// memoryLimit is that of the container in deploy/.
const memoryLimit = 256 << 20

// heapBytes is how much memory a controller's Go runtime holds. Its resident set says more, but not where it was built
// with the race detector.
func heapBytes(ctx context.Context, c *harness.Controller) (float64, error) {
	text, err := c.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines([]byte(text)) {
		if value, ok := strings.CutPrefix(string(line), "go_memstats_heap_sys_bytes "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no go_memstats_heap_sys_bytes in\n%s", text)
}

// createAll makes many objects as the tenant.
func (t *tenant) createAll(n int, object func(i int) object) {
	t.Helper()
	var wg sync.WaitGroup
	room := make(chan struct{}, 16)
	errs := make([]error, n)
	for i := range n {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			_, errs[i] = t.asScene().tryCreate(object(i))
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrustR5Memory: short expressions that compile to megabytes do not cost the controller its memory.
func TestTrustR5Memory(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s)
	tenant, from, to := s.namespace("tenant"), s.namespace("from"), s.namespace("to")
	mallory := s.tenant(tenant)
	hostile := func(i int) object {
		return object{
			kind: configMap, namespace: tenant, name: fmt.Sprintf("hostile-%03d", i), data: map[string]string{"token": "x"},
			annotations: map[string]string{
				replicator + "replicate-to": fmt.Sprintf("(?:abcdefg%03d){1000},(?:abcdefg%03d){600}", i, i),
			},
		}
	}
	const sources = 200
	mallory.createAll(sources, hostile)
	bounded := func() {
		s.Helper()
		source := s.create(object{
			namespace: from, name: s.token() + fmt.Sprint(c.PID()), data: map[string]string{"token": "one"},
			annotations: map[string]string{
				reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
				reflector + "reflection-allowed-namespaces": s.ns("to") + ".*",
			},
		})
		s.replicated(source, to)
		s.system.CatchUp(s)
		heap, err := heapBytes(s.Context(), c)
		if err != nil {
			s.Fatal(err)
		}
		s.Logf("the heap has %.0f MiB", heap/mebibyte)
		if heap > memoryLimit {
			s.Errorf("the heap has %.0f MiB, the limit is %d", heap/mebibyte, memoryLimit/mebibyte)
		}
		s.expectNoWarning(source)
	}
	bounded()
	newest := hostile(sources - 1)
	event := s.expectEvent(newest, "Frozen", "namespace "+tenant, "too much memory")
	s.Logf("the event says: %s", event.Note)
	s.stop(c)
	s.start(c)
	bounded()
	s.expectEvent(newest, "Frozen", "namespace "+tenant)
}

// slowExpression takes milliseconds for each name and matches none. It is .NET's syntax, so it runs with backtracking.
const slowExpression = "(?:a?.?){14}[!]"

// slowSource is a source whose expression is slow.
func slowSource(namespace string, i int) object {
	return object{
		kind: secret, namespace: namespace, name: fmt.Sprintf("slow-%03d", i), data: map[string]string{"token": "theirs"},
		annotations: map[string]string{
			reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
			reflector + "reflection-allowed-namespaces": slowExpression,
		},
	}
}

// TestTrustTime: a tenant whose expressions are slow freezes his own sources, and no others. How long others wait is
// measured by the benchmark "hostile".
func TestTrustTime(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s)
	for name, tc := range map[string]struct {
		sources int
		edit    func(o *object, competitor string)
	}{
		"R7 competitors": {150, func(o *object, competitor string) { o.annotations[native+"target-name"] = competitor }},
		"R13":            {500, func(*object, string) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.part(t)
			tenant, platform := s.namespace("tenant"), s.namespace("platform")
			for i := range 20 {
				s.namespace(fmt.Sprintf("to-%02d", i))
			}
			s.tenant(tenant).createAll(tc.sources, func(i int) object {
				o := slowSource(tenant, i)
				tc.edit(&o, s.token())
				return o
			})
			s.nextSecond() // whoever is equally old is told apart by name
			source := s.create(object{
				namespace: platform, name: s.token(), data: map[string]string{"token": "one"},
				annotations: map[string]string{
					reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
					reflector + "reflection-allowed-namespaces": s.ns("to-.*"),
				},
			})
			s.replicated(source, s.ns("to-00"))
			for i := range 20 {
				s.replicated(source, s.namespace(fmt.Sprintf("to-new-%02d", i)))
			}
			s.expectNoWarning(source)
			s.eventually(func() error {
				events, err := s.system.Client.EventsV1().Events(tenant).List(s.Context(), metav1.ListOptions{})
				if err != nil {
					return err
				}
				for _, event := range events.Items {
					if event.Reason == "Frozen" && strings.Contains(event.Note, "namespace "+tenant) {
						return nil
					}
				}
				return fmt.Errorf("none of %d events says that the tenant's sources are slow", len(events.Items))
			})
			if _, err := c.Get(s.Context(), "/readyz"); err != nil {
				s.Fatal(err)
			}
		})
	}
}

// TestLongPolicy: a source whose annotations are longer than what is held of every source is like any other.
func TestLongPolicy(t *testing.T) {
	for name, dialect := range map[string]struct {
		key, suffix string
		annotations map[string]string
	}{
		"native": {key: native + "push-to", annotations: map[string]string{native + "on-delete": "keep"}},
		"reflector": {
			key: reflector + "reflection-allowed-namespaces", suffix: "(?!x)",
			annotations: map[string]string{
				reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
			},
		},
		"replicator": {key: replicator + "replicate-to", suffix: "(|)"},
	} {
		t.Run(name, func(t *testing.T) {
			forEachKind(t, func(s *scene, k kind) {
				from, one, two := s.namespace("from"), s.namespace("one"), s.namespace("two")
				list := func(namespaces ...string) string {
					var b strings.Builder
					for i := range 200 {
						fmt.Fprintf(&b, "a-namespace-that-is-not-there-%03d%s,", i, dialect.suffix)
					}
					return b.String() + strings.Join(namespaces, ",")
				}
				annotations := maps.Clone(dialect.annotations)
				if annotations == nil {
					annotations = map[string]string{}
				}
				annotations[dialect.key] = list(one)
				source := s.create(object{
					kind: k, namespace: from, name: "long", data: map[string]string{"token": "one"}, annotations: annotations,
				})
				s.replicated(source, one)
				source = s.edit(source, func(o *object) { o.data["token"] = "two" })
				s.replicated(source, one)
				source = s.annotate(source, dialect.key, list(two))
				s.replicated(source, two)
				s.absent(k, one, "long")
				source = s.annotate(source, dialect.key, list(one, "("))
				s.expectEvent(source, "Frozen", dialect.key)
				s.absent(k, one, "long")
				source = s.annotate(source, dialect.key, list(one, two))
				s.replicated(source, one)
				s.replicated(source, two)
				s.edit(source, func(o *object) { o.annotations = nil }) // without its list, Reflector's is every namespace
				s.absentIn([]string{one, two}, k, "long")
			})
		})
	}
}
