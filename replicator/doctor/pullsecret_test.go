package doctor

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const registry = "registry.example.com"

func jwt(expires time.Time) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString([]byte(document(v))) }
	return part(map[string]string{"alg": "RS256"}) + "." + part(map[string]int64{"exp": expires.Unix()}) + ".c2ln"
}

func ecrToken(expires time.Time) string {
	text := document(map[string]any{"payload": "x", "expiration": expires.Unix()})
	return base64.StdEncoding.EncodeToString([]byte(text))
}

const keyFile = `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----","client_email":"a@b"}`

func TestPullSecret(t *testing.T) {
	const ecr = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
	const google = "europe-docker.pkg.dev"
	tests := map[string]struct {
		content string
		want    []Code
	}{
		"good":                          {auths(registry), nil},
		"good, with auth":               {login(registry, "robot", "hunter2"), nil},
		"good, with a colon":            {login(registry, "robot", "hunter:2"), nil},
		"good, for Docker Hub":          {auths("https://index.docker.io/v1/"), nil},
		"good, as its images are named": {auths("docker.io"), nil},
		"good, with a path":             {auths(registry+"/team/app", registry+"/team/"), nil},
		"good, with a pattern":          {auths("*.example.com"), nil},
		"good, for another cloud":       {auths("team.azurecr.io", "eu-docker.jfrog.io"), nil},

		"nothing":                   {"", []Code{NoEntries}},
		"no JSON":                   {`{"auths":`, []Code{Unreadable}},
		"a list":                    {`{"auths":[]}`, []Code{Unreadable}},
		"base64 twice":              {base64.StdEncoding.EncodeToString([]byte(auths(registry))), []Code{Unreadable}},
		"headers that are no texts": {`{"HttpHeaders":{"a":1},"auths":{}}`, []Code{Unreadable}},
		"an entry that is a text":   {`{"auths":{"registry.example.com":"hunter2"}}`, []Code{BadAuth}},

		"null":                 {`null`, []Code{NoEntries}},
		"no entries":           {`{"auths":{}}`, []Code{NoEntries}},
		"no auths":             {`{"registry.example.com":{"auth":"cjpw"}}`, []Code{NoEntries}},
		"white space":          {auths(registry + " "), []Code{BadAddress}},
		"a user in the URL":    {auths("https://robot:hunter2@" + registry), []Code{BadAddress}},
		"no host":              {auths("https:///team"), []Code{BadAddress}},
		"a site":               {auths("https://hub.docker.com"), []Code{NotDockerHub}},
		"no slash at the end":  {auths("https://index.docker.io/v1"), []Code{NotDockerHub}},
		"Docker Hub's API":     {auths("registry-1.docker.io"), []Code{NotDockerHub}},
		"a scheme":             {auths("oci://" + registry), []Code{BadScheme}},
		"a scheme, upper case": {auths("HTTPS://" + registry), []Code{BadScheme}},
		"a password for one":   {auths("hunter2://" + registry), []Code{BadScheme}},
		"v2 without slash":     {auths(registry + "/v2"), []Code{BadPath}},
		"a tag":                {auths(registry + "/team/app:1"), []Code{BadPath}},
		"a star in the path":   {auths(registry + "/team/*"), []Code{BadPath}},
		"upper case in a path": {auths(registry + "/Team"), []Code{BadPath}},
		"swapped letters":      {auths("ghrc.io"), []Code{Typo}},
		"a letter too many":    {auths("registry.gitlabb.com"), []Code{Typo}},
		"another end":          {auths("team.azurecr.oi"), []Code{Typo}},
		"the port of HTTPS":    {auths(registry + ":443"), []Code{DefaultPort}},
		"upper case":           {auths("Registry.example.com"), []Code{BadPattern}},
		"a bad pattern":        {auths("[.example.com"), []Code{BadAddress}},
		"a star alone":         {auths("*"), []Code{BadPattern}},
		"the same twice":       {auths(registry, "https://"+registry+"/v1/"), []Code{Duplicate}},

		"auth is no base64":    {`{"auths":{"registry.example.com":{"auth":"hunter2!"}}}`, []Code{BadAuth}},
		"auth has no colon":    {`{"auths":{"registry.example.com":{"auth":"aHVudGVyMg=="}}}`, []Code{BadAuth}},
		"auth has line breaks": {`{"auths":{"registry.example.com":{"auth":"cjpw\n"}}}`, nil},
		"auth disagrees": {`{"auths":{"registry.example.com":{"auth":"cjpw","username":"robot"}}}`,
			[]Code{AuthDisagrees}},
		"nothing in it": {`{"auths":{"registry.example.com":{}}}`, []Code{NoCredentials}},
		"only a token":  {`{"auths":{"registry.example.com":{"identitytoken":"hunter2"}}}`, []Code{NoCredentials}},
		"no password":   {login(registry, "robot", ""), []Code{NoCredentials}},
		"no user":       {login(registry, "", "hunter2"), []Code{NoCredentials}},
		"a line break":  {login(registry, "robot", "hunter2\n"), []Code{Whitespace}},
		"a store":       {`{"auths":{"registry.example.com":{}},"credsStore":"desktop"}`, []Code{NoCredentials, Helper}},
		"a helper":      {`{"auths":{},"credHelpers":{"gcr.io":"gcloud"}}`, []Code{NoEntries, Helper}},
		"a helper beside a login": {
			`{"auths":{"registry.example.com":{"auth":"cjpw"}},"credHelpers":{"registry.example.com":"x"}}`, nil},

		"a token of ECR, by its claim":    {login(ecr, "AWS", ecrToken(now.Add(-time.Hour))), []Code{Expired}},
		"a token of ECR, by its age":      {login(ecr, "AWS", "hunter2"), []Code{Expired}},
		"a token of ECR with hours left":  {login(ecr, "AWS", ecrToken(now.Add(5*time.Hour))), nil},
		"a token of ECR with little left": {login(ecr, "AWS", ecrToken(now.Add(time.Hour))), []Code{ExpiresSoon}},
		"another user for ECR":            {login(ecr, "robot", ecrToken(now.Add(5*time.Hour))), []Code{WrongUser}},
		"a JWT that expired":              {login(registry, "robot", jwt(now.Add(-time.Minute))), []Code{Expired}},
		"a JWT that expires soon":         {login(registry, "robot", jwt(now.Add(time.Hour))), []Code{ExpiresSoon}},
		"a JWT for years":                 {login(registry, "robot", jwt(now.Add(9999*time.Hour))), nil},
		"a token of Google":               {login(google, "oauth2accesstoken", "ya29.x"), []Code{Expired}},
		"a token of GitHub":               {login("ghcr.io", "robot", "ghs_x"), []Code{Expired}},
		"a personal token of GitHub":      {login("ghcr.io", "robot", "ghp_x"), nil},
		"a key file":                      {login(google, "_json_key", keyFile+"\n"), nil},
		"a key file in base64": {
			login(google, "_json_key_base64", base64.StdEncoding.EncodeToString([]byte(keyFile))), nil},
		"a key file that is none":     {login(google, "_json_key", "hunter2"), []Code{BadKeyFile}},
		"a key file without key":      {login(google, "_json_key", `{"type":"service_account"}`), []Code{BadKeyFile}},
		"a key file of a user":        {login(google, "_json_key", `{"type":"authorized_user"}`), []Code{BadKeyFile}},
		"another user for Google":     {login(google, "robot", "hunter2"), []Code{WrongUser}},
		"a number that is not a time": {login(registry, "robot", "eyJleHBpcmF0aW9uIjoxZTMwMH0="), nil},
		"a mistake in each of two":    {auths("ghrc.io", registry+":443"), []Code{Typo, DefaultPort}},
		"auths in auths":              {`{"auths":{"auths":{"registry.example.com":{}}}}`, []Code{NoCredentials}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := NewExamination(testOptions)
			e.AddSecret(pullSecretOf("team", "regcred", tc.content))
			findings := e.Findings()
			wantCodes(t, findings, tc.want...)
			for _, f := range findings {
				if strings.Contains(f.Message, "hunter") {
					t.Errorf("a value of the Secret is in %q", f.Message)
				}
			}
		})
	}
}

func TestDockercfg(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []Code
	}{
		"good":             {`{"registry.example.com":{"auth":"cjpw"}}`, nil},
		"the other format": {auths(registry), []Code{NoEntries}},
		"empty":            {`{}`, []Code{NoEntries}},
		"no JSON":          {`registry.example.com`, []Code{Unreadable}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := pullSecretOf("team", "regcred", "")
			s.Type, s.Data = corev1.SecretTypeDockercfg, map[string][]byte{corev1.DockerConfigKey: []byte(tc.content)}
			e := NewExamination(testOptions)
			e.AddSecret(s)
			wantCodes(t, e.Findings(), tc.want...)
		})
	}
}

func TestWrittenAt(t *testing.T) {
	managed := func(hours int, fields string) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(now.Add(-time.Duration(hours) * time.Hour))
		return metav1.ManagedFieldsEntry{Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	meta := metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-time.Hour * 9))}
	tests := map[string]struct {
		managers []metav1.ManagedFieldsEntry
		want     time.Duration
	}{
		"nobody says":             {nil, 9},
		"the last who wrote data": {[]metav1.ManagedFieldsEntry{managed(5, `{"f:data":{}}`), managed(3, `{"f:data":{}}`)}, 3},
		"not who wrote labels": {
			[]metav1.ManagedFieldsEntry{managed(5, `{"f:data":{}}`), managed(3, `{"f:metadata":{}}`)}, 5},
		"what cannot be read": {[]metav1.ManagedFieldsEntry{managed(5, `"f:data"`)}, 9},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			meta.ManagedFields = tc.managers
			if got := now.Sub(writtenAt(meta)); got != tc.want*time.Hour {
				t.Errorf("written %s ago, want %dh", got, tc.want)
			}
		})
	}
}

func TestReplicasCountWithTheirSource(t *testing.T) {
	e := NewExamination(testOptions)
	e.AddSecret(pullSecretOf("infra", "regcred", `{}`))
	for i := range 3 {
		replica := pullSecretOf(fmt.Sprintf("team-%d", i), "regcred", `{}`)
		replica.Annotations = map[string]string{"mirrorball.dev/replica-of": "infra/regcred"}
		e.AddSecret(replica)
	}
	stale := pullSecretOf("team-9", "regcred", `{"auths":{}}`)
	stale.Annotations = map[string]string{"mirrorball.dev/replica-of": "infra/regcred"}
	e.AddSecret(stale)
	findings := e.Findings()
	wantCodes(t, findings, NoEntries, NoEntries)
	for i, part := range []string{"its 3 replicas", "a replica of infra/regcred"} {
		if !strings.Contains(findings[i].Message, part) {
			t.Errorf("%q does not say %q", findings[i].Message, part)
		}
	}
}

func TestManyFindings(t *testing.T) {
	var addresses []string
	for i := range 1000 {
		addresses = append(addresses, fmt.Sprintf("r%d.example.com:443", i))
	}
	e := NewExamination(testOptions)
	e.AddSecret(pullSecretOf("team", "regcred", auths(addresses...)))
	if findings := e.Findings(); len(findings) != findingLimit {
		t.Errorf("%d findings about one Secret, want %d", len(findings), findingLimit)
	}
}
