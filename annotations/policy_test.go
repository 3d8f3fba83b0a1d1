package annotations

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func policyOf(t *testing.T, a map[string]string) *Policy {
	t.Helper()
	claims := Parse("infra", "regcred", a)
	if claims.Policy == nil || len(claims.Problems) > 0 {
		t.Fatalf("%v is not a policy: %v", a, claims.Problems)
	}
	return claims.Policy
}

func TestPoliciesAreEqualWhereTheyAreWrittenAlike(t *testing.T) {
	native := func(pairs ...string) map[string]string {
		a := map[string]string{PushTo: "team-*"}
		for i := 0; i < len(pairs); i += 2 {
			a[pairs[i]] = pairs[i+1]
		}
		return a
	}
	reflectorOf := func(pairs ...string) map[string]string {
		a := map[string]string{reflectorAllowed: "true", reflectorAuto: "true"}
		for i := 0; i < len(pairs); i += 2 {
			a[pairs[i]] = pairs[i+1]
		}
		return a
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

func TestMayReachIsWherePushedToOrPulledBy(t *testing.T) {
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
		{map[string]string{reflectorAllowed: "true", reflectorAllowedList: `(?!other).*`}, "team-a", true},
	} {
		if got := policyOf(t, test.policy).MayReach(test.namespace, web); got != test.want {
			t.Errorf("%v may reach %s: %t", test.policy, test.namespace, got)
		}
	}
	if (*Policy)(nil).MayReach("team-a", web) {
		t.Error("no policy reaches a namespace")
	}
}

func TestGivenKeysAreAsMirrorballOrElseThePeerListsThem(t *testing.T) {
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

func TestNamesAreWrittenAsNamespaceAndName(t *testing.T) {
	if got := (types.NamespacedName{Namespace: "infra", Name: "regcred"}).String(); got != "infra/regcred" {
		t.Errorf("%q", got)
	}
}

func TestLabelValueKeepsWhatALabelMayHold(t *testing.T) {
	long := strings.Repeat("x", 60)
	for name, head := range map[string]string{
		"Az_.0" + long: "Az_.0x",
		"a/b" + long:   "a-bx",
		"ašb" + long:   "a-bx",
		"a{b" + long:   "a-bx",
		"a@b" + long:   "a-bx",
		"aAZ[b" + long: "aAZ-bx",
	} {
		if got := LabelValue(name); !strings.HasPrefix(got, head) {
			t.Errorf("%q becomes %q, which does not begin with %q", name, got, head)
		}
	}
}

func TestEmptyReachIsSaidToBeNone(t *testing.T) {
	for _, r := range []*Reach{nil, {}} {
		if got := r.String(); got != "no namespace" {
			t.Errorf("%q", got)
		}
		if ok, err := r.Match("team-a", nil); ok || err != nil {
			t.Errorf("it has a namespace: %t, %v", ok, err)
		}
	}
}
