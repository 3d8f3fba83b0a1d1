package doctor

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// TestSecrecy puts a marker into every place of a Secret that may hold a value, and looks for it in what is said.
func TestSecrecy(t *testing.T) {
	const marker = "hunter2"
	value := rapid.SampledFrom([]any{
		marker, marker + "\n", " " + marker, jwt(now) + marker, "ghs_" + marker, "ya29." + marker,
		`{"type":"` + marker + `"}`,
		authField(marker, marker), authField("_json_key", marker), authField("AWS", marker), "!" + marker, "", nil, 7,
		[]string{marker}, base64.StdEncoding.EncodeToString([]byte(marker)),
	})
	address := rapid.SampledFrom([]string{
		registry, "ghrc.io", "https://" + marker + "@" + registry, "https://" + marker + ":" + marker + "@" + registry,
		registry + "?" + marker, registry + "#" + marker, marker, marker + ":" + marker, marker + "://" + registry,
		marker + " " + registry,
		"https://%" + marker, "123456789012.dkr.ecr.eu-central-1.amazonaws.com", "gcr.io", "*", "hub.docker.com",
		jwtLike(marker),
	})
	rapid.Check(t, func(t *rapid.T) {
		entries := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			entry := map[string]any{}
			for _, field := range []string{"username", "password", "auth", "email", "identitytoken", "registrytoken"} {
				if rapid.Bool().Draw(t, field+" is there") {
					entry[field] = value.Draw(t, field)
				}
			}
			entries[address.Draw(t, "address")] = entry
		}
		content := map[string]any{"auths": entries}
		for _, field := range []string{"credsStore", "credHelpers", "HttpHeaders", "auths", marker} {
			if rapid.IntRange(0, 9).Draw(t, field+" is odd") == 0 {
				content[field] = rapid.SampledFrom([]any{marker, map[string]any{marker: marker}, []any{marker}}).Draw(t, field)
			}
		}
		text := document(content)
		text = text[:rapid.SampledFrom([]int{len(text), len(text), len(text), len(text) / 2}).Draw(t, "length")]
		e := NewExamination(testOptions)
		e.AddSecret(pullSecretOf("team", "regcred", text))
		e.AddSecret(&corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{
			corev1.TLSCertKey: []byte(marker), corev1.TLSPrivateKeyKey: []byte(marker),
		}})
		e.AddPod(failingPod("team", "app", registry+"/app", denied, "regcred"))
		diagnosis, _ := e.Diagnose("team", "app")
		var said strings.Builder
		for _, f := range e.Findings() {
			fmt.Fprintln(&said, f.Object, f.Message)
		}
		for _, attempt := range append(diagnosis.Images[0].Tried, diagnosis.Images[0].NotTried...) {
			fmt.Fprintln(&said, attempt.Secret, attempt.Address, attempt.Note)
		}
		for _, l := range e.Logins() {
			fmt.Fprintln(&said, l.Address, l.Meant)
		}
		if strings.Contains(said.String(), marker) {
			t.Errorf("a value of the Secret is in\n%s", said.String())
		}
	})
}

// jwtLike has the characters of a host, and the length of a token.
func jwtLike(marker string) string {
	return "eyJ." + strings.Repeat("a", 64) + marker + ".c2ln"
}
