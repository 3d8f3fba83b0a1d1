package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// TestDoctor runs the scripts of testdata/doctor, each in two namespaces of its own, $NS and $OTHER. The rows of the
// table in docs/doctor.md name them. $MARKER is a password that no output of doctor may have.
func TestDoctor(t *testing.T) {
	quick(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "doctor"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			script, ok := env.T().(testing.TB)
			if !ok {
				return fmt.Errorf("a script runs without a test")
			}
			s := &doctorScene{scene: &scene{TB: script, system: system, prefix: harness.Prefix(script)}}
			s.marker = "marker-of-" + s.prefix
			env.Values[doctorScene{}] = s
			env.Setenv("REGISTRY", s.serveRegistry("robot", s.marker))
			env.Setenv("REDIRECT", s.serve(http.RedirectHandler("http://"+env.Getenv("REGISTRY")+"/v2/", http.StatusFound)))
			env.Setenv("NS", s.namespace("ns"))
			env.Setenv("OTHER", s.namespace("other"))
			env.Setenv("KUBECONFIG", system.Kubeconfig)
			env.Setenv("MARKER", s.marker)
			env.Setenv("EXPIRED", expiredToken(s.marker))
			env.Setenv("ESCAPES", "the node is on \x1b[31mfire")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"doctor":      runDoctor,
			"kubectl":     runKubectl,
			"pod":         makePod,
			"account":     awaitAccount,
			"certificate": makeCertificate,
		},
	})
}

// doctorScene is what the commands of one script share.
type doctorScene struct {
	*scene
	marker string
}

func sceneOf(ts *testscript.TestScript) *doctorScene {
	s, ok := ts.Value(doctorScene{}).(*doctorScene)
	if !ok {
		ts.Fatalf("the script has no scene")
	}
	return s
}

// serveRegistry is a registry that wants a user name and password. It returns its address.
func (s *doctorScene) serveRegistry(user, password string) string {
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	return s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
}

func (s *doctorScene) serve(handler http.Handler) string {
	server := httptest.NewServer(handler)
	s.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// expiredToken is a JSON Web Token, with the marker for a signature.
func expiredToken(marker string) string {
	encode := func(part map[string]any) string {
		text, _ := json.Marshal(part)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	header, claims := map[string]any{"alg": "RS256"}, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}
	return encode(header) + "." + encode(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte(marker))
}

// runDoctor is the script command `doctor CODE ARGUMENTS…`: it runs mirrorball doctor, and compares the exit code.
func runDoctor(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	code := 0
	if err := ts.Exec(s.system.Mirrorball(), append([]string{"doctor"}, args[1:]...)...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("doctor: %v", err)
		}
		code = exit.ExitCode()
	}
	output := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("doctor ended with code %d, not %s:\n%s", code, args[0], output)
	}
	for form, trace := range traces(s.marker) {
		if strings.Contains(strings.ToLower(output), strings.ToLower(trace)) {
			ts.Fatalf("the output has a %s in it:\n%s", form, output)
		}
	}
}

func runKubectl(ts *testscript.TestScript, negated bool, args []string) {
	err := ts.Exec(sceneOf(ts).system.Kubectl(), args...)
	if (err != nil) != negated {
		ts.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, ts.ReadFile("stderr"))
	}
}

// awaitAccount is the script command `account`: the ServiceAccount of the namespace is there.
func awaitAccount(ts *testscript.TestScript, _ bool, _ []string) {
	sceneOf(ts).awaitDefault(ts.Getenv("NS"))
}

func (s *doctorScene) awaitDefault(namespace string) {
	s.eventually(func() error {
		_, err := s.system.Client.CoreV1().ServiceAccounts(namespace).Get(s.Context(), "default", metav1.GetOptions{})
		return err
	})
}

// makePod is the script command `pod NAME IMAGE MESSAGE [SECRET…]`: a Pod that cannot pull its image, as its kubelet
// would report it. The control plane has none.
func makePod(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	namespace := ts.Getenv("NS")
	s.awaitDefault(namespace)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: args[0]},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: args[1]}}},
	}
	for _, name := range args[3:] {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	pods := s.system.Client.CoreV1().Pods(namespace)
	created, err := pods.Create(s.Context(), pod, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) { // the admission plugin has not seen the ServiceAccount yet
		s.eventually(func() (err error) {
			created, err = pods.Create(s.Context(), pod, metav1.CreateOptions{})
			return err
		})
	} else if err != nil {
		ts.Fatalf("create the Pod: %v", err)
	}
	created.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Image: args[1], State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: args[2]},
	}}}
	if _, err := pods.UpdateStatus(s.Context(), created, metav1.UpdateOptions{}); err != nil {
		ts.Fatalf("write the status of the Pod: %v", err)
	}
}
