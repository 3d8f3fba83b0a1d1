package informers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

const replicateTo = "replicator.v1.mittwald.de/replicate-to"

// competitorsAt are the sources that a pass over honest/s, which is younger than all of them, finds at the target to/s.
func competitorsAt(w *tenureTest) (competitors []string) {
	w.Helper()
	all, err := annotations.ParseNamespacePatterns("*")
	w.must(err)
	honest := w.kinds[annotations.Secret].candidates.get(source1("honest").NamespacedName)
	s := w.Snapshot(Query{Key: source1("honest"), Policy: policyOf(honest), Scope: FullScope(), SourceNamespaces: all})
	w.must(s.Err)
	for _, target := range s.Targets {
		if target.Namespace.Name == "to" {
			for _, c := range target.Competitors {
				competitors = append(competitors, c.String())
			}
		}
	}
	return competitors
}

func TestCompetitors(t *testing.T) {
	policy := func(w *tenureTest, namespace string) *annotations.Policy {
		return policyOf(w.kinds[annotations.Secret].candidates.get(source1(namespace).NamespacedName))
	}
	setUp := func(t *testing.T, expression string) *tenureTest {
		w := newTenureTest(t)
		w.remove("from", "s")
		w.remove("tenant", "s")
		w.GiveUp(source1("from"), w.kinds[annotations.Secret].departed(source1("from").NamespacedName))
		w.GiveUp(source1("tenant"), w.kinds[annotations.Secret].departed(source1("tenant").NamespacedName))
		w.put("competitor", "s", 1, replicateTo, expression)
		w.put("honest", "s", 2, annotations.PushTo, "*")
		return w
	}
	t.Run("one that is quick", func(t *testing.T) {
		w := setUp(t, "t.*")
		if got := fmt.Sprint(competitorsAt(w)); got != "[competitor/s]" {
			t.Errorf("competitors are %s", got)
		}
		// Of "from" the answer is known to be no. Of "elsewhere" nobody has asked, so it may be yes.
		if p := policy(w, "competitor"); p.MayReach("from", nil) || !p.MayReach("to", nil) || !p.MayReach("elsewhere", nil) {
			t.Error("the answer is not remembered, or one that nobody asked for is")
		}
	})
	t.Run("one that is suspended", func(t *testing.T) {
		w := setUp(t, "t.*")
		policy(w, "competitor").Suspend(fmt.Errorf("too much"))
		if got := competitorsAt(w); len(got) > 0 {
			t.Errorf("competitors are %v", got)
		}
	})
	t.Run("a source that has taken its fill", func(t *testing.T) {
		w := setUp(t, "(?:abcdefghij){800}")
		w.shares.limit = 1 << 20
		w.put("competitor", "t", 0, replicateTo, "(?:abcdefghij){801}")
		if err := policy(w, "competitor").Suspended(); err == nil {
			t.Fatal("two large sources fit")
		}
		if !w.notified[source1("competitor").NamespacedName] {
			t.Error("the source was not told")
		}
		w.notified = map[types.NamespacedName]bool{}
		w.must(w.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: w.meta("", "abcdefghij", 0)}))
		if w.notified[source1("competitor").NamespacedName] ||
			!w.notified[types.NamespacedName{Namespace: "competitor", Name: "t"}] {
			t.Errorf("a new namespace: notified are %v", w.notified)
		}
		w.remove("competitor", "t")
		if policy(w, "competitor").Suspended() == nil {
			t.Error("a source that may come back does not count")
		}
		older := types.NamespacedName{Namespace: "competitor", Name: "t"}
		w.GiveUp(Key{annotations.Secret, older}, w.kinds[annotations.Secret].departed(older))
		if err := policy(w, "competitor").Suspended(); err != nil {
			t.Errorf("there is room: %v", err)
		}
	})
}

// TestUnfinished: a pass ends when matching has taken long enough, and the next one gets further.
func TestUnfinished(t *testing.T) {
	var namespaces []*Namespace
	for _, name := range []string{"ta", "tb", "tc"} {
		namespaces = append(namespaces, &Namespace{Identity: Identity{NamespacedName: types.NamespacedName{Name: name}}})
	}
	pass := func(policy *annotations.Policy, limit time.Duration) bool {
		g := gathering{Query: Query{Key: source1("from"), Policy: policy}}
		finished, err := g.selectTargets(namespaces, limit)
		if err != nil || finished && len(g.out.Targets) != len(namespaces) {
			t.Fatalf("%d targets, finished: %t, %v", len(g.out.Targets), finished, err)
		}
		return finished
	}
	costly := annotations.Parse("from", "s", map[string]string{replicateTo: "t.*"}).Policy
	if pass(costly, -1) {
		t.Error("it went on")
	}
	if !costly.MayReach("ta", nil) || !pass(costly, time.Hour) {
		t.Error("it did not get further")
	}
	if !pass(annotations.Parse("from", "s", map[string]string{annotations.PushTo: "t*"}).Policy, -1) {
		t.Error("a pass of which nothing is remembered would never end")
	}
}
