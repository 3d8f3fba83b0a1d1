package doctor

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const denied = `failed to pull image "registry.example.com/app:1": unexpected status: 401 Unauthorized`

// TestReferences are the checks of what names a pull Secret, and of Pods that cannot pull.
func TestReferences(t *testing.T) {
	const image = registry + "/app:1"
	type objects struct {
		secrets  []*corev1.Secret
		accounts []*corev1.ServiceAccount
		pods     []*corev1.Pod
		// places are the namespaces that have a Secret of a name.
		places map[string][]string
	}
	good := pullSecretOf("team", "regcred", auths(registry))
	tests := map[string]struct {
		objects objects
		want    []Code
		says    string
	}{
		"all is well": {objects: objects{
			secrets:  []*corev1.Secret{good},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			pods:     []*corev1.Pod{runningPod("team", "app", image, "regcred")},
		}},
		"an account names what does not exist": {objects: objects{
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			places:   map[string][]string{"regcred": nil},
		}, want: []Code{AccountNamesMissing}},
		"an account names what is in another namespace": {objects: objects{
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			places:   map[string][]string{"regcred": {"infra"}},
		}, want: []Code{OtherNamespace}, says: "infra"},
		"an account names what is no pull Secret": {objects: objects{
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			places:   map[string][]string{"regcred": {"team"}},
		}, want: []Code{WrongType}},
		"nobody knows whether it exists": {objects: objects{
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
		}},
		"an empty name": {objects: objects{
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "")},
			places:   map[string][]string{"": nil},
		}},
		"a Pod names what does not exist": {objects: objects{
			pods:   []*corev1.Pod{runningPod("team", "app", image, "regcred")},
			places: map[string][]string{"regcred": nil},
		}, want: []Code{PodNamesMissing}},
		"a Pod's own Secret hides that of the account": {objects: objects{
			secrets:  []*corev1.Secret{good, pullSecretOf("team", "own", auths("ghcr.io"))},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			pods:     []*corev1.Pod{runningPod("team", "app", image, "own")},
		}, want: []Code{AccountHidden}, says: "regcred"},
		"a Pod's own Secret is enough": {objects: objects{
			secrets:  []*corev1.Secret{good, pullSecretOf("team", "own", auths(registry))},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			pods:     []*corev1.Pod{runningPod("team", "app", image, "own")},
		}},
		"Pods are older than the attachment": {objects: objects{
			secrets:  []*corev1.Secret{good},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			pods:     []*corev1.Pod{runningPod("team", "app-1", image), runningPod("team", "app-2", image)},
		}, want: []Code{PodOlder}, says: "also pod/app-2"},
		"an older Pod needs no credentials": {objects: objects{
			secrets:  []*corev1.Secret{good},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default", "regcred")},
			pods:     []*corev1.Pod{runningPod("team", "app", "registry.k8s.io/pause")},
		}},
		"the account is without the Secret": {objects: objects{
			secrets:  []*corev1.Secret{good},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default")},
			pods:     []*corev1.Pod{failingPod("team", "app", image, denied)},
		}, want: []Code{NotNamed}, says: "regcred"},
		"there is no Secret at all": {objects: objects{
			pods: []*corev1.Pod{failingPod("team", "app", image, denied)},
		}, want: []Code{NoMatch}},
		"the Secret is misspelt": {objects: objects{
			secrets: []*corev1.Secret{pullSecretOf("team", "regcred", auths("registry.exmaple.com"))},
			pods:    []*corev1.Pod{failingPod("team", "app", image, denied, "regcred")},
		}, want: []Code{NoMatch, Typo}, says: "registry.exmaple.com"},
		"the image is misspelt": {objects: objects{
			secrets: []*corev1.Secret{pullSecretOf("team", "regcred", auths("ghcr.io"))},
			pods:    []*corev1.Pod{failingPod("team", "app", "ghrc.io/app", denied, "regcred")},
		}, want: []Code{NoMatch}, says: "ghcr.io?"},
		"a registry of that name is in use": {objects: objects{
			secrets: []*corev1.Secret{pullSecretOf("team", "regcred", auths("ghrc.io"))},
			pods:    []*corev1.Pod{runningPod("team", "app", "ghrc.io/app", "regcred")},
		}},
		"the registry rejects the credentials": {objects: objects{
			secrets: []*corev1.Secret{good},
			pods:    []*corev1.Pod{failingPod("team", "app", image, denied, "regcred")},
		}, want: []Code{Rejected}, says: "regcred (registry.example.com)"},
		"the node says nothing": {objects: objects{
			secrets: []*corev1.Secret{good},
			pods:    []*corev1.Pod{failingPod("team", "app", image, `Back-off pulling image "`+image+`"`, "regcred")},
		}, want: []Code{Rejected}},
		"one unreadable Secret breaks the Pod": {objects: objects{
			secrets: []*corev1.Secret{good, pullSecretOf("team", "broken", `{"auths":[]}`)},
			pods:    []*corev1.Pod{failingPod("team", "app", image, "unmarshal", "regcred", "broken")},
		}, want: []Code{SecretBreaksPod, Unreadable}, says: "broken"},
		"the tag does not exist": {objects: objects{
			secrets: []*corev1.Secret{good},
			pods:    []*corev1.Pod{failingPod("team", "app", image, "app:1: not found", "regcred")},
		}, want: []Code{OtherCause}, says: "does not have this repository"},
		"the node says something else": {objects: objects{
			pods: []*corev1.Pod{failingPod("team", "app", image, "the disk is \x1b[31mon fire")},
		}, want: []Code{OtherCause}, says: `\x1b[31mon fire`},
		"the image has no name": {objects: objects{
			pods: []*corev1.Pod{failingPod("team", "app", "team/UPPER", "")},
		}, want: []Code{OtherCause}},
		"a Pod that has ended": {objects: objects{
			pods:   []*corev1.Pod{ended(failingPod("team", "app", image, denied, "regcred"))},
			places: map[string][]string{"regcred": nil},
		}},
		"the account is not attached": {objects: objects{
			secrets: []*corev1.Secret{
				annotated(pullSecretOf("infra", "regcred", auths(registry)), "push-to", "*", "attach-to-service-accounts", "d*"),
				annotated(pullSecretOf("team", "regcred", auths(registry)), "replica-of", "infra/regcred"),
			},
			accounts: []*corev1.ServiceAccount{accountOf("team", "default"), accountOf("team", "other")},
		}, want: []Code{NotAttached}, says: "infra/regcred"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := NewExamination(testOptions)
			for _, s := range tc.objects.secrets {
				e.AddSecret(s)
			}
			for _, a := range tc.objects.accounts {
				e.AddServiceAccount(a)
			}
			for _, p := range tc.objects.pods {
				e.AddPod(p)
			}
			for name, namespaces := range tc.objects.places {
				e.Resolve(name, namespaces)
			}
			findings := e.Findings()
			wantCodes(t, findings, tc.want...)
			if len(findings) > 0 && !strings.Contains(findings[0].Message, tc.says) {
				t.Errorf("%q does not say %q", findings[0].Message, tc.says)
			}
		})
	}
}

func ended(p *corev1.Pod) *corev1.Pod {
	p.Status.Phase = corev1.PodFailed
	return p
}

func annotated(s *corev1.Secret, pairs ...string) *corev1.Secret {
	s.Annotations = map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		s.Annotations["mirrorball.dev/"+pairs[i]] = pairs[i+1]
	}
	return s
}

func TestUnresolved(t *testing.T) {
	e := NewExamination(testOptions)
	e.AddSecret(pullSecretOf("team", "regcred", auths(registry)))
	e.AddServiceAccount(accountOf("team", "default", "regcred", "b"))
	e.AddServiceAccount(accountOf("other", "default", "regcred"))
	e.AddPod(runningPod("team", "app", "nginx", "a"))
	e.Resolve("a", nil)
	if got := strings.Join(e.Unresolved(), " "); got != "b regcred" {
		t.Errorf("unresolved: %s", got)
	}
}

func TestDiagnose(t *testing.T) {
	e := NewExamination(testOptions)
	e.AddSecret(pullSecretOf("team", "one", auths(registry, "ghcr.io", registry+":443", registry+"/team/other")))
	e.AddSecret(pullSecretOf("team", "two", auths(registry+"/team")))
	e.AddSecret(pullSecretOf("team", "three", `{"auths":{"registry.example.com/team":{}}}`))
	e.AddSecret(pullSecretOf("team", "four", `{"auths":[]}`))
	e.AddPod(failingPod("team", "app", registry+"/team/app:1", denied, "one", "two", "three", "four", "five", "six"))
	e.Resolve("five", []string{"team"})
	d, known := e.Diagnose("team", "app")
	if !known || d.Account != "default" || len(d.Images) != 1 {
		t.Fatalf("got %+v", d)
	}
	var got []string
	for _, attempt := range append(d.Images[0].Tried, d.Images[0].NotTried...) {
		got = append(got, attempt.Secret+" | "+attempt.Address+" | "+attempt.Note)
	}
	want := []string{
		"two | registry.example.com/team | ",
		"three | registry.example.com/team | MB113: An entry has no user name or no password.",
		"one | registry.example.com | ",
		"one | ghcr.io | another registry",
		"one | registry.example.com/team/other | the image does not begin with the path /team/other",
		"one | registry.example.com:443 | the port of the image is not given",
		"four |  | the kubelet cannot read the Secret: the content has the wrong form: expected a JSON object with an " +
			"object for each registry",
		"five |  | the Secret is no pull Secret",
		"six |  | the Secret could not be read",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, known := e.Diagnose("team", "another"); known {
		t.Error("a Pod that is not there was diagnosed")
	}
}
