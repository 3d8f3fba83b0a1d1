// Package rules reads the operator's rules, which say what sources may do in which namespaces, and answers from them.
//
// A rule names source namespaces, target namespaces and rights. A source has a [Right] in a namespace where any rule
// gives it; what no rule gives is not allowed. The rules are one document, written in YAML: [Parse] reads it strictly,
// and docs/rules.schema.json describes it. [Default] are the rules that hold where there is no document.
package rules
