package doctor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// checkExpiry checks whether the credential of an entry has expired, or will soon.
func checkExpiry(o Object, e *entry, written time.Time, options Options) []Finding {
	life := lifetimeOf(e)
	end, known := life.expiry(written)
	if !known {
		return nil
	}
	basis := "by its own claim"
	if life.end.IsZero() {
		basis = fmt.Sprintf("the Secret was written %s ago, and it lives for at most %s",
			age(options.Now.Sub(written)), age(life.longest))
	}
	switch left := end.Sub(options.Now); {
	case left <= 0:
		return []Finding{newFinding(Expired, o, "entry %s: %s, expired at %s, %s ago (%s)",
			e.address, life.sort, stamp(end), age(-left), basis)}
	case left <= life.soon(options.ExpiresWithin):
		return []Finding{newFinding(ExpiresSoon, o, "entry %s: %s, expires at %s, in %s (%s)",
			e.address, life.sort, stamp(end), age(left), basis)}
	}
	return nil
}

// lifetime is what a credential tells about its end.
type lifetime struct {
	// sort is what the credential is: "a token of Amazon ECR".
	sort string
	// end is when it expires. It is zero if the credential does not tell.
	end time.Time
	// longest is how long credentials of this sort live at most. It is zero if that is not known.
	longest time.Duration
}

// expiry returns when a credential ends, if that is known. Some credentials contain their end. Of others that live for
// a known time it assumes that they were made when the content of the Secret was written, so the real end is not
// later.
func (l lifetime) expiry(written time.Time) (end time.Time, known bool) {
	switch {
	case !l.end.IsZero():
		return l.end, true
	case l.longest > 0 && !written.IsZero():
		return written.Add(l.longest), true
	}
	return time.Time{}, false
}

// lifeFraction: what lives for a short time expires soon in the last quarter of its life. cert-manager renews
// certificates after two thirds.
const lifeFraction = 4

// soon is the time before the end in which a credential counts as one that expires soon: a quarter of a short life.
func (l lifetime) soon(within time.Duration) time.Duration {
	if l.longest > 0 {
		return min(within, l.longest/lifeFraction)
	}
	return within
}

// How long credentials live at most, as their issuers document it.
const (
	ecrLifetime        = 12 * time.Hour
	googleLifetime     = time.Hour
	githubLifetime     = 24 * time.Hour
	azureTokenLifetime = 3 * time.Hour
)

// azureTokenUser is the user name that goes with a refresh token of Azure Container Registry.
const azureTokenUser = "00000000-0000-0000-0000-000000000000"

var ecrHost = regexp.MustCompile(`^([0-9]{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9.-]+|public\.ecr\.aws)$`)

// lifetimeOf recognizes credentials that expire.
func lifetimeOf(e *entry) lifetime {
	host, _ := e.address.hostname()
	end := tokenEnd(e.password)
	switch {
	case ecrHost.MatchString(host):
		return lifetime{sort: "a token of Amazon ECR", end: end, longest: ecrLifetime}
	case e.username == "oauth2accesstoken" || strings.HasPrefix(e.password, "ya29."):
		return lifetime{sort: "an access token of Google Cloud", end: end, longest: googleLifetime}
	case strings.HasPrefix(e.password, "ghs_"):
		return lifetime{sort: "a token of a GitHub App or of a GitHub Actions job", longest: githubLifetime}
	case e.username == azureTokenUser:
		return lifetime{sort: "a token of Azure Container Registry", end: end, longest: azureTokenLifetime}
	}
	return lifetime{sort: "a token", end: end}
}

// tokenEnd returns the time at which a token says that it expires: the claim exp of a JSON Web Token, or expiration in
// a token of Amazon ECR, which is JSON in base64.
func tokenEnd(token string) time.Time {
	if parts := strings.Split(token, "."); len(parts) == 3 {
		var header struct {
			Algorithm string `json:"alg"`
		}
		var claims struct {
			Expires float64 `json:"exp"`
		}
		if fromBase64(base64.RawURLEncoding, parts[0], &header) && header.Algorithm != "" &&
			fromBase64(base64.RawURLEncoding, parts[1], &claims) {
			return unix(claims.Expires)
		}
		return time.Time{}
	}
	var ecr struct {
		Expires float64 `json:"expiration"`
	}
	if fromBase64(base64.StdEncoding, token, &ecr) {
		return unix(ecr.Expires)
	}
	return time.Time{}
}

func fromBase64(encoding *base64.Encoding, text string, into any) bool {
	decoded, err := encoding.DecodeString(text)
	return err == nil && json.Unmarshal(decoded, into) == nil
}

// unix is the time of a number of seconds that makes sense as a time of a token: between 1970 and the year 9999.
func unix(seconds float64) time.Time {
	const year9999 = 253370764800
	if !(seconds > 0 && seconds < year9999) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
