package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The operator's rules, as data: the oracle knows what a document means since it was made from that.

// The rights.
const (
	rightPush   = "push"
	rightAttach = "attach"
	rightLabels = "labels"
)

// document is a version of the rules. One that can't be read has a text only.
type document struct {
	name, text string
	rules      []rule
}

// String returns the name, for the trace.
func (d *document) String() string { return d.name }

type rule struct {
	sources, targets side
	allow            []string
}

// side is one side of a rule: a list of patterns, and the value of the label tier; either suffices.
type side struct {
	list     []string
	patterns annotations.Patterns
	tier     string
}

func named(list ...string) side { return side{list: list, patterns: patternsOf(list...)} }

func (s side) match(name string, labels map[string]string) bool {
	return s.patterns.Match(name) || s.tier != "" && labels["tier"] == s.tier
}

var (
	everywhere = named("*")
	// builtInRules hold where there is no document.
	builtInRules = &document{name: "built-in", rules: []rule{
		{everywhere, everywhere, []string{rightPush}},
		{named(ownNamespace), everywhere, []string{rightAttach, rightLabels}},
	}}
	openRules = readable("open", rule{everywhere, everywhere, []string{rightPush, rightAttach, rightLabels}})
	// webRules allow by the labels of both namespaces, and nothing else; noRules allow nothing.
	webRules = readable("web", rule{side{tier: "web"}, side{tier: "web"}, []string{rightPush}})
	noRules  = readable("nothing")
	// documents are those that the operator writes, beside none.
	documents = []*document{
		openRules, webRules, noRules,
		readable("platform",
			rule{named("platform"), everywhere, []string{rightPush, rightAttach, rightLabels}},
			rule{everywhere, everywhere, []string{rightPush}}),
		readable("honest",
			rule{named("*", "!*evil"), everywhere, []string{rightPush}},
			rule{named("platform"), named("team-*"), []string{rightAttach}}),
		readable("labelled",
			rule{side{tier: "web"}, everywhere, []string{rightPush}},
			rule{named("platform"), side{list: []string{"dev-*"}, patterns: patternsOf("dev-*"), tier: "web"}, []string{
				rightPush, rightAttach, rightLabels,
			}}),
	}
	unreadableRules = []*document{
		{name: "unknown right", text: `{"apiVersion": "config.mirrorball.dev/v1", "kind": "Rules", "rules": [
  {"sources": ["*"], "targets": ["*"], "allow": ["everything"]}
]}`},
		{name: "no YAML", text: "rules: ["},
		{name: "unknown kind", text: `{"apiVersion": "config.mirrorball.dev/v1", "kind": "Rule", "rules": []}`},
	}
)

// readable returns a document with its text.
func readable(name string, rules ...rule) *document {
	list := []map[string]any{}
	for _, r := range rules {
		fields := map[string]any{"allow": r.allow}
		for key, s := range map[string]side{"sources": r.sources, "targets": r.targets} {
			if len(s.list) > 0 {
				fields[key] = s.list
			}
			if s.tier != "" {
				fields[key+"Selector"] = "tier=" + s.tier
			}
		}
		list = append(list, fields)
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "config.mirrorball.dev/v1", "kind": "Rules", "rules": list})
	if err != nil {
		panic(err) // strings
	}
	return &document{name: name, text: string(text), rules: rules}
}

// documentOf returns what a ConfigMap of the rules says, or nil where it can't be read.
func documentOf(i *item) *document {
	if i == nil {
		return builtInRules
	}
	at := slices.IndexFunc(documents, func(d *document) bool { return d.text == i.data[rulesKey] })
	if at < 0 {
		return nil
	}
	return documents[at]
}

// allows reports whether a right is given to the sources in one namespace at another.
func (d *document) allows(right string, home *namespace, source string, target *namespace) bool {
	var labels map[string]string
	if home != nil {
		labels = home.labels
	}
	return slices.ContainsFunc(d.rules, func(r rule) bool {
		return slices.Contains(r.allow, right) && r.sources.match(source, labels) &&
			r.targets.match(target.name, target.labels)
	})
}

// The ConfigMap of the rules.
const rulesKey = "rules.yaml"

var rulesPlace = at(annotations.ConfigMap, ownNamespace, "mirrorball")

// writeRules writes the ConfigMap of the rules; the built-in ones stand for none.
func (t *workload) writeRules(ctx context.Context, d *document) error {
	client := t.client.ConfigMaps(ownNamespace)
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: rulesPlace.Name},
		Data:       map[string]string{rulesKey: d.text},
	}
	if d == builtInRules {
		if err := client.Delete(ctx, cm.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	}
	_, err := client.Update(ctx, cm, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = client.Create(ctx, cm, metav1.CreateOptions{})
	}
	return err
}

func writesRules(d *document) Step {
	return Step{Text: "write the rules: " + d.name, execute: func(ctx context.Context, w *World) error {
		return w.workload.writeRules(ctx, d)
	}}
}

// anyRules returns readable rules, most of them open: otherwise there is little to see of attachments and labels.
func anyRules(r random) *document {
	return pick(r, append([]*document{openRules, openRules, builtInRules, builtInRules}, documents...)...)
}

// changeRules has the operator write the rules. What can't be read is mended: no controller starts with it.
func changeRules(r random, _ string, _ *Settings) []Step {
	switch r.IntN(8) {
	case 0:
		steps := []Step{writesRules(pick(r, unreadableRules...))}
		mended := writesRules(anyRules(r))
		mended.After = r.between(time.Millisecond, time.Minute)
		return append(steps, mended)
	case 1:
		steps := []Step{writesRules(noRules)}
		again := writesRules(anyRules(r))
		again.After = r.between(time.Millisecond, 10*time.Second)
		return append(steps, again)
	}
	return []Step{writesRules(anyRules(r))}
}

func patternsOf(list ...string) annotations.Patterns {
	p, err := annotations.ParseNamespacePatterns(strings.Join(list, ","))
	if err != nil {
		panic(err) // a constant
	}
	return p
}
