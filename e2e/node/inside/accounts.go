//go:build linux

package inside

import (
	"crypto/rand"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// tokenUser is the user name for tokens, as Amazon's registry has it.
const tokenUser = "AWS"

// accounts are the users of one private registry.
type accounts struct {
	registry *node.Registry

	mu     sync.Mutex
	tokens map[string]time.Time // until when each is valid
}

func newAccounts(registry *node.Registry) *accounts {
	return &accounts{registry: registry, tokens: map[string]time.Time{}}
}

// guard asks for an account before it passes a request on.
func (a *accounts) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		username, password, _ := r.BasicAuth()
		if !a.knows(username, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="`+a.registry.Server+`"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *accounts) knows(username, password string) bool {
	owner, ownerPassword := a.registry.Owner()
	if username == owner {
		return password == ownerPassword
	}
	if a.registry.TokenLifetime == 0 {
		return username == a.registry.Username && password == a.registry.Password
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return username == tokenUser && time.Now().Before(a.tokens[password])
}

// issuer gives a token to whoever has the access key.
func (a *accounts) issuer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != a.registry.Username || secret != a.registry.Password {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		token := rand.Text()
		a.mu.Lock()
		a.tokens[token] = time.Now().Add(a.registry.TokenLifetime)
		a.mu.Unlock()
		_, _ = io.WriteString(w, token)
	})
}
