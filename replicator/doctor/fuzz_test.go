package doctor

import (
	"strings"
	"testing"
	"unicode"

	corev1 "k8s.io/api/core/v1"
)

// FuzzPullSecret: no content makes the checks panic, and findings are printable and short.
func FuzzPullSecret(f *testing.F) {
	for _, content := range []string{
		auths(registry), login("ghrc.io:443", "_json_key", keyFile), `{"auths":{"\u001b[2J":{"auth":"!"}}}`, `{"auths":null}`,
		`{"auths":{"[":{}},"credsStore":"x","credHelpers":{"%":1}}`, `{"auths":{"https://a@b/c":{"identitytoken":1}}}`,
		strings.Repeat(`{"auths":`, 100),
	} {
		f.Add(content, "registry.example.com/app:1")
	}
	f.Fuzz(func(t *testing.T, content, image string) {
		e := NewExamination(testOptions)
		s := pullSecretOf("team", "regcred", content)
		e.AddSecret(s)
		other := pullSecretOf("team", "old", "")
		other.Type, other.Data = corev1.SecretTypeDockercfg, map[string][]byte{corev1.DockerConfigKey: []byte(content)}
		e.AddSecret(other)
		e.AddPod(failingPod("team", "app", image, content, "regcred", "old", content))
		for _, finding := range e.Findings() {
			checkText(t, finding.Message)
		}
		diagnosis, _ := e.Diagnose("team", "app")
		for _, name := range diagnosis.Secrets {
			checkText(t, name)
		}
		for _, image := range diagnosis.Images {
			checkText(t, image.Image)
			for _, attempt := range append(image.Tried, image.NotTried...) {
				checkText(t, attempt.Secret)
				checkText(t, attempt.Address)
				checkText(t, attempt.Note)
			}
		}
	})
}

func checkText(t *testing.T, text string) {
	t.Helper()
	if len([]rune(text)) > messageLimit+1 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not printable, or too long: %q", text)
	}
}

// FuzzCertificate: no content makes the checks panic.
func FuzzCertificate(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), []byte("x"))
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		e := NewExamination(testOptions)
		e.AddSecret(&corev1.Secret{
			Type: corev1.SecretTypeTLS, Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key},
		})
		for _, finding := range e.Findings() {
			checkText(t, finding.Message)
		}
	})
}

// FuzzMatches: no address and no image make the comparison panic, and addresses are printable and short.
func FuzzMatches(f *testing.F) {
	f.Add("*.example.com:5000/a", "registry.example.com:5000/a/b")
	f.Fuzz(func(t *testing.T, raw, image string) {
		a, err := parseAddress(raw)
		if err == nil {
			_ = matches(a.key, image)
			checkText(t, a.String())
		}
	})
}
