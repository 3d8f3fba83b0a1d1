package informers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"pgregory.net/rapid"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// sharesTest are shares of which the frozen sources are looked at.
type sharesTest struct {
	*shares
	policies map[Key]*annotations.Policy
}

func newSharesTest(limit int) *sharesTest {
	return &sharesTest{newShares(limit), map[Key]*annotations.Policy{}}
}

func shareKey(namespace, name string) Key {
	return Key{annotations.Secret, types.NamespacedName{Namespace: namespace, Name: name}}
}

// add adds a source that takes about so many KiB, and was created at a second.
func (x *sharesTest) add(namespace, name string, second int64, kib int) []string {
	key := shareKey(namespace, name)
	x.policies[key] = annotations.Parse(namespace, name, map[string]string{
		annotations.PushTo: strings.Repeat("a", kib<<9),
	}).Policy
	return keyNames(x.put(key, time.Unix(second, 0), x.policies[key]))
}

func (x *sharesTest) remove(namespace, name string) []string {
	delete(x.policies, shareKey(namespace, name))
	return keyNames(x.drop(shareKey(namespace, name)))
}

func keyNames(keys []Key) []string {
	var names []string
	for _, key := range keys {
		names = append(names, key.NamespacedName.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// frozen are the sources whose policies are suspended.
func (x *sharesTest) frozen() []string {
	var keys []Key
	for key, p := range x.policies {
		if p.Suspended() != nil {
			keys = append(keys, key)
		}
	}
	return keyNames(keys)
}

func (x *sharesTest) expect(t *testing.T, frozen ...string) {
	t.Helper()
	if diff := cmp.Diff(frozen, x.frozen()); diff != "" {
		t.Errorf("frozen (-want +got):\n%s", diff)
	}
}

func TestShares(t *testing.T) {
	const mib = 1 << 20
	t.Run("one namespace may have everything", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 9 {
			x.add("tenant", fmt.Sprint(i), int64(i), 100)
		}
		x.expect(t)
	})
	t.Run("the newest is frozen", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 12 {
			x.add("tenant", fmt.Sprintf("%02d", i), int64(i), 100)
		}
		x.expect(t, "tenant/10", "tenant/11")
	})
	t.Run("whichever comes first", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 12 {
			x.add("tenant", fmt.Sprintf("%02d", i), int64(100-i), 100)
		}
		x.expect(t, "tenant/00", "tenant/01")
	})
	t.Run("of the namespace that takes the most", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 9 {
			x.add("tenant", fmt.Sprintf("%02d", i), int64(i), 100)
		}
		for i := range 4 {
			x.add("honest", fmt.Sprint(i), 100+int64(i), 100)
		}
		x.expect(t, "tenant/06", "tenant/07", "tenant/08")
	})
	t.Run("those that there is room for are told", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 12 {
			x.add("tenant", fmt.Sprintf("%02d", i), int64(i), 100)
		}
		if diff := cmp.Diff([]string{"tenant/10"}, x.remove("tenant", "03")); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		x.expect(t, "tenant/11")
		if diff := cmp.Diff([]string{"tenant/11"}, x.add("tenant", "02", 2, 1)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		x.expect(t)
	})
	t.Run("a namespace that takes less has it first", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 12 {
			x.add("tenant", fmt.Sprintf("%02d", i), int64(i), 100)
			x.add("other", fmt.Sprintf("%02d", i), int64(i), 100)
		}
		x.add("small", "a", 100, 300)
		if slices.Contains(x.frozen(), "small/a") {
			t.Errorf("frozen are %v", x.frozen())
		}
	})
	t.Run("what many sources have in common counts once", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 100 {
			key := shareKey("tenant", fmt.Sprint(i))
			x.policies[key] = annotations.Parse("tenant", key.Name, map[string]string{
				"replicator.v1.mittwald.de/replicate-to": "(?:abcdefg){1000}",
			}).Policy
			x.put(key, time.Unix(int64(i), 0), x.policies[key])
		}
		x.expect(t)
	})
	t.Run("nothing stays behind", func(t *testing.T) {
		x := newSharesTest(mib)
		for i := range 30 {
			x.add("tenant", fmt.Sprint(i), int64(i), 100)
		}
		for i := range 30 {
			x.remove("tenant", fmt.Sprint(i))
		}
		if x.used != 0 || x.byNamespace["tenant"].used != 0 || len(x.holders) != 0 {
			t.Errorf("%d bytes, %d sources", x.used, len(x.holders))
		}
	})
}

func TestIdleSharesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSharesTest(1 << 20)
		x.add("stays", "a", 0, 1)
		for i := range 10 * minIdleShares {
			x.add(fmt.Sprint(i), "a", 0, 1)
			x.remove(fmt.Sprint(i), "a")
		}
		if n := len(x.byNamespace); n > minIdleShares {
			t.Errorf("%d namespaces are remembered, of which one has a source", n)
		}
		if x.byNamespace["stays"] == nil {
			t.Error("one that has a source is forgotten")
		}
	})
}

// TestSharesHold: through any history, what is admitted fits, is the oldest of its namespace, and nobody is frozen who
// takes less than others.
func TestSharesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 1 << 20
		x := newSharesTest(limit)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			namespace := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "namespace")
			name := rapid.SampledFrom([]string{"p", "q", "r", "s", "t", "u", "v"}).Draw(t, "name")
			before := sets.New(x.frozen()...)
			var told []string
			if rapid.Bool().Draw(t, "remove") {
				told = x.remove(namespace, name)
			} else {
				second := rapid.Int64Range(0, 9).Draw(t, "second")
				told = x.add(namespace, name, second, rapid.IntRange(1, 300).Draw(t, "KiB"))
			}
			for n := range sets.New(x.frozen()...).SymmetricDifference(before) {
				if n != namespace+"/"+name && !slices.Contains(told, n) {
					t.Fatalf("%s was not told", n)
				}
			}
			x.check(t)
		}
	})
}

func (x *sharesTest) check(t *rapid.T) {
	total := 0
	for _, a := range x.byNamespace {
		used := 0
		for i, h := range a.line {
			if i > 0 && compareHolders(a.line[i-1], h) > 0 {
				t.Fatalf("%s is before %s", a.line[i-1].key, h.key)
			}
			if admitted := h.policy.Suspended() == nil; admitted != (i < a.admitted) {
				t.Fatalf("%s is frozen: %t, and is at %d of %d", h.key, !admitted, i, a.admitted)
			}
			if i < a.admitted {
				used += h.cost.Own
			}
		}
		if used != a.used {
			t.Fatalf("%s takes %d, and counts %d", a.namespace, used, a.used)
		}
		total += used
	}
	if total != x.used || total > x.limit {
		t.Fatalf("all take %d, and count %d; the limit is %d", total, x.used, x.limit)
	}
	const largestSource = 302 << 10
	for _, a := range x.byNamespace {
		if !a.isWaiting() {
			continue
		}
		with := a.used + a.line[a.admitted].cost.Own
		if total-a.used+with <= x.limit || with+largestSource < x.largest().used {
			t.Fatalf("%s waits, with %d of %d in use; the largest is %s with %d", a.line[a.admitted].key, x.used, x.limit,
				x.largest().namespace, x.largest().used)
		}
	}
}
