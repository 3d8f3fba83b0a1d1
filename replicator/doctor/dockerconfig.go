package doctor

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// contentLimit is the size of the largest content that is parsed. The API server allows no larger Secret.
const contentLimit = corev1.MaxSecretSize

// Config is the content of a pull Secret.
type Config struct {
	// refusal says why the kubelet refuses the whole content; empty if it accepts it.
	refusal string
	// code is the code of the finding about the refusal.
	code    Code
	entries []entry
	// store is set if there is a credsStore; helpers are the addresses with a helper of their own.
	store   bool
	helpers []address
	// misplaced is set if there are no entries, but the other format would have some.
	misplaced bool
}

// entry is what a pull Secret has for one registry.
type entry struct {
	address address
	// unreadable is set if the kubelet cannot read the address.
	unreadable bool
	// username and password are those that the kubelet uses.
	username, password string
	// disagrees is set if auth says something else than username and password.
	disagrees bool
	// token is set if there is an identity or registry token, which the kubelet ignores.
	token bool
}

// rawEntry is an entry as it is written.
type rawEntry struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Email         string `json:"email"`
	Auth          string `json:"auth"`
	IdentityToken any    `json:"identitytoken"`
	RegistryToken any    `json:"registrytoken"`
}

// ParseDockerConfigJSON reads the content of a Secret of the type kubernetes.io/dockerconfigjson.
func ParseDockerConfigJSON(content []byte) *Config {
	var document struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		HTTPHeaders map[string]string          `json:"HttpHeaders"`
		CredsStore  any                        `json:"credsStore"`
		CredHelpers any                        `json:"credHelpers"`
	}
	if len(content) == 0 {
		return &Config{} // the kubelet ignores it
	}
	if refusal := decode(content, &document); refusal != "" {
		return &Config{refusal: refusal, code: Unreadable}
	}
	c := &Config{}
	if store, ok := document.CredsStore.(string); ok {
		c.store = store != ""
	}
	if helpers, ok := document.CredHelpers.(map[string]any); ok {
		for _, raw := range slices.Sorted(maps.Keys(helpers)) {
			if helper, err := parseAddress(raw); err == nil {
				c.helpers = append(c.helpers, helper)
			}
		}
	}
	c.add(document.Auths)
	if len(document.Auths) == 0 {
		var others map[string]json.RawMessage
		c.misplaced = json.Unmarshal(content, &others) == nil && haveEntries(others)
	}
	return c
}

// ParseDockercfg reads the content of a Secret of the type kubernetes.io/dockercfg.
func ParseDockercfg(content []byte) *Config {
	var entries map[string]json.RawMessage
	if len(content) == 0 {
		return &Config{} // the kubelet ignores it
	}
	if refusal := decode(content, &entries); refusal != "" {
		return &Config{refusal: refusal, code: Unreadable}
	}
	if inner, found := entries["auths"]; found {
		var others map[string]json.RawMessage
		if json.Unmarshal(inner, &others) == nil && haveEntries(others) {
			return &Config{misplaced: true}
		}
	}
	c := &Config{}
	c.add(entries)
	return c
}

// haveEntries reports whether one of the values has the form of an entry.
func haveEntries(values map[string]json.RawMessage) bool {
	for _, value := range values {
		var e rawEntry
		if json.Unmarshal(value, &e) == nil && (e.Auth != "" || e.Password != "") {
			return true
		}
	}
	return false
}

// decode parses JSON, and says why it cannot. The errors of package json quote the content, so they are not repeated.
func decode(content []byte, into any) (refusal string) {
	if len(content) > contentLimit {
		return fmt.Sprintf("the content is larger than %d bytes", contentLimit)
	}
	err := json.Unmarshal(content, into)
	if err == nil {
		return ""
	}
	if decoded, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(string(content))); json.Valid(decoded) {
		return "the content is in base64 twice: put it into data as it is, in base64 once, or without base64 into stringData"
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + strings.Count(string(content[:min(int(syntax.Offset), len(content))]), "\n")
		return fmt.Sprintf("the content is no JSON: there is an error in line %d, at byte %d of %d",
			line, syntax.Offset, len(content))
	}
	return "the content has the wrong form: expected a JSON object with an object for each registry"
}

// add reads the entries, in the order of their addresses.
func (c *Config) add(entries map[string]json.RawMessage) {
	for _, raw := range slices.Sorted(maps.Keys(entries)) {
		e := entry{}
		var err error
		e.address, err = parseAddress(raw)
		e.unreadable = err != nil
		if refusal := e.read(entries[raw]); refusal != "" && c.refusal == "" {
			c.refusal, c.code = fmt.Sprintf("entry %s: %s", e.address, refusal), BadAuth
		}
		c.entries = append(c.entries, e)
	}
}

// read reads one entry as DockerConfigEntry.UnmarshalJSON of Kubernetes does, and says why the kubelet refuses it.
func (e *entry) read(content json.RawMessage) (refusal string) {
	var raw rawEntry
	if json.Unmarshal(content, &raw) != nil {
		return "is no object with the texts username, password, email and auth"
	}
	e.username, e.password = raw.Username, raw.Password
	e.token = raw.IdentityToken != nil || raw.RegistryToken != nil
	if raw.Auth == "" {
		return ""
	}
	username, password, refusal := decodeAuth(raw.Auth)
	if refusal != "" {
		return refusal
	}
	e.disagrees = raw.Username != "" && raw.Username != username || raw.Password != "" && raw.Password != password
	e.username, e.password = username, password
	return ""
}

// decodeAuth follows decodeDockerConfigFieldAuth of Kubernetes.
func decodeAuth(auth string) (username, password, refusal string) {
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(strings.TrimSpace(auth), "=") {
		encoding = base64.StdEncoding
	}
	decoded, err := encoding.DecodeString(auth)
	if err != nil {
		return "", "", "auth is not valid base64"
	}
	username, password, found := strings.Cut(string(decoded), ":")
	if !found {
		return "", "", "auth does not decode to username:password; there is no colon in it"
	}
	return username, password, ""
}
