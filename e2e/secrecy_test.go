package e2e

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// traces are the forms, by name, in which a content would give itself away: itself, encoded, and its digests.
func traces(content string) map[string]string {
	all := map[string]string{"content": content}
	sum1, sum5 := sha1.Sum([]byte(content)), md5.Sum([]byte(content))
	sum256, sum512 := sha256.Sum256([]byte(content)), sha512.Sum512([]byte(content))
	for name, bytes := range map[string][]byte{
		"content": []byte(content), "SHA-1": sum1[:], "MD5": sum5[:], "SHA-256": sum256[:], "SHA-512": sum512[:],
	} {
		all[name+" in hexadecimal"] = hex.EncodeToString(bytes)
		all[name+" in base64"] = base64.RawStdEncoding.EncodeToString(bytes)
		all[name+" in base64 for URLs"] = base64.RawURLEncoding.EncodeToString(bytes)
	}
	return all
}

// keepsSecret asserts that what was said gives none of the contents away.
func (s *scene) keepsSecret(where, said string, contents ...string) {
	s.Helper()
	said = strings.ToLower(said)
	for _, content := range contents {
		for form, trace := range traces(content) {
			if strings.Contains(said, strings.ToLower(trace)) {
				s.Errorf("%s has a %s in it", where, form)
			}
		}
	}
}

// TestSecrecy takes contents through everything that can happen to them, and looks for them in all that Mirrorball
// says: its log at its most talkative, events, metrics, and whatever is not data on the objects it writes.
func TestSecrecy(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s, "--log-level=debug", "--source-delete-grace=1s")
	from, a, b := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
	refusing, full := s.namespace("refusing"), s.namespace("full")
	var contents []string
	content := func() string {
		contents = append(contents, fmt.Sprintf("marker-%d-of-%s", len(contents), s.prefix))
		return contents[len(contents)-1]
	}
	for _, k := range []kind{secret, configMap} {
		// Created, changed, drifted, put back, removed.
		source := pushed(k, from, "pushed", s.ns("to-*"))
		source.data["token"] = content()
		source = s.create(source)
		s.replicated(source, a)
		source = s.rotate(source, content())
		drifted := s.edit(s.replicated(source, a), func(o *object) { o.data["token"] = content() })
		s.replicated(source, drifted.namespace)
		source = s.annotate(source, native+"push-to", a)
		s.gone(k, b, "pushed")
		s.delete(source)
		s.gone(k, a, "pushed")

		// Pulled, in each dialect, and adopted.
		for name, d := range pullDialects {
			pullable := s.create(object{
				kind: k, namespace: from, name: "pull-" + strings.ToLower(name), data: map[string]string{"token": content()},
				annotations: d.permit(s.ns("to")),
			})
			puller := d.puller(pullable, a, "own-"+strings.ToLower(name))
			puller.data = map[string]string{"own": content()}
			puller = s.create(puller)
			s.eventuallyHas(puller, "token", pullable.data["token"])
		}
		copied := object{
			kind: k, namespace: a, name: "adopted", data: map[string]string{"token": content()},
			annotations: annotated(reflector+"reflects", from+"/adopted", reflector+"auto-reflects", "True"),
		}
		s.create(copied)
		adopted := pushed(k, from, "adopted", a)
		adopted.data["token"] = content()
		s.replicated(s.create(adopted), a)

		// A key that the policy names and the source does not have; a target that is occupied.
		frozen := pushed(k, from, "frozen", a)
		frozen.data["token"], frozen.annotations[native+"keys"] = content(), "token,none"
		s.expectEvent(s.create(frozen), "Frozen")
		s.create(object{kind: k, namespace: a, name: "occupied", data: map[string]string{"token": content()}})
		occupied := pushed(k, from, "occupied", a)
		occupied.data["token"] = content()
		s.expectEvent(s.create(occupied), "Occupied")

		// Refused by an admission policy that quotes what it refuses.
		part := s.part(t)
		part.prohibit(prohibition{
			namespace: refusing, resource: k, expression: "false", inMessage: `"refused: " + object.data["token"]`,
		}, object{kind: k, namespace: refusing, name: "probe", data: map[string]string{"token": "none"}})
		blocked := pushed(k, from, "blocked", refusing)
		blocked.data["token"] = content()
		s.expectEvent(s.create(blocked), "Blocked")

		// Refused by a quota.
		s.quota(full, k)
		exceeding := pushed(k, from, "exceeding", full)
		exceeding.data["token"] = content()
		s.expectEvent(s.create(exceeding), "Blocked")
	}
	// Refused as invalid: the type wants a key that the policy does not give, or another sort of content in it.
	for name, keys := range map[string]string{"lacking": "other", "malformed": "other=.dockerconfigjson"} {
		invalid := credentials(from, name, a, "default")
		invalid.data = map[string]string{
			corev1.DockerConfigJsonKey: fmt.Sprintf(`{"auths":{"%s":{}}}`, content()), "other": content(),
		}
		invalid.annotations[native+"keys"] = keys
		s.expectEvent(s.create(invalid), "Blocked")
	}
	s.system.CatchUp(s)

	log, err := os.ReadFile(c.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), `"level":"debug"`) || !strings.Contains(string(log), "write rejected") {
		t.Error("the log has no line of level debug, or none about a refusal: what should be looked through is not there")
	}
	s.keepsSecret("the log", string(log), contents...)
	metrics, err := c.Get(s.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	s.keepsSecret("the metrics", metrics, contents...)
	events, err := s.system.Client.EventsV1().Events("").List(s.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events.Items {
		if event.ReportingController == "mirrorball.dev/mirrorball" {
			s.keepsSecret("the event "+event.Reason, s.json(event), contents...)
		}
	}
	for _, args := range [][]string{
		{"audit"}, {"audit", "-o", "wide"}, {"audit", "-o", "json"}, {"audit", "-o", "html"}, {"plan", "-o", "wide"},
		{"plan", "-o", "json"}, {"explain", from + "/frozen"}, {"explain", a + "/occupied"}, {"explain", from + "/occupied"},
		{"explain", a + "/own-native"}, {"explain", "namespace/" + a},
	} {
		said, code := s.says(args...)
		if code > 1 {
			t.Errorf("mirrorball %s: exit code %d:\n%s", strings.Join(args, " "), code, said)
		}
		s.keepsSecret("mirrorball "+strings.Join(args, " "), said, contents...)
	}
	for _, namespace := range []string{from, a, b, refusing, full, harness.Namespace} {
		for _, k := range []kind{secret, configMap} {
			for _, o := range s.list(k, namespace) {
				s.keepsSecret(o.String()+"'s metadata", s.json(o.meta()), contents...)
			}
		}
	}
}

func (s *scene) json(v any) string {
	s.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// quota lets no more objects of a kind into a namespace, and waits until that is in force.
func (s *scene) quota(namespace string, k kind) {
	s.Helper()
	resource := corev1.ResourceName("count/" + k.resource())
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: k.resource()}}
	quota.Spec.Hard = corev1.ResourceList{resource: {}}
	quotas := s.system.Client.CoreV1().ResourceQuotas(namespace)
	if _, err := quotas.Create(s.Context(), quota, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.eventually(func() error {
		now, err := quotas.Get(s.Context(), quota.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if _, counted := now.Status.Used[resource]; !counted {
			return fmt.Errorf("the quota in %s is not counted yet", namespace)
		}
		return nil
	})
}
