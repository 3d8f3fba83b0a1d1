package replicator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// writeRules writes the ConfigMap with the rules, and returns what a watch that is not behind shows of it.
func writeRules(t *testing.T, client kubernetes.Interface, text string) *informers.RulesDocument {
	t.Helper()
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: informers.RulesName}, Data: map[string]string{informers.RulesKey: text},
	}
	created, err := client.CoreV1().ConfigMaps("mirrorball-system").Create(t.Context(), cm, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := informers.NewRulesDocument(created)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// confirmTest is what a removal was decided on, before the API server is asked. Each field is what the watches show.
type confirmTest struct {
	// document is that of the rules, and decidedBy the rules that the plan was made with.
	document  *informers.RulesDocument
	decidedBy *rules.Rules
	home      *informers.Namespace
	byRules   bool
	// loaded is what was read of the source, and phase what that is.
	loaded *loaded
	phase  plan.Phase
}

func TestConfirm(t *testing.T) {
	for title, tc := range map[string]struct {
		// live is the document in the API server; empty for none.
		live string
		// change makes something different from what the API server says.
		change func(w *confirmTest)
		want   bool
	}{
		"nothing has changed":       {live: noPushRules, want: true},
		"there are no rules at all": {change: func(w *confirmTest) { w.document = nil }, want: true},
		"other rules are there": {live: noPushRules, change: func(w *confirmTest) {
			other := *w.document
			other.Text += "# before\n"
			w.document = &other
		}},
		"the rules were deleted": {change: func(w *confirmTest) {
			w.document = &informers.RulesDocument{Text: noPushRules, Present: true}
		}},
		"the rules were created":         {live: noPushRules, change: func(w *confirmTest) { w.document = nil }},
		"the watch has just shown other": {live: noPushRules, change: func(w *confirmTest) { w.decidedBy = nil }},
		"the source's namespace has other labels": {live: noPushRules, change: func(w *confirmTest) {
			w.home.Labels = map[string]string{"a": "b"}
		}},
		"the source says something else": {live: noPushRules, change: func(w *confirmTest) {
			w.loaded.annotations = map[string]string{annotations.PushTo: "other"}
		}},
		"there is no source": {live: noPushRules, change: func(w *confirmTest) {
			w.loaded, w.phase = nil, plan.PhaseDeleted
		}, want: true},
		"the rules are not the reason": {live: noPushRules, change: func(w *confirmTest) {
			w.document, w.byRules = nil, false
		}, want: true},
	} {
		t.Run(title, func(t *testing.T) {
			c, client := newTestController(t)
			createSource(t, client, map[string]string{annotations.PushTo: "*"})
			own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mirrorball-system"}}
			if _, err := client.CoreV1().Namespaces().Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			w := confirmTest{byRules: true, phase: plan.PhaseActive}
			if tc.live != "" {
				w.document = writeRules(t, client, tc.live)
			}
			var err error
			if w.loaded, err = c.observer.load(t.Context(), testSource); err != nil {
				t.Fatal(err)
			}
			live, err := client.CoreV1().Namespaces().Get(t.Context(), "from", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if w.home, err = informers.NewNamespace(live); err != nil {
				t.Fatal(err)
			}
			unset := rules.Rules{}
			w.decidedBy = &unset
			if tc.change != nil {
				tc.change(&w)
			}
			c.rulebook.watched = func() *informers.RulesDocument { return w.document }
			c.rulebook.refresh()
			if w.decidedBy == &unset {
				w.decidedBy = c.rulebook.current()
			}
			p := &pass{key: testSource, state: newState(), resolution: plan.Resolution{Phase: w.phase}}
			p.state.loaded = w.loaded
			p.world.Rules, p.world.Homes = w.decidedBy, map[string]*informers.Namespace{"from": w.home}
			p.decision.Actions = []plan.Action{{Verb: plan.Delete, ByRules: w.byRules}}
			if got := c.confirm(t.Context(), p); got != tc.want {
				t.Errorf("the removal is confirmed: %t, want %t", got, tc.want)
			}
		})
	}
}
