package plan_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

var (
	key    = informers.Key{Kind: annotations.Secret, NamespacedName: name("infra", "regcred")}
	inSync = informers.Digest{1}
	old    = informers.Digest{2}
	epoch  = time.Unix(1_700_000_000, 0)
)

func name(namespace, n string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: n}
}

func policy(t testing.TB, a map[string]string) *annotations.Policy {
	t.Helper()
	claims := annotations.Parse(key.Namespace, key.Name, a)
	if claims.Policy == nil || len(claims.Problems) > 0 {
		t.Fatalf("not a policy: %v", claims.Problems)
	}
	return claims.Policy
}

func namespace(t testing.TB, n string, edit ...func(*metav1.ObjectMeta)) *informers.Namespace {
	t.Helper()
	m := &metav1.ObjectMeta{Name: n, ResourceVersion: "1", CreationTimestamp: metav1.NewTime(epoch)}
	for _, e := range edit {
		e(m)
	}
	ns, err := informers.NewNamespace(m)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func terminating(m *metav1.ObjectMeta) {
	now := metav1.Now()
	m.DeletionTimestamp = &now
}

func replica(namespace string, edit ...func(*informers.Replica)) *informers.Replica {
	r := &informers.Replica{
		Identity: informers.Identity{NamespacedName: name(namespace, "regcred"), UID: "u", Version: 7},
		Mode:     annotations.ReplicaPush, Source: key.NamespacedName, Digest: inSync, Type: "Opaque",
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

func pullSecret(r *informers.Replica) { r.Type = "kubernetes.io/dockerconfigjson" }

// competitor is another source.
type competitor struct {
	informers.Identity
	Policy *annotations.Policy
}

// world describes a plan.World in the way in which tests think of it.
type world struct {
	phase      plan.Phase
	source     plan.Source
	namespaces []*informers.Namespace
	// occupants stand under the replicas' name in the namespaces, in their order.
	occupants    []informers.Occupant
	naming       []*informers.Replica
	pulling      []informers.Occupant
	competitors  []competitor
	accounts     []*informers.ServiceAccount
	attached     []*informers.ServiceAccount
	protected    string
	incompatible map[types.NamespacedName]plan.Incompatible
	// rules are the operator's; nil allows everything. homes are the labels of the source's and the competitors'
	// namespaces, nil where the watch does not show the namespace.
	rules *rules.Rules
	homes map[string]map[string]string
}

// allowAll are rules that allow everything.
var allowAll = parseRules(`- {sources: ["*"], targets: ["*"], allow: [push, attach, labels]}`)

func parseRules(list ...string) *rules.Rules {
	r, err := rules.Parse("apiVersion: config.mirrorball.dev/v1\nkind: Rules\nrules:\n" + strings.Join(list, "\n"))
	if err != nil {
		panic(err) // a test's constant
	}
	return r
}

// activeWorld has one source, in infra, and namespaces with nothing in them.
func activeWorld(t testing.TB, a map[string]string, namespaces ...*informers.Namespace) *world {
	t.Helper()
	return &world{
		phase: plan.PhaseActive, namespaces: namespaces, occupants: make([]informers.Occupant, len(namespaces)),
		source: plan.Source{
			Identity: informers.Identity{NamespacedName: key.NamespacedName, Created: epoch},
			Type:     "kubernetes.io/dockerconfigjson", Policy: policy(t, a),
			Push: inSync, Pull: inSync, PullKeys: inSync,
		},
	}
}

// world returns the World, with the policies matched.
func (w *world) world(t testing.TB) *plan.World {
	t.Helper()
	out := &plan.World{Key: key, Phase: w.phase, Source: w.source, Incompatible: w.incompatible}
	var err error
	if out.Settings.Protected, err = annotations.ParseNamespacePatterns(w.protected); err != nil {
		t.Fatal(err)
	}
	out.Since = w.source.Created
	if out.Rules = w.rules; out.Rules == nil {
		out.Rules = allowAll
	}
	out.Homes = map[string]*informers.Namespace{key.Namespace: namespace(t, key.Namespace)}
	for home, labels := range w.homes {
		if out.Homes[home] = nil; labels != nil {
			out.Homes[home] = namespace(t, home, func(m *metav1.ObjectMeta) { m.Labels = labels })
		}
	}
	p := w.source.Policy
	for i, ns := range w.namespaces {
		selected, err := p.PushesTo(ns.Name, ns.Labels)
		if err != nil {
			t.Fatal(err)
		}
		if selected && ns.Name != key.Namespace {
			out.Targets = append(out.Targets, w.target(i, ns))
		}
	}
	slices.SortFunc(
		out.Targets,
		func(a, b informers.Target) int { return cmp.Compare(a.Namespace.Name, b.Namespace.Name) },
	)
	for _, r := range w.naming {
		out.Replicas = append(out.Replicas, informers.PlacedReplica{Replica: r, In: w.in(r.Namespace)})
	}
	for _, at := range w.pulling {
		puller := informers.Puller{Occupant: at, In: w.in(at.Identity().Namespace)}
		if puller.In != nil {
			if puller.Permitted, err = p.PullableBy(puller.In.Name, puller.In.Labels); err != nil {
				t.Fatal(err)
			}
		}
		out.Pullers = append(out.Pullers, puller)
	}
	for _, sa := range w.attached {
		out.Attached = append(out.Attached, informers.PlacedAccount{ServiceAccount: sa, In: w.in(sa.Namespace)})
	}
	return out
}

func (w *world) target(i int, ns *informers.Namespace) informers.Target {
	target := informers.Target{Namespace: ns, Occupant: w.occupants[i]}
	for j := range w.competitors {
		c := &w.competitors[j]
		if ok, err := c.Policy.PushesTo(ns.Name, ns.Labels); ok && err == nil && c.Namespace != ns.Name {
			target.Competitors = append(target.Competitors, informers.Competitor{
				NamespacedName: c.NamespacedName, Since: c.Created,
			})
		}
	}
	for _, sa := range w.accounts {
		if w.source.Policy.AttachTo.Match(sa.Name) {
			target.Accounts = append(target.Accounts, sa)
		}
	}
	return target
}

func (w *world) in(name string) *informers.Namespace {
	for _, ns := range w.namespaces {
		if ns.Name == name {
			return ns
		}
	}
	return nil
}

func (w *world) make(t testing.TB) plan.Plan {
	t.Helper()
	return plan.Make(w.world(t))
}

// action is what a test compares of an action.
type action struct {
	Verb   plan.Verb
	Target types.NamespacedName
}

func actionsOf(p plan.Plan) []action {
	var got []action
	for _, a := range p.Actions {
		got = append(got, action{a.Verb, a.Target})
	}
	return got
}
