package doctor

import (
	"fmt"
	"strings"
	"testing"
)

func TestLogins(t *testing.T) {
	e := NewExamination(testOptions)
	content := auths(registry, "ghrc.io", "*.example.com", "oci://"+registry, "bad host")
	e.AddSecret(pullSecretOf("infra", "regcred", content))
	e.AddSecret(annotated(pullSecretOf("team", "regcred", content), "replica-of", "infra/regcred"))
	e.AddSecret(pullSecretOf("team", "copy", auths(registry)))
	e.AddSecret(pullSecretOf("team", "incomplete", `{"auths":{"registry.example.com":{"username":"robot"}}}`))
	e.AddSecret(pullSecretOf("team", "refused", `{"auths":{"registry.example.com":{"auth":"!"}}}`))
	e.AddPod(failingPod("team", "app", registry+"/app", denied, "copy"))
	describe := func(logins []*Login) (lines []string) {
		for _, l := range logins {
			lines = append(lines, fmt.Sprint(l.Address, " ", l.Registry, " ", l.Secrets, " ", l.IsPattern(), " ", l.Meant))
			if user, password := l.BasicAuth(); user != "robot" || password != "hunter2" {
				t.Errorf("%s has other credentials", l.Address)
			}
		}
		return lines
	}
	want := []string{
		"*.example.com *.example.com [secret/regcred] true ",
		"ghrc.io ghrc.io [secret/regcred] false ghcr.io",
		"registry.example.com registry.example.com [secret/regcred secret/copy] false ",
	}
	if got := describe(e.Logins()); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	diagnosis, _ := e.Diagnose("team", "app")
	got := describe(e.LoginsOf(diagnosis))
	if strings.Join(got, "\n") != "registry.example.com registry.example.com [secret/copy] false " {
		t.Errorf("for the Pod got\n%s", strings.Join(got, "\n"))
	}
	finding := e.Logins()[2].Finding(ProbeRejected, "no")
	if finding.Message != "entry registry.example.com: no (the same in 1 other Secrets)" ||
		finding.Object.Namespace != "infra" {
		t.Errorf("got %+v", finding)
	}
}
