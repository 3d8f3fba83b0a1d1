package annotations_test

import (
	"strings"
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
)

const (
	replicateTo    = replicator + "replicate-to"
	toMatching     = replicator + "replicate-to-matching"
	replicateFrom  = replicator + "replicate-from"
	mayReplicate   = replicator + "replication-allowed"
	mayReplicateTo = replicator + "replication-allowed-namespaces"
	stripLabels    = replicator + "strip-labels"
)

func TestReplicatorSource(t *testing.T) {
	tests := map[string]reachTest{
		"replicate-to matches the whole name": {annotations: with(replicateTo, "team-."), wantPush: teams},
		"a name is no part of another": {
			annotations: with(replicateTo, "team-a"), wantPush: []string{"team-a"},
		},
		"a list": {
			annotations: with(replicateTo, "a, team-.*,ab"), wantPush: []string{"a", "ab", "team-a", "team-b"},
		},
		"alternatives are anchored together": {
			annotations: with(replicateTo, "a|team"), wantPush: []string{"a"},
		},
		"anchors may be written": {
			annotations: with(replicateTo, "^ab$"), wantPush: []string{"ab"},
		},
		"empty is none": {annotations: with(replicateTo, "")},
		"empty entries match nothing": {
			annotations: with(replicateTo, "a,,"), wantPush: []string{"a"},
		},
		"everything": {annotations: with(replicateTo, ".*"), wantPush: all},
		"a glob is no expression here": {
			annotations: with(replicateTo, "*"), wantProblems: []string{replicateTo},
		},
		"RE2 has no look-ahead": {
			annotations: with(replicateTo, "(?!a).*"), wantProblems: []string{replicateTo},
		},
		"one that is well formed only between parentheses": {
			annotations: with(replicateTo, "a)|(b"), wantProblems: []string{replicateTo},
		},
		"by label": {
			annotations: with(toMatching, "team=a"), wantPush: labelledA,
		},
		"an empty selector selects all": {annotations: with(toMatching, ""), wantPush: all},
		"a malformed selector": {
			annotations: with(toMatching, "a in", replicateTo, "a"), wantProblems: []string{toMatching},
		},
		"the union of both": {
			annotations: with(toMatching, "team=a,env", replicateTo, "default"),
			wantPush:    []string{"default", "team-a"},
		},
		"pushing is no permission to pull": {
			annotations: with(replicateTo, "a", mayReplicate, "true"), wantPush: []string{"a"},
		},
		"pulling needs replication-allowed": {annotations: with(mayReplicateTo, ".*")},
		"pulling needs it to be true": {
			annotations: with(mayReplicateTo, ".*", mayReplicate, "false"),
		},
		"pulling needs the namespace in the list": {
			annotations: with(mayReplicateTo, "team-.", mayReplicate, "true"), wantPull: teams,
		},
		"an absent list is no namespace": {annotations: with(mayReplicate, "true")},
		"an empty list is no namespace": {
			annotations: with(mayReplicate, "true", mayReplicateTo, ""),
		},
		"booleans are Go's": {
			annotations: with(mayReplicate, "1", mayReplicateTo, "a"), wantPull: []string{"a"},
		},
		"a boolean that is none freezes": {
			annotations:  with(mayReplicate, "yes", mayReplicateTo, "a", replicateTo, "a"),
			wantProblems: []string{mayReplicate},
		},
		"strip-labels that is no boolean freezes": {
			annotations: with(replicateTo, "a", stripLabels, "yes"), wantProblems: []string{stripLabels},
		},
		"keep-owner-references is not followed": {
			annotations: with(replicateTo, "a", replicator+"keep-owner-references", "true"), wantPush: []string{"a"},
			wantIgnored: []string{replicator + "keep-owner-references"},
		},
		"more expressions than one object may have compiled are refused": {
			annotations: with(replicateTo, strings.Repeat("[a],", 20000)), wantProblems: []string{replicateTo},
		},
		"names are as many as an annotation holds": {
			annotations: with(replicateTo, strings.Repeat("team-b,", 20000)), wantPush: []string{"team-b"},
		},
		"repetitions that blow up are refused": {
			annotations: with(replicateTo, strings.Repeat("x{1000},", 1000)), wantProblems: []string{replicateTo},
		},
	}
	for name, tc := range tests {
		tc.wantSource, tc.wantDialect = true, annotations.Replicator
		tests[name] = tc
	}
	runReachTests(t, tests)
}

func TestReplicatorPuller(t *testing.T) {
	from := &annotations.Pull{From: types.NamespacedName{Namespace: "a", Name: "b"}, Dialect: annotations.Replicator}
	at, version := replicator+"replicated-at", replicator+"replicated-from-version"
	runReachTests(t, map[string]reachTest{
		"replicate-from names the source": {annotations: with(replicateFrom, "a/b"), wantFrom: from},
		"with replicate-from the replicate-to is ignored": {
			annotations: with(replicateFrom, "a/b", replicateTo, ".*"), wantFrom: from,
			wantIgnored: []string{replicateTo},
		},
		"one that was pulled already": {annotations: with(replicateFrom, "a/b", at, "t", version, "7"), wantFrom: from},
		"no name":                     {annotations: with(replicateFrom, "a"), wantProblems: []string{replicateFrom}},
		"it is not trimmed": {
			annotations: with(replicateFrom, "a/b "), wantProblems: []string{replicateFrom},
		},
		"a part too many": {
			annotations: with(replicateFrom, "a/b/c"), wantProblems: []string{replicateFrom},
		},
		"itself": {
			annotations: with(replicateFrom, self.String()), wantProblems: []string{replicateFrom},
		},
		"malformed, on a source": {
			annotations: with(replicateFrom, "a", replicateTo, ".*"),
			wantSource:  true, wantDialect: annotations.Replicator, wantProblems: []string{replicateFrom},
		},
		"one that was pushed has its source's version": {
			annotations: with(at, "t", version, "7"), wantPushedVersion: "7",
		},
		"a version without a time is no mark": {annotations: with(version, "7")},
		"a time without a version is no mark": {annotations: with(at, "t")},
		"strip-labels alone has no effect": {
			annotations: with(stripLabels, "true"), wantIgnored: []string{stripLabels},
		},
	})
}

func TestReplicatorLabels(t *testing.T) {
	tests := map[string]struct {
		annotations map[string]string
		key         string
		want        bool
	}{
		"a replicator push carries the source's labels over": {with(replicateTo, "a"), "app", true},
		"unless strip-labels says true": {
			with(replicateTo, "a", stripLabels, "true"), "app", false,
		},
		"and says it as Go reads it": {with(replicateTo, "a", stripLabels, "1"), "app", false},
		"strip-labels false strips nothing": {
			with(replicateTo, "a", stripLabels, "false"), "app", true,
		},
		"a tool's key is not carried over by that": {
			with(replicateTo, "a"), "argocd.argoproj.io/instance", false,
		},
		"unless copy-labels names it in full": {
			with(replicateTo, "a", native+"copy-labels", "argocd.argoproj.io/instance"),
			"argocd.argoproj.io/instance", true,
		},
		"beside copy-labels all the others still are": {
			with(replicateTo, "a", native+"copy-labels", "x"), "app", true,
		},
		"less what copy-labels takes away": {
			with(replicateTo, "a", native+"copy-labels", "x,!app"), "app", false,
		},
		"with strip-labels copy-labels is all there is": {
			with(replicateTo, "a", stripLabels, "true", native+"copy-labels", "x"), "x", true,
		},
		"a native push carries none":                {with(native+"push-to", "a"), "app", false},
		"also where replicator's keys stand beside": {with(native+"push-to", "a", replicateTo, "a"), "app", false},
		"a Reflector push carries none":             {with(allowed, "true", auto, "true"), "app", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			claims := annotations.Parse("ns", "n", tc.annotations)
			if len(claims.Problems) > 0 || claims.Policy == nil {
				t.Fatalf("claims = %+v", claims)
			}
			if got := claims.Policy.CopyLabels.MatchKey(tc.key); got != tc.want {
				t.Errorf("%s is carried over: %t, want %t", tc.key, got, tc.want)
			}
		})
	}
}
