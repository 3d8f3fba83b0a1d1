package doctor

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// checkLogin checks user name and password of an entry, without printing them.
func checkLogin(o Object, e *entry) []Finding {
	finding := func(code Code, text string) []Finding {
		return []Finding{newFinding(code, o, "entry %s: %s", e.address, text)}
	}
	var findings []Finding
	if e.disagrees {
		findings = finding(AuthDisagrees, "auth decodes to another user name or password than the fields beside it")
	}
	switch {
	case e.username == "" && e.password == "" && e.token:
		return append(findings, finding(NoCredentials,
			"it has only an identity token or registry token, which the kubelet ignores")...)
	case e.username == "" && e.password == "":
		return append(findings, finding(NoCredentials, "it has neither auth nor username and password")...)
	case e.username == "":
		return append(findings, finding(NoCredentials, "it has no user name")...)
	case e.password == "":
		return append(findings, finding(NoCredentials, "it has no password")...)
	}
	if part := spaced(e); part != "" {
		findings = append(findings, finding(Whitespace, part+" begins or ends with white space")...)
	}
	host, _ := e.address.hostname()
	switch {
	case ecrHost.MatchString(host) && e.username != "AWS":
		findings = append(findings, finding(WrongUser, "Amazon ECR expects the user name AWS")...)
	case isGoogle(host) && !googleUsers[e.username]:
		findings = append(findings, finding(WrongUser, "the registries of Google Cloud expect the user name _json_key, "+
			"_json_key_base64 or oauth2accesstoken")...)
	}
	if problem := keyFileProblem(e); problem != "" {
		findings = append(findings, finding(BadKeyFile, problem)...)
	}
	return findings
}

// spaced returns which of the two begins or ends with white space. In the JSON of a key file it does no harm.
func spaced(e *entry) string {
	switch {
	case googleUsers[e.username]:
		return ""
	case strings.TrimSpace(e.username) != e.username:
		return "the user name"
	case strings.TrimSpace(e.password) != e.password:
		return "the password"
	}
	return ""
}

// googleUsers are the user names of the registries of Google Cloud.
var googleUsers = map[string]bool{
	"_json_key": true, "_json_key_base64": true, "oauth2accesstoken": true, "_token": true, "_dcgcloud_token": true,
}

func isGoogle(host string) bool {
	return host == "gcr.io" || strings.HasSuffix(host, ".gcr.io") || strings.HasSuffix(host, "-docker.pkg.dev")
}

// keyFileProblem says what is wrong with the key of a Google service account.
func keyFileProblem(e *entry) string {
	content := []byte(e.password)
	switch e.username {
	case "_json_key":
	case "_json_key_base64":
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.password))
		if err != nil {
			return "the user name is _json_key_base64, and the password is not valid base64"
		}
		content = decoded
	default:
		return ""
	}
	var key struct {
		Type       string `json:"type"`
		PrivateKey string `json:"private_key"`
		Email      string `json:"client_email"`
	}
	switch {
	case json.Unmarshal(content, &key) != nil:
		return "the password is not the JSON of a key file"
	case key.Type != "service_account":
		return "the JSON in the password is not the key of a service account"
	case !strings.Contains(key.PrivateKey, "PRIVATE KEY-----") || key.Email == "":
		return "the key file in the password has no private_key or no client_email"
	}
	return ""
}
