package annotations

import (
	"strconv"
	"strings"
)

const replicatorPrefix = "replicator.v1.mittwald.de/"

// kubernetes-replicator's keys, from the README of mittwald/kubernetes-replicator.
const (
	replicatorTo          = replicatorPrefix + "replicate-to"
	replicatorToMatching  = replicatorPrefix + "replicate-to-matching"
	replicatorFrom        = replicatorPrefix + "replicate-from"
	replicatorAllowed     = replicatorPrefix + "replication-allowed"
	replicatorAllowedList = replicatorPrefix + "replication-allowed-namespaces"
	replicatorStripLabels = replicatorPrefix + "strip-labels"
	replicatorKeepOwners  = replicatorPrefix + "keep-owner-references"
	// kubernetes-replicator writes these on its replicas.
	replicatorAt          = replicatorPrefix + "replicated-at"
	replicatorFromVersion = replicatorPrefix + "replicated-from-version"
	replicatorKeys        = replicatorPrefix + "replicated-keys"
)

var (
	replicatorReachKeys = []string{
		replicatorTo, replicatorToMatching, replicatorAllowed, replicatorAllowedList,
	}
	replicatorSourceKeys = append(append([]string(nil), replicatorReachKeys...), replicatorStripLabels)
)

// replicatorMarks reads the marks of a replica that kubernetes-replicator pushed. On one that was pulled the same marks
// stand beside replicate-from.
func (p *parser) replicatorMarks() {
	if p.has(replicatorAt) && !p.has(replicatorFrom) {
		p.claims.PushedVersion = strings.Clone(p.annotations[replicatorFromVersion])
	}
}

// GivenKeys returns the data keys that an object in kubernetes-replicator's dialect has from its source. Mirrorball
// lists them on the object, and kubernetes-replicator does on one that Mirrorball has not written yet. All others are
// its own.
func GivenKeys(annotations map[string]string) []string {
	list, ok := annotations[ReplicatedKeys]
	if !ok {
		list = annotations[replicatorKeys]
	}
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func (p *parser) replicatorPull() {
	if !p.has(replicatorFrom) {
		return
	}
	from, wrong := parseName(p.annotations[replicatorFrom])
	switch {
	case wrong != "":
		p.problem(replicatorFrom, wrong)
	case from == p.self:
		p.problem(replicatorFrom, "names the object itself: name the one to be filled from")
	default:
		p.claims.PullFrom = &Pull{From: from, Dialect: Replicator}
		p.mirror = replicatorFrom
	}
}

func (p *parser) replicatorReach(policy *Policy) {
	push := &side{expressions: p.expressions(replicatorTo, re2Syntax)}
	if value, ok := p.annotations[replicatorToMatching]; ok {
		selector, err := ParseSelector(value)
		switch {
		case err != nil:
			p.problem(replicatorToMatching, err.Error())
		case selector.Empty():
			// There, unlike here, an empty selector is what it is to Kubernetes.
			push.everything = true
		default:
			push.selector = selector
		}
	}
	policy.Push = reachOf(push)

	// Pulling needs both: the permission, and the namespace in the list.
	pull := &side{expressions: p.expressions(replicatorAllowedList, re2Syntax)}
	if p.replicatorTrue(replicatorAllowed) {
		policy.Pull = reachOf(pull)
	}
	if !p.replicatorTrue(replicatorStripLabels) {
		policy.CopyLabels = Patterns{text: "*"}
	}
}

// replicatorTrue reads a boolean as Go does.
func (p *parser) replicatorTrue(key string) bool {
	value, ok := p.annotations[key]
	if !ok {
		return false
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		p.problem(key, "is neither true nor false: write one of the two")
	}
	return b
}
