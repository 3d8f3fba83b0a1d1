package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mirrorball": main, "kubectl-mirrorball": main, "kubectl_complete-mirrorball": main,
	})
}

// TestScripts runs the command lines of testdata/script. Each script finds a kubeconfig for each way in which a cluster
// can answer, and in $ADDRESS a free one to serve at.
func TestScripts(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(fakeAPI))
	t.Cleanup(api.Close)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADDRESS", freeAddress(t))
			for _, name := range []string{"forbidden", "unauthorized", "bare"} {
				if err := writeKubeconfig(env.WorkDir, name, api.URL+"/"+name); err != nil {
					return err
				}
			}
			return writeKubeconfig(env.WorkDir, "unreachable", "http://"+freeAddress(t))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":     awaitAnswer,
			"cluster":   startCluster,
			"lines":     countLines,
			"terminate": terminate,
		},
	})
}

// fakeAPI is a cluster that says no in the way that the path names; "bare" has Mirrorball's own
// namespace, of which no list knows yet, and nothing else.
func fakeAPI(w http.ResponseWriter, r *http.Request) {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure,
	}
	switch way := strings.Split(r.URL.Path, "/")[1]; {
	case way == "forbidden":
		status.Code, status.Reason = http.StatusForbidden, metav1.StatusReasonForbidden
		status.Message = "namespaces is forbidden: User \"nobody\" cannot list resource"
	case way == "unauthorized":
		status.Code, status.Reason = http.StatusUnauthorized, metav1.StatusReasonUnauthorized
	case r.URL.Path == "/bare/api/v1/namespaces" && !r.URL.Query().Has("watch"):
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"NamespaceList","metadata":{"resourceVersion":"1"},"items":[]}`)
		return
	case r.URL.Path == "/bare/api/v1/namespaces/"+fallbackNamespace:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, fallbackNamespace)
		return
	default:
		status.Code, status.Reason = http.StatusNotFound, metav1.StatusReasonNotFound
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
}

func writeKubeconfig(dir, name, server string) error {
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q}}],"users":[{"name":"u","user":{"token":"t"}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}`, server)
	return os.WriteFile(filepath.Join(dir, name+".kubeconfig"), []byte(text), 0o600)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// awaitAnswer is the script command `await URL [TEXT]`: wait until the URL answers, with the text in what it says.
func awaitAnswer(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	last := "no answer"
	for tick := time.Tick(20 * time.Millisecond); time.Now().Before(deadline); <-tick {
		response, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		var text strings.Builder
		_ = response.Write(&text)
		response.Body.Close()
		if last = text.String(); len(args) == 1 || strings.Contains(last, args[1]) {
			return
		}
	}
	ts.Fatalf("%s: %s", strings.Join(args, " "), last)
}

// countLines is the script command `lines FILE COUNT`.
func countLines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); fmt.Sprint(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s:\n%s", args[0], got, args[1], ts.ReadFile(args[0]))
	}
}

// terminate is the script command that sends SIGTERM to what was started in the background last.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	commands := ts.BackgroundCmds()
	ts.Check(commands[len(commands)-1].Process.Signal(syscall.SIGTERM))
}
