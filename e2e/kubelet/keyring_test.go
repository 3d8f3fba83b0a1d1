package kubelet

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
	"pgregory.net/rapid"

	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
)

func pullSecret(name, content string) corev1.Secret {
	return corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(content)},
	}
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ofKubelet are the user names that the kubelet tries for an image, in order.
func ofKubelet(image string, pullSecrets []corev1.Secret) (users []string, err error) {
	repository, _, _, err := parsers.ParseImageName(image)
	if err != nil {
		return nil, err
	}
	keyring, err := secrets.MakeDockerKeyring(pullSecrets, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		return nil, err
	}
	credentials, _ := keyring.Lookup(repository)
	for _, credential := range credentials {
		users = append(users, credential.Username)
	}
	return users, nil
}

// ofDoctor are those of the product.
func ofDoctor(image string, pullSecrets []corev1.Secret) (users []string, err error) {
	parsed, err := doctor.ParseImage(image)
	if err != nil {
		return nil, err
	}
	keyring := &doctor.Keyring{}
	for _, s := range pullSecrets {
		if refused(s) {
			return nil, fmt.Errorf("the Secret %s is refused", s.Name)
		}
		keyring.Add(s.Name, doctor.ParseDockerConfigJSON(s.Data[corev1.DockerConfigJsonKey]))
	}
	for _, credential := range keyring.Lookup(parsed.Repository) {
		user, _ := credential.BasicAuth()
		users = append(users, user)
	}
	return users, nil
}

// refused reports whether the product says that the kubelet cannot read the Secret.
func refused(s corev1.Secret) bool {
	e := doctor.NewExamination(doctor.Options{Now: time.Now()})
	e.AddSecret(&s)
	return slices.ContainsFunc(e.Findings(), func(f doctor.Finding) bool {
		return f.Code == doctor.Unreadable || f.Code == doctor.BadAuth
	})
}

func agree(t rapid.TB, image string, pullSecrets ...corev1.Secret) {
	t.Helper()
	want, wantErr := ofKubelet(image, pullSecrets)
	got, gotErr := ofDoctor(image, pullSecrets)
	if (gotErr == nil) != (wantErr == nil) || !slices.Equal(got, want) {
		t.Errorf("image %q: doctor has %q (%v), the kubelet %q (%v)", image, got, gotErr, want, wantErr)
	}
}

// TestKeyring compares a table of addresses with a table of images.
func TestKeyring(t *testing.T) {
	images := []string{
		"nginx", "nginx:1", "team/app", "docker.io/team/app", "index.docker.io/team/app", "localhost/app",
		"localhost:5000/app",
		"registry.example.com/app", "registry.example.com/team/app:1", "registry.example.com:443/app",
		"registry.example.com:5000/team/app@sha256:" + strings.Repeat("0", 64), "eu.registry.example.com/app",
		"[::1]:5000/app",
		"Registry.example.com/app", "quay.io/coreos/etcd", "a", "UPPER/app", "bad image", "",
	}
	addresses := []string{
		"", "/", "*", "*.*", "docker.io", "https://docker.io/v1/", "index.docker.io", "https://index.docker.io/v1/",
		"https://index.docker.io/v2/", "https://index.docker.io/v1", "https://index.docker.io/team", "registry-1.docker.io",
		"registry.example.com", "http://registry.example.com", "https://registry.example.com/", "registry.example.com/v1/",
		"registry.example.com/v2/team", "registry.example.com/v2", "registry.example.com/team", "registry.example.com/te",
		"registry.example.com/team/", "registry.example.com/*", "registry.example.com:443", "registry.example.com:*",
		"registry.example.com:5000", "*.example.com", "reg?stry.example.com", "[a-z]*.example.com", "[.example.com",
		"*.*.example.com", "Registry.example.com", "HTTPS://registry.example.com", "oci://registry.example.com",
		" registry.example.com", "registry.example.com\n", "https://user:pw@registry.example.com", "registry.example.com?a=b",
		"registry.example.com#a", "registry.example.com/%74eam", "registry.example.com/%zz", "[::1]:5000", "[::1]", "::1",
		"localhost", "localhost:5000", "quay.io", "quay.io/coreos", "//registry.example.com", "https:///team",
	}
	for _, address := range addresses {
		for _, image := range images {
			entry := map[string]any{address: map[string]string{"username": address, "password": "x"}}
			agree(t, image, pullSecret("regcred", marshal(map[string]any{"auths": entry})))
		}
	}
}

// canonical is the same for addresses that are the same to the kubelet, which tries them in random order.
func canonical(address string) string {
	address = strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	host, path, _ := strings.Cut(address, "/")
	for _, version := range []string{"v1/", "v2/"} {
		if rest, found := strings.CutPrefix(path, version); found {
			return host + "/" + rest
		}
	}
	return host + "/" + path
}

// TestKeyringProperty compares several Secrets with many addresses, which are made from the name of the image: which
// are used, and in which order.
func TestKeyringProperty(t *testing.T) {
	label := rapid.SampledFrom([]string{"registry", "example", "com", "docker", "io", "index", "a", "b"})
	globs := rapid.SampledFrom([]string{"registry", "index", "*", "*", "?*", "reg*", "?", "[a-b]", "["})
	port := rapid.SampledFrom([]string{"", "", "", ":443", ":5000"})
	path := rapid.SampledFrom([]string{
		"", "", "/", "/team", "/team/app", "/te", "/v1/", "/v2/", "/v1", "/v2/team", "/team/",
	})
	rest := rapid.SampledFrom([]string{"", "/team/app", "/team/app:1", "/app"})
	rapid.Check(t, func(t *rapid.T) {
		labels, imagePort := rapid.SliceOfN(label, 1, 4).Draw(t, "labels"), port.Draw(t, "port of the image")
		host := rapid.Custom(func(t *rapid.T) string {
			own := slices.Clone(labels)
			if i := rapid.IntRange(0, 2*len(own)).Draw(t, "other label"); i < len(own) {
				own[i] = globs.Draw(t, "label")
			}
			ports := rapid.SampledFrom([]string{imagePort, imagePort, imagePort, "", ":5000"})
			return strings.Join(own, ".") + ports.Draw(t, "port")
		})
		var pullSecrets []corev1.Secret
		for i := range rapid.IntRange(1, 3).Draw(t, "Secrets") {
			name, entries := fmt.Sprint("secret-", i), map[string]any{}
			for range rapid.IntRange(0, 6).Draw(t, "entries") {
				scheme := rapid.SampledFrom([]string{"", "", "https://", "http://", "oci://"}).Draw(t, "scheme")
				address := scheme + host.Draw(t, "host") + path.Draw(t, "path")
				entries[address] = map[string]string{"username": name + " " + canonical(address), "password": "x"}
			}
			pullSecrets = append(pullSecrets, pullSecret(name, marshal(map[string]any{"auths": entries})))
		}
		agree(t, strings.Join(labels, ".")+imagePort+rest.Draw(t, "rest"), pullSecrets...)
	})
}

// TestContentProperty compares what is accepted, and the logins that are read.
func TestContentProperty(t *testing.T) {
	text := rapid.SampledFrom([]any{"", "robot", "r:w", 1, nil, []string{"x"}})
	auth := rapid.SampledFrom([]any{
		"", "cjp3", "cjp3cA==", "cjp3cA", "cjp3\n", "cg==", "Og==", "!", 1, nil,
		base64.URLEncoding.EncodeToString([]byte("r:\xff\xfe\xfd")),
	})
	entry := rapid.Custom(func(t *rapid.T) any {
		if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
			return rapid.SampledFrom([]any{nil, "text", 1, []string{}}).Draw(t, "entry")
		}
		fields := map[string]any{}
		for name, values := range map[string]*rapid.Generator[any]{
			"username": text, "password": text, "Auth": auth, "auth": auth, "email": text, "identitytoken": text,
		} {
			if rapid.Bool().Draw(t, name+" is there") {
				fields[name] = values.Draw(t, name)
			}
		}
		return fields
	})
	content := rapid.Custom(func(t *rapid.T) any {
		addresses := rapid.SampledFrom([]string{"a.b", "c.d"})
		document := map[string]any{"auths": rapid.MapOfN(addresses, entry, 0, 2).Draw(t, "auths")}
		switch rapid.IntRange(0, 12).Draw(t, "odd") {
		case 0:
			document["auths"] = rapid.SampledFrom([]any{nil, "text", []string{}}).Draw(t, "auths")
		case 1:
			document["HttpHeaders"] = rapid.SampledFrom([]any{nil, "text", map[string]any{"a": 1}}).Draw(t, "headers")
		case 2:
			document["credsStore"] = rapid.SampledFrom([]any{nil, "desktop", 1}).Draw(t, "store")
		case 3:
			document["credHelpers"] = rapid.SampledFrom([]any{nil, "x", map[string]any{"a.b": 1}}).Draw(t, "helpers")
		case 4:
			return rapid.SampledFrom([]any{nil, "text", []string{}}).Draw(t, "document")
		}
		return document
	})
	rapid.Check(t, func(t *rapid.T) {
		text := marshal(content.Draw(t, "content"))
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			text = text[:rapid.IntRange(1, len(text)).Draw(t, "length")]
		}
		agree(t, "a.b/app", pullSecret("regcred", text))
	})
}

// TestImageProperty compares what is read of the name of an image.
func TestImageProperty(t *testing.T) {
	name := rapid.StringMatching(`([a-zA-Z0-9._-]{1,5}[/:@]?){1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		image := name.Draw(t, "image")
		want, _, _, wantErr := parsers.ParseImageName(image)
		got, gotErr := doctor.ParseImage(image)
		if (gotErr == nil) != (wantErr == nil) || got.Repository != want {
			t.Errorf("%q: doctor has %q (%v), the kubelet %q (%v)", image, got.Repository, gotErr, want, wantErr)
		}
	})
}
