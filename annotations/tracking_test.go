package annotations_test

import (
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Marks of what owns an object are carried over where they are named in full, and by no wildcard.
func TestOwnerMarks(t *testing.T) {
	for _, key := range []string{
		"controller.cert-manager.io/fao", "cert-manager.io/certificate-name", "acme.cert-manager.io/http-domain",
		"reconcile.external-secrets.io/managed", "external-secrets.io/store",
		"sealedsecrets.bitnami.com/managed", "strimzi.io/cluster",
	} {
		t.Run(key, func(t *testing.T) {
			for patterns, want := range map[string]bool{
				"*": false, "*.io/*,*.com/*": false, key: true, key + ",!" + key: false,
			} {
				p, err := annotations.ParseKeyPatterns(patterns)
				if err != nil {
					t.Fatal(err)
				}
				if got := p.MatchKey(key); got != want {
					t.Errorf("%s is carried over by %q: %t, want %t", key, patterns, got, want)
				}
			}
		})
	}
	for _, key := range []string{"notcert-manager.io/x", "my-external-secrets.io/x", "x.strimzi.io.example/x"} {
		if p, _ := annotations.ParseKeyPatterns("*"); !p.MatchKey(key) {
			t.Errorf("%s is taken for the mark of an owner", key)
		}
	}
}

func TestIsPrefixed(t *testing.T) {
	for key, want := range map[string]bool{
		"team": false, "app.kubernetes.io/name": false, "app.kubernetes.io/part-of": false,
		"app.kubernetes.io/instance": true, "app.kubernetes.io/managed-by": true,
		"argocd.argoproj.io/secret-type": true, "istio/multiCluster": true, "example.com/team": true,
		"kubernetes.io/metadata.name": true, "notapp.kubernetes.io/name": true,
	} {
		if got := annotations.IsPrefixed(key); got != want {
			t.Errorf("%s has a prefix of some other system's: %t, want %t", key, got, want)
		}
	}
}

func TestAcceptAttachFrom(t *testing.T) {
	for title, tc := range map[string]struct {
		value   *string
		accepts bool
		problem bool
	}{
		"absent: none":     {},
		"empty: none":      {value: new("")},
		"patterns":         {value: new("team-*"), accepts: true},
		"others":           {value: new("platform")},
		"unreadable: none": {value: new("team-.*"), problem: true},
	} {
		t.Run(title, func(t *testing.T) {
			notes := map[string]string{}
			if tc.value != nil {
				notes[annotations.AcceptAttachFrom] = *tc.value
			}
			patterns, problem := annotations.ParseAcceptAttachFrom(notes)
			if got := patterns.Match("team-a"); got != tc.accepts {
				t.Errorf("it accepts team-a: %t, want %t", got, tc.accepts)
			}
			if (problem != nil) != tc.problem {
				t.Errorf("the problem is %v, want one: %t", problem, tc.problem)
			}
		})
	}
}
