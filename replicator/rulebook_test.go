package replicator

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/events"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

const noPushRules = "apiVersion: config.mirrorball.dev/v1\nkind: Rules\nrules: []\n"

// notes is a recorder that keeps the notes of Warnings.
type notes []string

func (n *notes) Warning(_ context.Context, s events.Subject, reason, note string) {
	*n = append(*n, s.Kind+" "+s.String()+" "+reason+": "+note)
}

func (n *notes) Normal(context.Context, events.Subject, string, string) {}

// rulebookTest is a rulebook with what the watch shows.
type rulebookTest struct {
	*testing.T
	*rulebook
	shown    *informers.RulesDocument
	recorded notes
}

func newRulebookTest(t *testing.T) *rulebookTest {
	b := &rulebookTest{T: t}
	b.rulebook = newRulebook("own", func() *informers.RulesDocument { return b.shown }, &b.recorded)
	return b
}

func (b *rulebookTest) show(version informers.Version, text string) {
	b.shown = &informers.RulesDocument{Identity: informers.Identity{Version: version}, Text: text, Present: true}
}

// holds checks which rules are in force: whether everyone may push, and what is said of them.
func (b *rulebookTest) holds(push, readable bool, origin string) {
	b.Helper()
	got := b.current().For(rules.Namespace{Name: "x"}).Allow(rules.Push, rules.Namespace{Name: "y"})
	if got != push || b.readable() != readable || b.describe() != origin {
		b.Errorf("pushing is allowed: %t, want %t; readable: %t, want %t; in force is %q, want %q",
			got, push, b.readable(), readable, b.describe(), origin)
	}
}

func TestRulebook(t *testing.T) {
	b := newRulebookTest(t)
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.holds(true, true, "built-in")
	b.show(5, noPushRules)
	b.refresh()
	b.holds(false, true, "ConfigMap own/mirrorball, resourceVersion 5")
	b.show(6, "rules: [")
	for range 2 {
		b.refresh()
		b.announce(t.Context())
	}
	b.holds(false, false, "ConfigMap own/mirrorball, resourceVersion 5; resourceVersion 6 is unreadable")
	if len(b.recorded) != 1 || !strings.HasPrefix(b.recorded[0], "ConfigMap own/mirrorball RulesUnreadable: ") ||
		!strings.HasSuffix(b.recorded[0], "in force: ConfigMap own/mirrorball, resourceVersion 5") {
		t.Errorf("the events are %q, want one", b.recorded)
	}
	b.shown.Present = false
	b.refresh()
	b.holds(false, false, "ConfigMap own/mirrorball, resourceVersion 5; resourceVersion 6 is unreadable")
	b.shown = nil
	b.refresh()
	b.holds(true, true, "built-in")
}

func TestStartWithUnreadableRules(t *testing.T) {
	b := newRulebookTest(t)
	b.show(6, "rules: [")
	err := b.start(t.Context())
	if _, ok := errors.AsType[*UnreadableRulesError](err); !ok || !strings.Contains(err.Error(), "own/mirrorball") {
		t.Errorf("the error is %v", err)
	}
	if b.holds(false, false, "none; resourceVersion 6 is unreadable"); len(b.recorded) != 1 {
		t.Errorf("the events are %q, want one", b.recorded)
	}
}

// Run ends by itself where the rules that the watch shows first can't be read.
func TestRunWithUnreadableRules(t *testing.T) {
	c, client := newTestController(t)
	check := func(want bool) {
		t.Helper()
		_, ok := errors.AsType[*UnreadableRulesError](c.CheckRules(t.Context()))
		if ok != want {
			t.Errorf("the rules are unreadable: %t, want %t", ok, want)
		}
	}
	check(false)
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mirrorball-system"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: own.Name, Name: informers.RulesName}}
	cm.Data = map[string]string{informers.RulesKey: noPushRules}
	cm, err := client.CoreV1().ConfigMaps(own.Name).Create(t.Context(), cm, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	check(false)
	cm.Data = map[string]string{"rules.yml": noPushRules}
	if _, err := client.CoreV1().ConfigMaps(own.Name).Update(t.Context(), cm, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	check(true)
	if _, ok := errors.AsType[*UnreadableRulesError](c.Run(t.Context())); !ok {
		t.Error("the controller runs without rules")
	}
}
