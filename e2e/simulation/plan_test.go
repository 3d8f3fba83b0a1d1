package simulation

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

var plansFlag = flag.Uint64("plans", 60, "number of histories of which the plan is compared with what is written")

// TestPlan compares what the plan says with what a controller then writes, in clusters that changed while none ran.
func TestPlan(t *testing.T) {
	first, last := *firstFlag, *firstFlag+*plansFlag
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag+1
	}
	for seed := first; seed < last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { comparePlan(t, seed) })
		})
	}
}

func comparePlan(t *testing.T, seed uint64) {
	h := Generate(seed)
	h.Settings.Lease = false // a new leader would wait for the lease of one that was killed
	w, err := newWorld(h)
	if err != nil {
		t.Fatal(err)
	}
	defer w.server.Close()
	defer w.end()
	if err := w.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	attended := int(seed % uint64(len(h.Steps)))
	w.start()
	w.take(t.Context(), h.Steps[:attended])
	w.restart(seed%2 == 0, time.Second)
	w.restart(false, 0)
	for _, p := range w.processes {
		p.kill()
	}
	w.processes, w.unattended = nil, true
	w.take(t.Context(), h.Steps[attended:])
	w.setFaultProfile(NoFaults)
	w.advance(5 * time.Minute) // what is being deleted is gone then
	if !w.oracle.ok() {
		t.Skip("a rule was violated before")
	}
	predicted, inSync, races := foresee(t, w)
	w.network.takeWrites()
	w.unattended = false
	w.start()
	w.advance(h.Settings.Grace / 2)
	written := map[string]int{}
	for _, line := range w.network.takeWrites() {
		_, request, _ := strings.Cut(line, " ")
		written[request]++
	}
	if inSync != (len(written) == 0) {
		t.Errorf("audit says in sync: %v, the controller wrote %v", inSync, written)
	}
	for _, requests := range []map[string]int{predicted, written} {
		maps.DeleteFunc(requests, func(request string, _ int) bool { return races.cover(request) })
	}
	if !maps.Equal(predicted, written) {
		t.Errorf("planned, and not written as often: %v\nwritten, and not planned as often: %v\nthe trace:\n%s",
			excess(predicted, written), excess(written, predicted), strings.Join(w.trace, "\n"))
	}
}

// foresee returns the requests that the plan says, whether the audit says that there are none, and where sources race.
func foresee(t *testing.T, w *World) (requests map[string]int, inSync bool, r races) {
	t.Helper()
	i, err := replicator.NewInspector(replicator.Options{
		Config: &rest.Config{Host: "http://sim", Transport: w.server.RoundTripper("inspector")},
		Kinds:  []annotations.Kind{annotations.Secret, annotations.ConfigMap}, Namespace: ownNamespace,
		SourceNamespaces: patternsOf("*"), ProtectedNamespaces: patternsOf("kube-*"), ReservedNames: reserved,
		SourceDeleteGrace: w.history.Settings.Grace,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := i.List(ctx); err != nil {
		t.Fatal(err)
	}
	if err := i.Decide(ctx); err != nil {
		t.Fatal(err)
	}
	inSync = true
	sources := map[informers.Key]bool{}
	for _, d := range i.Decisions() {
		if d.Err != nil {
			t.Errorf("%s: %v", d.Key, d.Err)
		}
		sources[d.Key] = true
		inSync = inSync && len(d.Writes) == 0
	}
	writes, err := i.Simulate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	requests = map[string]int{}
	for _, write := range writes {
		w.log(fmt.Sprintf("planned: %s %s on account of %s: %s", write.Verb, write.Object, write.Source, write.Reason))
		for _, r := range requestsOf(write) {
			requests[r]++
		}
	}
	return requests, inSync, racesOf(writes, sources)
}

// races are the places where the order of two sources decides what is written, though not what comes of it in the end:
// the paths of collections.
type races map[string]bool

func racesOf(writes []replicator.Write, sources map[informers.Key]bool) races {
	r, lost := races{}, map[informers.Key]bool{}
	writers := map[informers.Key]informers.Key{}
	for _, w := range writes {
		first, twice := writers[w.Object]
		writers[w.Object] = w.Source
		if twice && first != w.Source {
			r.add(w.Object)
		}
		if w.Object != w.Source && sources[w.Object] {
			r.add(w.Object)
			lost[w.Object] = true
		}
		if w.Verb == replicator.VerbForget { // since when it is a source is forgotten, too, and with that who is senior
			lost[w.Source] = true
		}
	}
	for _, w := range writes {
		if lost[w.Source] {
			r.add(w.Object)
		}
	}
	return r
}

func (r races) add(object informers.Key) {
	r[collection(object)] = true
	r[collection(informers.Key{Kind: informers.ServiceAccountKind, NamespacedName: object.NamespacedName})] = true
}

func (r races) cover(request string) bool {
	parts := strings.SplitN(request, "/", 7)
	return r["/"+strings.Join(parts[1:6], "/")]
}

// collection returns the path of the collection that an object is in.
func collection(object informers.Key) string {
	return "/api/v1/namespaces/" + object.Namespace + "/" + informers.Resource(object.Kind)
}

// requestsOf returns the requests that a write takes, as the network counts them.
func requestsOf(w replicator.Write) []string {
	all := collection(w.Object)
	create, patch, remove := "POST "+all, "PATCH "+all+"/"+w.Object.Name, "DELETE "+all+"/"+w.Object.Name
	switch w.Verb {
	case plan.Create:
		return []string{create}
	case plan.Delete, replicator.VerbForget:
		return []string{remove}
	case plan.Recreate:
		return []string{remove, create}
	case replicator.VerbSave:
		if w.New {
			return []string{create}
		}
	}
	return []string{patch}
}

func excess(a, b map[string]int) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if n := a[k] - b[k]; n > 0 {
			list = append(list, fmt.Sprintf("%d × %s", n, k))
		}
	}
	return list
}
