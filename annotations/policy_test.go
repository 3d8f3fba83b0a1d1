package annotations

import (
	"maps"
	"strings"
	"testing"
)

func policyOf(t *testing.T, a map[string]string) *Policy {
	t.Helper()
	claims := Parse("infra", "regcred", a)
	if claims.Policy == nil || len(claims.Problems) > 0 {
		t.Fatalf("%v is not a policy: %v", a, claims.Problems)
	}
	return claims.Policy
}

// pairsOn returns base with the keys and values of pairs.
func pairsOn(base map[string]string, pairs ...string) map[string]string {
	a := maps.Clone(base)
	if a == nil {
		a = make(map[string]string)
	}
	for i := 0; i < len(pairs); i += 2 {
		a[pairs[i]] = pairs[i+1]
	}
	return a
}

func TestPolicyEqual(t *testing.T) {
	native := func(pairs ...string) map[string]string {
		return pairsOn(map[string]string{PushTo: "team-*"}, pairs...)
	}
	reflectorOf := func(pairs ...string) map[string]string {
		return pairsOn(map[string]string{reflectorAllowed: "true", reflectorAuto: "true"}, pairs...)
	}
	all := []map[string]string{
		native(),
		native(PushTo, "team-?"),
		native(PushToSelector, "tier=web"),
		native(PushToSelector, "tier=db"),
		native(PullBy, "team-*"),
		native(PullBy, "dev-*"),
		native(Exclude, "team-b"),
		native(TargetName, "other"),
		native(Keys, "a"),
		native(Keys, "a=b"),
		native(CopyLabels, "team"),
		native(CopyAnnotations, "team"),
		native(AttachToServiceAccounts, "default"),
		native(OnDelete, "keep"),
		native(SurvivesRecreation, "true"),
		native(Paused, "true"),
		reflectorOf(),
		reflectorOf(reflectorAutoList, "team-a"),
		reflectorOf(reflectorAutoList, "team-a,team-b"),
		reflectorOf(reflectorAllowedList, "team-a"),
		{replicatorTo: "team-a"},
	}
	for i, a := range all {
		for j, b := range all {
			if got, want := policyOf(t, a).Equal(policyOf(t, b)), i == j; got != want {
				t.Errorf("%v and %v: equal %t", a, b, got)
			}
		}
		if policyOf(t, a).Equal(nil) || (*Policy)(nil).Equal(policyOf(t, a)) {
			t.Errorf("%v equals none", a)
		}
	}
	if !(*Policy)(nil).Equal(nil) {
		t.Error("none does not equal none")
	}
}

func TestMayReach(t *testing.T) {
	web := map[string]string{"tier": "web"}
	for _, test := range []struct {
		policy    map[string]string
		namespace string
		want      bool
	}{
		{map[string]string{PushTo: "team-*"}, "team-a", true},
		{map[string]string{PushTo: "team-*"}, "other", false},
		{map[string]string{PullBy: "team-*"}, "team-a", true},
		{map[string]string{PullBy: "team-*"}, "other", false},
		{map[string]string{PushTo: "team-*", PullBy: "dev-*"}, "dev-a", true},
		{map[string]string{PushToSelector: "tier=web"}, "other", true},
		{map[string]string{PullBySelector: "tier=web"}, "other", true},
		{map[string]string{PullBySelector: "tier=db"}, "other", false},
		{map[string]string{PushTo: "*", PullBy: "*", Exclude: "other"}, "other", false},
		{map[string]string{replicatorTo: "team-a"}, "team-a", true},
		{map[string]string{replicatorTo: "team-a"}, "other", false},
	} {
		if got := policyOf(t, test.policy).MayReach(test.namespace, web); got != test.want {
			t.Errorf("%v may reach %s: %t", test.policy, test.namespace, got)
		}
	}
	if (*Policy)(nil).MayReach("team-a", web) {
		t.Error("no policy reaches a namespace")
	}
}

func TestMayReachDoesNotMatch(t *testing.T) {
	p := policyOf(t, map[string]string{
		reflectorAllowed: "true", reflectorAuto: "true", reflectorAllowedList: `(?!other).*`, Exclude: "excluded",
	})
	for _, name := range []string{"team-a", "other", "excluded"} {
		if !p.MayReach(name, nil) {
			t.Errorf("%s cannot be known before it was matched", name)
		}
	}
	for name, want := range map[string]bool{"team-a": true, "other": false, "excluded": false} {
		if got, err := p.PushesTo(name, nil); got != want || err != nil {
			t.Errorf("pushes to %s: %t, %v", name, got, err)
		}
		if got := p.MayReach(name, nil); got != want {
			t.Errorf("may reach %s: %t", name, got)
		}
	}
	if p.budget.own.balance >= p.budget.burst {
		t.Error("matching has cost nothing")
	}
	balance := p.budget.own.balance
	for _, name := range []string{"team-a", "other", "excluded", "another"} {
		p.MayReach(name, nil)
	}
	if p.budget.own.balance != balance {
		t.Error("MayReach has spent time")
	}
}

func TestGivenKeys(t *testing.T) {
	for _, test := range []struct {
		annotations map[string]string
		want        string
	}{
		{nil, ""},
		{map[string]string{replicatorKeys: "a,b"}, "a b"},
		{map[string]string{ReplicatedKeys: "c"}, "c"},
		{map[string]string{ReplicatedKeys: "c", replicatorKeys: "a,b"}, "c"},
		{map[string]string{ReplicatedKeys: "", replicatorKeys: "a,b"}, ""},
	} {
		if got := GivenKeys(test.annotations); strings.Join(got, " ") != test.want || test.want == "" && got != nil {
			t.Errorf("%v: %q", test.annotations, got)
		}
	}
}

func TestEmptyReach(t *testing.T) {
	for _, r := range []*Reach{nil, {}} {
		if got := r.String(); got != "no namespace" {
			t.Errorf("%q", got)
		}
		if ok, err := r.match("team-a", nil, meter{}); ok || err != nil {
			t.Errorf("it has a namespace: %t, %v", ok, err)
		}
	}
}
