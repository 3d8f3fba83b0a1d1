package informers_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// scopedWorld is a small cluster whose sources are looked at in scoped passes, as their changes call for. Nothing is
// written: what is compared is what a pass finds.
type scopedWorld struct {
	t          *rapid.T
	cluster    *informers.Cluster
	version    int
	namespaces map[string]*corev1.Namespace
	secrets    map[types.NamespacedName]*corev1.Secret
	accounts   map[types.NamespacedName]*corev1.ServiceAccount

	pending map[informers.Key]*informers.Change
	found   map[informers.Key]map[string]string
}

func newScopedWorld(t *rapid.T) *scopedWorld {
	w := &scopedWorld{
		t: t, namespaces: map[string]*corev1.Namespace{},
		secrets: map[types.NamespacedName]*corev1.Secret{}, accounts: map[types.NamespacedName]*corev1.ServiceAccount{},
		pending: map[informers.Key]*informers.Change{}, found: map[informers.Key]map[string]string{},
	}
	w.putNamespace("src")
	w.cluster = informers.NewTestCluster(func(key informers.Key, change informers.Change) {
		if w.pending[key] == nil {
			w.pending[key] = &informers.Change{}
		}
		w.pending[key].Add(change)
	})
	return w
}

func (w *scopedWorld) meta(namespace, name string) metav1.ObjectMeta {
	w.version++
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(strconv.Itoa(w.version)), ResourceVersion: strconv.Itoa(w.version),
		CreationTimestamp: metav1.Unix(1_700_000_000, 0),
	}
}

var (
	places   = rapid.SampledFrom([]string{"a", "b", "c"})
	names    = rapid.SampledFrom([]string{"s", "t"})
	policies = rapid.SampledFrom([]map[string]string{nil, {annotations.PushTo: "*"}, {annotations.PushTo: "b"},
		{annotations.PushToSelector: "tier=web"}, {annotations.PushTo: "a,c", annotations.TargetName: "t"},
		{annotations.PullBy: "*"}, {annotations.PushTo: "b", annotations.PullBySelector: "tier=web"},
		{annotations.PushTo: "*", annotations.AttachToServiceAccounts: "default"},
		{annotations.PushTo: "a,b", annotations.AttachToServiceAccounts: "*"}})
	// ruleTexts are the operator's rules; empty stands for the built-in ones.
	ruleTexts = rapid.SampledFrom([]string{"", "[]", `[{sources: [src], targets: ["*"], allow: [push, attach, labels]}]`,
		`[{sourcesSelector: tier=web, targets: ["*"], allow: [push, attach]}]`,
		`[{sources: [src], targetsSelector: tier=web, allow: [push, labels]},
  {sources: ["*"], targets: [a], allow: [attach]}]`})
	consents = rapid.SampledFrom([]string{"", "", "src", "none", "Not A Pattern"})
)

// change makes one random change of the cluster.
func (w *scopedWorld) change() {
	place, name := places.Draw(w.t, "namespace"), names.Draw(w.t, "name")
	at := types.NamespacedName{Namespace: place, Name: name}
	switch rapid.IntRange(0, 14).Draw(w.t, "change") {
	case 0:
		w.putNamespace(place)
	case 1: // a namespace goes, and with it what is in it
		delete(w.namespaces, place)
		maps.DeleteFunc(w.secrets, func(n types.NamespacedName, _ *corev1.Secret) bool { return n.Namespace == place })
		maps.DeleteFunc(
			w.accounts,
			func(n types.NamespacedName, _ *corev1.ServiceAccount) bool { return n.Namespace == place },
		)
	case 2, 3:
		source := types.NamespacedName{Namespace: "src", Name: name}
		if rapid.IntRange(0, 4).Draw(w.t, "goes") == 0 {
			delete(w.secrets, source)
			break
		}
		s := &corev1.Secret{ObjectMeta: w.meta(source.Namespace, source.Name)}
		s.Annotations = policies.Draw(w.t, "policy")
		w.secrets[source] = s
	case 9: // a source in a namespace that others push to
		s := &corev1.Secret{ObjectMeta: w.meta(place, name)}
		s.Annotations = policies.Draw(w.t, "policy")
		w.put(s)
	case 10: // copies by kubernetes-replicator, which do not say whose they are
		s := &corev1.Secret{ObjectMeta: w.meta(place, name)}
		s.Annotations = map[string]string{
			"replicator.v1.mittwald.de/replicated-at": "then", "replicator.v1.mittwald.de/replicated-from-version": "3",
		}
		w.put(s)
	case 11: // a source that has left is given up, and the first grace is over
		key := informers.Key{Kind: annotations.Secret, NamespacedName: rapid.SampledFrom([]types.NamespacedName{
			at, {Namespace: "src", Name: name},
		}).Draw(w.t, "given up")}
		w.cluster.GiveUp(key, w.cluster.Source(key).Departed)
		if rapid.Bool().Draw(w.t, "settled") {
			w.cluster.Settle()
		}
	case 4: // a stranger, or an object that pulls
		s := &corev1.Secret{ObjectMeta: w.meta(place, name)}
		if rapid.Bool().Draw(w.t, "pulls") {
			s.Annotations = map[string]string{annotations.PullFrom: "src/" + names.Draw(w.t, "from")}
		}
		w.put(s)
	case 5, 6: // a replica, right or wrong
		s := &corev1.Secret{ObjectMeta: w.meta(place, name), Type: "kubernetes.io/dockerconfigjson"}
		of := names.Draw(w.t, "of")
		s.Labels = map[string]string{}
		if mode := rapid.SampledFrom([]string{"push", "pull", "changed", ""}).Draw(w.t, "mode"); mode != "" {
			s.Labels[annotations.LabelReplica] = mode
		}
		if rapid.Bool().Draw(w.t, "managed") {
			s.Labels[annotations.LabelManagedBy] = annotations.ManagedBy
		}
		s.Annotations = map[string]string{annotations.ReplicaOf: "src/" + of}
		if rapid.Bool().Draw(w.t, "in sync") {
			s.Data = map[string][]byte{"k": []byte(of)}
		}
		w.put(s)
	case 7:
		delete(w.secrets, at)
	case 8:
		sa := &corev1.ServiceAccount{ObjectMeta: w.meta(place, "default")}
		if rapid.Bool().Draw(w.t, "attached") {
			sa.Annotations = map[string]string{annotations.Attached: name + "=src/" + names.Draw(w.t, "of")}
			sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: name}}
		}
		if w.namespaces[place] != nil {
			w.accounts[types.NamespacedName{Namespace: place, Name: "default"}] = sa
		}
	case 12:
		w.putNamespace("src")
	case 13:
		w.putRules()
	case 14:
		w.acceptAttach(place)
	}
	w.version++
	err := w.cluster.Replace(slices.Collect(maps.Values(w.namespaces)), slices.Collect(maps.Values(w.secrets)),
		slices.Collect(maps.Values(w.accounts)), strconv.Itoa(w.version))
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *scopedWorld) acceptAttach(namespace string) {
	ns := w.namespaces[namespace].DeepCopy()
	if ns == nil {
		return
	}
	w.version++
	ns.ResourceVersion = strconv.Itoa(w.version)
	if ns.Annotations == nil {
		ns.Annotations = map[string]string{}
	}
	ns.Annotations[annotations.AcceptAttachFrom] = consents.Draw(w.t, "accept attach")
	w.namespaces[namespace] = ns
}

func (w *scopedWorld) putRules() {
	var cm *corev1.ConfigMap
	if text := ruleTexts.Draw(w.t, "rules"); text != "" {
		cm = &corev1.ConfigMap{ObjectMeta: w.meta("mirrorball-system", informers.RulesName)}
		cm.Data = map[string]string{informers.RulesKey: "apiVersion: config.mirrorball.dev/v1\nkind: Rules\nrules: " + text}
	}
	w.version++
	if err := w.cluster.ReplaceRules(cm, strconv.Itoa(w.version)); err != nil {
		w.t.Fatal(err)
	}
}

// rules are the operator's, as the controller would read them.
func (w *scopedWorld) rules() *rules.Rules {
	d := w.cluster.Rules()
	if d == nil {
		return rules.Default("mirrorball-system")
	}
	r, err := rules.Parse(d.Text)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *scopedWorld) put(s *corev1.Secret) {
	if w.namespaces[s.Namespace] != nil {
		w.secrets[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
	}
}

func (w *scopedWorld) putNamespace(name string) {
	ns := &corev1.Namespace{ObjectMeta: w.meta("", name)}
	if was := w.namespaces[name]; was != nil {
		ns.UID = was.UID
	}
	ns.Labels = rapid.SampledFrom([]map[string]string{nil, {"tier": "web"}}).Draw(w.t, "labels")
	if accept := consents.Draw(w.t, "accept"); accept != "" {
		ns.Annotations = map[string]string{annotations.AcceptFrom: accept}
	}
	if rapid.IntRange(0, 4).Draw(w.t, "paused") == 0 {
		says := rapid.SampledFrom([]string{"true", "no"}).Draw(w.t, "says")
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, annotations.Paused, says)
	}
	w.namespaces[name] = ns
	w.acceptAttach(name)
}

// look makes the plan of a source in a scope.
func (w *scopedWorld) look(key informers.Key, scope informers.Scope) plan.Plan {
	view := w.cluster.Source(key)
	world := plan.World{Key: key, Phase: plan.PhaseReleased, Rules: w.rules()}
	query := informers.Query{Key: key, Scope: scope}
	query.SourceNamespaces, _ = annotations.ParseNamespacePatterns("src,a")
	claims := view.Claims()
	if claims != nil && claims.Policy != nil && view.Replica == nil && query.SourceNamespaces.Match(key.Namespace) {
		content := informers.Content{
			Type: "kubernetes.io/dockerconfigjson", Data: map[string][]byte{"k": []byte(key.Name)},
			Labels:      map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
			Annotations: map[string]string{annotations.ReplicaOf: key.NamespacedName.String()},
		}
		world.Phase, query.Policy = plan.PhaseActive, claims.Policy
		world.Source = plan.Source{
			Identity: *view.Identity(), Type: content.Type, Policy: claims.Policy, Plain: w.cluster.DigestKey().Digest(content),
			Prefixed: []string{"x/y"},
		}
		content.Labels["x/y"], content.Annotations[annotations.CopiedLabels] = "z", "x/y"
		world.Source.Push = w.cluster.DigestKey().Digest(content)
	}
	world.Snapshot = w.cluster.Snapshot(query)
	return plan.Make(&world)
}

func (w *scopedWorld) replicaName(key informers.Key) string {
	view := w.cluster.Source(key)
	if claims := view.Claims(); claims != nil {
		return claims.Policy.ReplicaName(key.Name)
	}
	return key.Name
}

// findings are what a plan says of each object, in words.
func findings(p plan.Plan) map[string]string {
	out := map[string]string{}
	for _, v := range p.Verdicts {
		if v.State != plan.InSync {
			out[v.String()+" verdict"] = fmt.Sprint(v.State, v.Reason)
		}
	}
	for _, a := range p.Actions {
		k := fmt.Sprint(a.Target, " ", a.Verb)
		out[k] += fmt.Sprint(a.Secret, a.Contested, ";")
	}
	for _, x := range p.Withheld {
		problem := ""
		if x.Problem != nil {
			problem = x.Problem.String()
		}
		out[fmt.Sprintf("%s/%s withheld", x.Namespace, x.Right)] = problem
	}
	for _, n := range p.Undecided {
		out[n.String()+" undecided"] = ""
	}
	return out
}

// pass looks at a source as far as its changes call for, and keeps what it finds beside what it found before.
func (w *scopedWorld) pass(key informers.Key) {
	change := w.pending[key]
	delete(w.pending, key)
	got := findings(w.look(key, change.Scope))
	if change.Scope.Full || w.found[key] == nil {
		w.found[key] = got
		return
	}
	namespaces := change.Scope.AllNamespaces()
	for k, was := range w.found[key] {
		var n types.NamespacedName
		n.Namespace, n.Name, _ = strings.Cut(k, "/")
		n.Name, _, _ = strings.Cut(n.Name, " ")
		// What stands under another name than the replicas' is looked at by its own name.
		orphan := strings.HasSuffix(k, " delete") || strings.HasPrefix(was, string(plan.Orphaned))
		if change.Scope.Objects.Has(n) || namespaces.Has(n.Namespace) && (!orphan || n.Name == w.replicaName(key)) {
			delete(w.found[key], k)
		}
	}
	maps.Copy(w.found[key], got)
}

// TestScopedPasses shows that any sequence of scoped passes ends where a full one does.
func TestScopedPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newScopedWorld(t)
		for range rapid.IntRange(5, 40).Draw(t, "changes") {
			w.change()
			keys := slices.SortedFunc(maps.Keys(w.pending), func(a, b informers.Key) int {
				return cmpKeys(a, b)
			})
			if len(keys) > 0 && rapid.Bool().Draw(t, "pass") {
				w.pass(rapid.SampledFrom(keys).Draw(t, "key"))
			}
		}
		for key := range w.pending {
			w.pass(key)
		}
		for key := range w.found {
			if diff := cmp.Diff(findings(w.look(key, informers.FullScope())), w.found[key]); diff != "" {
				t.Fatalf("%s: a full pass finds (-), scoped passes found (+):\n%s", key, diff)
			}
		}
	})
}

func cmpKeys(a, b informers.Key) int {
	if a.String() < b.String() {
		return -1
	}
	return 1
}
