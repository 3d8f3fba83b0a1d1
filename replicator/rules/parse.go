package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The document's apiVersion and kind.
const (
	APIVersion = "config.mirrorball.dev/v1"
	Kind       = "Rules"
)

// Parse reads the document. It is strict: a field that is unknown, written twice or of another type is an error. The
// error names the field, says what was expected, and what to do.
func Parse(text string) (*Rules, error) {
	if strings.Contains(strings.TrimSpace(text), "\n---") { // what follows would be passed over
		return nil, errors.New("the document is followed by another; put all rules into one list")
	}
	var document any
	if err := yaml.UnmarshalStrict([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("the document is not YAML: %s; correct it",
			strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "error converting YAML to JSON: yaml: "))
	}
	fields, err := object("the document", document, "apiVersion", "kind", "rules")
	if err != nil {
		return nil, err
	}
	for _, f := range [][2]string{{"apiVersion", APIVersion}, {"kind", Kind}} {
		if fields[f[0]] != f[1] {
			return nil, fmt.Errorf("%s: expected %s; write %s: %s", f[0], f[1], f[0], f[1])
		}
	}
	list, ok := fields["rules"].([]any)
	if !ok {
		return nil, errors.New("rules: expected a list of rules; write rules: [] to allow nothing")
	}
	r := &Rules{list: make([]rule, len(list))}
	for i, value := range list {
		if r.list[i], err = parseRule(fmt.Sprintf("rules[%d]", i), value); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func parseRule(path string, value any) (r rule, err error) {
	fields, err := object(path, value, "sources", "sourcesSelector", "targets", "targetsSelector", "allow")
	if err != nil {
		return r, err
	}
	if r.sources, err = parseSelection(path, "sources", fields); err != nil {
		return r, err
	}
	if r.targets, err = parseSelection(path, "targets", fields); err != nil {
		return r, err
	}
	names, err := texts(path+".allow", fields["allow"], "rights: push, attach and labels")
	for i, name := range names {
		if !slices.Contains(All, Right(name)) {
			return r, fmt.Errorf("%s.allow[%d]: %q is no right; write push, attach or labels", path, i, name)
		}
		r.allow = append(r.allow, Right(name))
	}
	return r, err
}

// parseSelection reads the patterns and the selector of one side of a rule.
func parseSelection(path, side string, fields map[string]any) (s selection, err error) {
	patterns, selector := path+"."+side, path+"."+side+"Selector"
	list, hasPatterns := fields[side]
	text, hasSelector := fields[side+"Selector"]
	if !hasPatterns && !hasSelector {
		return s, fmt.Errorf("%s: expected %s, %sSelector or both; write %s: [\"*\"] for all namespaces",
			path, side, side, side)
	}
	if hasPatterns {
		if s.patterns, err = parsePatterns(patterns, list); err != nil {
			return s, err
		}
	}
	if hasSelector {
		text, ok := text.(string)
		if !ok || strings.TrimSpace(text) == "" {
			return s, fmt.Errorf("%s: expected a label selector, such as \"tier=platform\"; write %s: [\"*\"] for all "+
				"namespaces", selector, side)
		}
		if s.selector, err = annotations.ParseSelector(text); err != nil {
			return s, fmt.Errorf("%s: %w; write it as kubectl's --selector", selector, err)
		}
	}
	return s, nil
}

func parsePatterns(path string, value any) (annotations.Patterns, error) {
	list, err := texts(path, value, "namespace patterns")
	if err != nil {
		return annotations.Patterns{}, err
	}
	for i, entry := range list {
		if strings.TrimSpace(entry) == "" || strings.Contains(entry, ",") {
			return annotations.Patterns{}, fmt.Errorf("%s[%d]: expected one namespace pattern; write each as an entry of "+
				"its own", path, i)
		}
		if _, err := annotations.ParseNamespacePatterns(entry); err != nil {
			return annotations.Patterns{}, fmt.Errorf("%s[%d]: %w", path, i, err)
		}
	}
	patterns, err := annotations.ParseNamespacePatterns(strings.Join(list, ","))
	if err == nil && patterns.OnlyNegated() {
		err = fmt.Errorf("%s: only takes away, and from nothing; add a pattern without a leading !, such as \"*\"", path)
	}
	return patterns, err
}

// object reads a mapping that has no fields but those named.
func object(path string, value any, known ...string) (map[string]any, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: expected the fields %s; see docs/rules.md", path, strings.Join(known, ", "))
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, field) {
			return nil, fmt.Errorf("%s: the field %q is unknown; the fields are %s", path, field, strings.Join(known, ", "))
		}
	}
	return fields, nil
}

// texts reads a list of strings that is not empty.
func texts(path string, value any, what string) ([]string, error) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("%s: expected a list of %s, with at least one entry", path, what)
	}
	out := make([]string, len(list))
	for i, entry := range list {
		if out[i], ok = entry.(string); !ok {
			return nil, fmt.Errorf("%s[%d]: expected a string; put it in quotation marks", path, i)
		}
	}
	return out, nil
}
