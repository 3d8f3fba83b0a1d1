package probe

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

const (
	user, password = "robot", "hunter2"
	token          = "token-of-robot"
)

// serve starts a server, and returns its host.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func newRegistry() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

// withPassword is a registry that wants a user name and password.
func withPassword() http.Handler {
	inner := newRegistry()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// withToken is a registry that wants a token of a token server.
func withToken(realm func() string) http.Handler {
	inner := newRegistry()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			tokenServer(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm()+`",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func tokenServer(w http.ResponseWriter, r *http.Request) {
	if u, p, _ := r.BasicAuth(); u != user || p != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token})
}

func client(hosts ...string) *Client {
	return &Client{Transport: http.DefaultTransport, Timeout: time.Minute, TokenServers: hosts}
}

func TestAsk(t *testing.T) {
	basic := serve(t, withPassword())
	var ownToken string
	ownToken = serve(t, withToken(func() string { return "http://" + ownToken + "/token" }))
	tests := map[string]struct {
		host, user, password string
		want                 Outcome
	}{
		"the right password":                {basic, user, password, Accepted},
		"a wrong password":                  {basic, user, "wrong", Rejected},
		"a wrong user":                      {basic, "other", password, Rejected},
		"the right password, for a token":   {ownToken, user, password, Accepted},
		"a wrong password, for a token":     {ownToken, user, "wrong", Rejected},
		"a registry without a password":     {serve(t, newRegistry()), user, password, Undecided},
		"no registry":                       {serve(t, http.NotFoundHandler()), user, password, Undecided},
		"nothing there":                     {unused(t), user, password, Undecided},
		"what is no host":                   {"a b", user, password, Undecided},
		"a registry that speaks of itself":  {serve(t, answer(http.StatusTeapot)), user, password, Undecided},
		"a registry that is out of service": {serve(t, answer(http.StatusServiceUnavailable)), user, password, Undecided},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := client().Ask(t.Context(), tc.host, tc.user, tc.password)
			if got.Outcome != tc.want {
				t.Errorf("got %+v, want %v", got, tc.want)
			}
			if strings.Contains(got.Text, "hunter") || strings.Contains(got.Text, "secret of the server") {
				t.Errorf("the answer tells too much: %q", got.Text)
			}
		})
	}
}

func answer(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"secret of the server"}]}`)
	})
}

func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestRedirect: a second server, to which the registry refers in every way there is, never sees a request.
func TestRedirect(t *testing.T) {
	var seen atomic.Int32
	foreign := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		withPassword().ServeHTTP(w, r)
	}))
	redirect := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+foreign+r.URL.Path, code)
		})
	}
	var afterToken string
	afterToken = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			redirect(http.StatusTemporaryRedirect).ServeHTTP(w, r)
			return
		}
		withToken(func() string { return "http://" + afterToken + "/token" }).ServeHTTP(w, r)
	}))
	afterLogin := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok {
			redirect(http.StatusTemporaryRedirect).ServeHTTP(w, r)
			return
		}
		withPassword().ServeHTTP(w, r)
	})
	foreignRealm := withToken(func() string { return "http://" + foreign + "/token" })
	tests := map[string]string{
		"the registry redirects":                  serve(t, redirect(http.StatusFound)),
		"the registry redirects, with the method": serve(t, redirect(http.StatusPermanentRedirect)),
		"the registry redirects after the login":  serve(t, afterLogin),
		"the token server redirects":              afterToken,
		"the token server is another host":        serve(t, foreignRealm),
		"the token server is not on this machine": serve(t, withToken(func() string { return "https://192.0.2.1/token" })),
	}
	for name, host := range tests {
		t.Run(name, func(t *testing.T) {
			if got := client().Ask(t.Context(), host, user, password); got.Outcome != Undecided {
				t.Errorf("got %+v", got)
			}
			if n := seen.Load(); n > 0 {
				t.Errorf("the other server has seen %d requests", n)
			}
		})
	}
}

// TestTokenServer: a token server on another host is used where that was allowed.
func TestTokenServer(t *testing.T) {
	server := serve(t, http.HandlerFunc(tokenServer))
	// go-containerregistry refuses addresses of this machine as token servers of another host, so use its name.
	_, port, _ := net.SplitHostPort(server)
	named := "localhost:" + port
	host := serve(t, withToken(func() string { return "http://" + named + "/token" }))
	if got := client().Ask(t.Context(), host, user, password); !strings.Contains(got.Text, "--probe-token-server") {
		t.Errorf("got %+v, want the flag that allows it", got)
	}
	if got := client(named).Ask(t.Context(), host, user, password); got.Outcome != Accepted {
		t.Errorf("got %+v, want that it is accepted", got)
	}
}

// network is a transport to hosts that are handlers.
type network map[string]http.Handler

func (n network) RoundTrip(request *http.Request) (*http.Response, error) {
	handler, known := n[request.URL.Host]
	if !known {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	response := recorder.Result()
	response.Request = request
	return response, nil
}

// TestKnownTokenServer: nobody has to allow the token server of Docker Hub.
func TestKnownTokenServer(t *testing.T) {
	c := &Client{Timeout: time.Minute, Transport: network{
		"index.docker.io": withToken(func() string { return "https://auth.docker.io/token" }),
		"auth.docker.io":  http.HandlerFunc(tokenServer),
	}}
	if got := c.Ask(t.Context(), "docker.io", user, password); got.Outcome != Accepted {
		t.Errorf("got %+v, want that it is accepted", got)
	}
}

// TestLongAnswer: only the beginning of an answer is read.
func TestLongAnswer(t *testing.T) {
	long := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 4 * answerLimit / 1024 {
			_, _ = w.Write(make([]byte, 1024))
		}
	})
	g := newGuard(network{"registry.example.com": long}, "registry.example.com", nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://registry.example.com/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := g.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || len(content) != answerLimit {
		t.Errorf("%d bytes are read, want %d: %v", len(content), answerLimit, err)
	}
}

// TestPlainHTTP: credentials are sent without TLS to this machine only.
func TestPlainHTTP(t *testing.T) {
	var seen atomic.Int32
	proxied := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			seen.Add(1)
		}
		withPassword().ServeHTTP(w, r)
	}))
	// A transport that leads all requests to the server, as a network would do.
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxied})}
	c := &Client{Transport: transport, Timeout: time.Minute}
	for _, host := range []string{"10.0.0.1:5000", "registry.local:5000"} {
		if got := c.Ask(t.Context(), host, user, password); got.Outcome == Accepted {
			t.Errorf("%s: %+v", host, got)
		}
	}
	if n := seen.Load(); n > 0 {
		t.Errorf("%d requests were sent without TLS", n)
	}
}

// failing is a transport without a network.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestConnection(t *testing.T) {
	tests := map[string]struct {
		err  error
		want Answer
	}{
		"the DNS does not know the host": {
			&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, Answer{NoHost, "the DNS does not know the host"},
		},
		"the DNS does not answer": {
			&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, Answer{Undecided, "the connection failed"},
		},
		"a certificate of somebody else": {
			&tls.CertificateVerificationError{Err: io.EOF},
			Answer{Undecided, "this machine does not trust the certificate of the registry"},
		},
		"nothing listens":          {syscall.ECONNREFUSED, Answer{Undecided, "nothing answers at the address"}},
		"something that quotes us": {errors.New("hunter2"), Answer{Undecided, "the answer is not that of a registry"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Client{Transport: failing{tc.err}, Timeout: time.Minute}
			if got := c.Ask(t.Context(), "registry.example.com", user, password); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	host := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	}))
	t.Cleanup(func() { close(stop) })
	c := &Client{Transport: http.DefaultTransport, Timeout: 10 * time.Millisecond}
	if got := c.Ask(t.Context(), host, user, password); got.Outcome != Undecided || !strings.Contains(got.Text, "10ms") {
		t.Errorf("got %+v", got)
	}
}
