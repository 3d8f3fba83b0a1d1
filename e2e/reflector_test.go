package e2e

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// The keys of a source in Reflector's dialect.
const (
	allowed      = reflector + "reflection-allowed"
	allowedIn    = reflector + "reflection-allowed-namespaces"
	allowedWhere = reflector + "reflection-allowed-namespaces-selector"
	auto         = reflector + "reflection-auto-enabled"
	autoIn       = reflector + "reflection-auto-namespaces"
	autoWhere    = reflector + "reflection-auto-namespaces-selector"
)

// annotated is the union of pairs of key and value.
func annotated(pairs ...string) map[string]string {
	result := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		result[pairs[i]] = pairs[i+1]
	}
	return result
}

// TestReflectorPush: reflector's three annotations work as they are.
func TestReflectorPush(t *testing.T) {
	for name, lines := range map[string]func(list string) map[string]string{
		"by the allowed namespaces": func(list string) map[string]string {
			return map[string]string{
				"reflector.v1.k8s.emberstack.com/reflection-allowed":            "true",
				"reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces": list,
				"reflector.v1.k8s.emberstack.com/reflection-auto-enabled":       "true",
			}
		},
		"by the automatic namespaces": func(list string) map[string]string {
			return map[string]string{
				"reflector.v1.k8s.emberstack.com/reflection-allowed":         "true",
				"reflector.v1.k8s.emberstack.com/reflection-auto-enabled":    "true",
				"reflector.v1.k8s.emberstack.com/reflection-auto-namespaces": list,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			infra, production, staging := s.namespace("infra"), s.namespace("production"), s.namespace("staging")
			s.namespace("development")
			s.namespace("production-2")
			source := s.create(object{
				kind: secret, namespace: infra, name: "regcred", typ: corev1.SecretTypeDockerConfigJson,
				data:        map[string]string{corev1.DockerConfigJsonKey: `{"auths":{"registry.example.com":{"auth":"YTpi"}}}`},
				annotations: lines(production + "," + staging),
			})
			s.replicated(source, production)
			s.replicated(source, staging)
			s.reaches(source, production, staging)
			source = s.unannotate(source, auto)
			s.reaches(source)
		})
	}
}

// TestReflectorLists: reflector's lists select namespaces.
func TestReflectorLists(t *testing.T) {
	// Every list is bound to the test's own namespaces; those without a list have a cluster of their own below.
	cases := map[string]reachCase{
		"allowed without auto pushes nothing": {annotated(allowed, "true", allowedIn, "{}.*"), nil},
		"auto without allowed pushes nothing": {annotated(auto, "true", autoIn, "{}.*"), nil},
		"auto that is not allowed":            {annotated(allowed, "false", auto, "true", autoIn, "{}.*"), nil},
		"a target has to pass both lists": {
			annotated(allowed, "true", auto, "true", allowedIn, "{}team-a,{}team-b", autoIn, "{}team-b,{}web-b"),
			[]string{"team-b"},
		},
		"a target has to pass the list and the selector of the other side": {
			annotated(allowed, "true", auto, "true", allowedIn, "{}team-.*", autoWhere, "{}tier=web"), []string{"team-b"},
		},
		"of one side either suffices, the list or the selector": {
			annotated(allowed, "true", auto, "true", autoIn, "{}team-a", autoWhere, "{}tier=web"),
			[]string{"team-a", "team-b", "web-b"},
		},
		"of the allowed side either suffices, too": {
			annotated(allowed, "true", auto, "true", allowedIn, "{}team-a", allowedWhere, "{}tier=web", autoIn, "{}.*"),
			[]string{"team-a", "team-b", "web-b"},
		},
		"a selector alone": {
			annotated(allowed, "true", auto, "true", allowedWhere, "{}tier in (db)"), []string{"team-a"},
		},
		"a name is matched whole": {
			annotated(allowed, "true", auto, "true", autoIn, "{}team,team-a,{}team-b"), []string{"team-b"},
		},
		"an expression is matched whole": {
			annotated(allowed, "true", auto, "true", autoIn, "{}team-b|{}web"), []string{"team-b"},
		},
		"a glob is an expression": {
			annotated(allowed, "true", auto, "true", autoIn, "{}team-*"), nil,
		},
		"look-ahead": {
			annotated(allowed, "true", auto, "true", autoIn, "^(?!{}team-(?:a|b)$){}.*"), []string{"team-bb", "web-b"},
		},
		"look-behind, which is run with backtracking": {
			annotated(allowed, "true", auto, "true", autoIn, `{}[a-z]+-(?<!team-)b|{}team-(b)\1`),
			[]string{"team-bb", "web-b"},
		},
		"white space and empty entries": {
			annotated(allowed, "true", auto, "true", autoIn, " {}team-a , ,{}team-b,"), []string{"team-a", "team-b"},
		},
		"booleans in any case": {
			annotated(allowed, "TRUE", auto, "True", autoIn, "{}team-a"), []string{"team-a"},
		},
		"yes is not true":           {annotated(allowed, "yes", auto, "true", autoIn, "{}team-a"), nil},
		"1 is not true":             {annotated(allowed, "true", auto, "1", autoIn, "{}team-a"), nil},
		"an empty word is not true": {annotated(allowed, "true", auto, "", autoIn, "{}team-a"), nil},
		"its own namespace is never a target": {
			annotated(allowed, "true", auto, "true", autoIn, "{}from,{}team-a"), []string{"team-a"},
		},
		"native exclude stands beside it": {
			annotated(allowed, "true", auto, "true", autoIn, "{}team-.*", native+"exclude", "{}team-b*"),
			[]string{"team-a"},
		},
	}
	forEachKind(t, func(s *scene, k kind) {
		s.namespace("from", s.ns("tier"), "web")
		s.namespace("team-a", s.ns("tier"), "db")
		s.namespace("team-b", s.ns("tier"), "web")
		s.namespace("team-bb")
		s.namespace("web-b", s.ns("tier"), "web")
		checkReach(s, k, cases)
	})
}

// TestEveryNamespace: a star, and lists of reflector's that are absent, are every namespace.
func TestEveryNamespace(t *testing.T) {
	s := ownScene(t)
	s.system.Controller(s)
	both := annotated(allowed, "true", auto, "true")
	with := func(pairs ...string) map[string]string {
		policy := annotated(pairs...)
		maps.Copy(policy, both)
		return policy
	}
	for _, k := range []kind{secret, configMap} {
		s := s.part(t)
		from, team := s.namespace("from"), s.namespace("team")
		for name, tc := range map[string]struct {
			policy                  map[string]string
			inTeam, inDefault, late bool
		}{
			"star":         {annotated(native+"push-to", "*"), true, true, true},
			"star-but":     {annotated(native+"push-to", "*,!default"), true, false, true},
			"absent":       {both, true, true, true},
			"empty":        {with(autoIn, "", allowedIn, " ", autoWhere, "", allowedWhere, ""), true, true, true},
			"allowed-only": {with(allowedIn, team), true, false, false},
			"auto-only":    {with(autoIn, team), true, false, false},
			// The recipe that people pass on, to the letter.
			"recipe":    {with(autoIn, "^(?!(?:default|kube-system)$).*"), true, false, true},
			"allow-not": {with(allowedIn, "^(?!(?:default|kube-system)$).*"), true, false, true},
		} {
			s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": "one"}, annotations: tc.policy,
			})
			later := s.namespace("later-" + name)
			// The source's own is there in any case.
			want := map[string]bool{from: true, team: tc.inTeam, "default": tc.inDefault, later: tc.late}
			// Of the rest of the cluster, Kubernetes' own namespaces are protected, and so is Mirrorball's.
			never := []string{"kube-system", "kube-public", "kube-node-lease", harness.Namespace}
			for namespace, there := range want {
				if !there {
					never = append(never, namespace)
					continue
				}
				s.eventually(func() error {
					_, err := s.find(k, namespace, name)
					return err
				})
			}
			s.absentIn(never, k, name)
		}
	}
}
