package e2e

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// serves waits until one of a controller's pages has all of these lines.
func (s *scene) serves(c *harness.Controller, path string, lines ...string) {
	s.Helper()
	s.eventually(func() error {
		page, err := c.Get(s.Context(), path)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !slices.Contains(strings.Split(page, "\n"), line) {
				return fmt.Errorf("%s has no line %q:\n%s", path, line, ours(page))
			}
		}
		return nil
	})
}

// ours leaves out the metrics of Go and the process, which change all the time.
func ours(page string) string {
	var lines strings.Builder
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go_") && !strings.HasPrefix(line, "process_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

func TestHealthEndpoints(t *testing.T) {
	s := newScene(t)
	rules := s.get(configMap, harness.Namespace, harness.RulesConfigMap)
	inForce := fmt.Sprintf("[+]rules ok: ConfigMap %s/%s, resourceVersion %s\n",
		rules.namespace, rules.name, rules.version)
	for path, want := range map[string]string{
		"/healthz":         "ok",
		"/healthz?verbose": "[+]ping ok\n[+]lease ok\n[+]watches ok\n[+]workers ok\n[+]queue ok\nhealthz check passed\n",
		"/readyz":          "ok",
		"/readyz?verbose":  "[+]ping ok\n[+]caches ok\n" + inForce + "[+]shutdown ok\nreadyz check passed\n",
		"/readyz/caches":   "ok",
	} {
		got, err := controller.Get(s.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// TestMetrics: every documented metric is served.
func TestMetrics(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := pushed(secret, from, s.token(), to)
	source.data["token"] = "never-to-be-seen-in-a-metric"
	s.replicated(s.create(source), to)

	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := controller.Get(s.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1)
	if len(documented) == 0 {
		t.Fatal("docs/metrics.md has no metrics of the form that this test looks for")
	}
	for _, name := range documented {
		if !strings.Contains(page, "\n# TYPE "+name[1]+" ") {
			t.Errorf("%s is documented and not served", name[1])
		}
	}
	for _, content := range []string{source.data["token"], from, to} {
		if strings.Contains(page, content) {
			t.Errorf("the metrics have %q in them", content)
		}
	}
}

// TestLeaderElection: of two controllers one works, and the other takes over when it ends.
func TestLeaderElection(t *testing.T) {
	s := ownScene(t)
	first := s.system.Controller(s, "--leader-elect")
	s.serves(first, "/metrics", "mirrorball_leading 1")
	second := s.system.Controller(s, "--leader-elect")
	s.serves(second, "/metrics", "mirrorball_leading 0")
	s.serves(second, "/readyz?verbose", "[+]caches ok", "readyz check passed")

	// Its numbers are of this test alone.
	from, to := s.namespace("from"), s.namespace("to-a")
	source := s.create(pushed(secret, from, s.token(), s.ns("to-*")))
	replica := s.replicated(source, to)
	s.create(object{kind: secret, namespace: to, name: "taken"})
	s.create(pushed(secret, from, "taken", to))
	s.create(pushed(configMap, from, s.token(), to))
	s.create(pushed(configMap, from, "frozen", "("))
	s.create(object{
		kind: secret, namespace: from, name: "refused", typ: "helm.sh/release.v1",
		annotations: map[string]string{native + "push-to": to},
	})
	s.serves(first, "/metrics",
		`mirrorball_sources{state="active"} 3`,
		`mirrorball_sources{state="frozen"} 1`,
		`mirrorball_sources{state="refused"} 1`,
		`mirrorball_replicas{state="InSync"} 2`,
		`mirrorball_replicas{state="Occupied"} 1`,
		`mirrorball_actions_total{result="ok",verb="create"} 2`,
	)

	// A write of the first is under way, and is held there.
	gate := s.holdSecrets(s.ns("held"))
	held := s.namespace("to-held", s.ns("held"), "true")
	s.eventually(func() error {
		select {
		case <-gate.arrived:
			return nil
		default:
		}
		// The API server may not know the webhook yet.
		if early, err := s.find(secret, held, source.name); err == nil {
			s.delete(early)
		}
		return errors.New("no write is held")
	})
	lease := s.lease()
	holders := s.leaseHolders(lease)
	stopped := make(chan error, 1)
	go func() { stopped <- first.Stop(s.Context()) }()
	s.eventually(func() error {
		switch _, err := first.Get(s.Context(), "/readyz"); {
		case err == nil:
			return errors.New("it is asked to end, and says that it is ready")
		case !strings.Contains(err.Error(), "[-]shutdown failed: the process is stopping"):
			return err
		}
		return nil
	})
	s.serves(first, "/healthz", "ok")
	// While it has work in hand it keeps the lease, and renews it.
	stopping := s.lease()
	s.eventually(func() error {
		now := s.lease()
		if *now.Spec.HolderIdentity != *lease.Spec.HolderIdentity {
			t.Fatalf("the lease is with %q before the work in hand is done", *now.Spec.HolderIdentity)
		}
		if now.Spec.RenewTime.Equal(stopping.Spec.RenewTime) {
			return fmt.Errorf("the lease is not renewed since %s", stopping.Spec.RenewTime)
		}
		return nil
	})
	s.serves(second, "/metrics", "mirrorball_leading 0")
	close(gate.open)
	done := s.replicated(source, held)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}

	// It frees the lease, after its last write, and the second has not to wait until it runs out.
	s.serves(second, "/metrics", "mirrorball_leading 1")
	freed := holders("")
	taken := holders(*s.lease().Spec.HolderIdentity)
	if *taken.Spec.HolderIdentity == *lease.Spec.HolderIdentity {
		t.Errorf("the lease is with %q still", *taken.Spec.HolderIdentity)
	}
	if newer(done.version, freed.ResourceVersion) {
		t.Errorf("a replica of version %s was written after the lease was freed, in version %s",
			done.version, freed.ResourceVersion)
	}
	later := s.namespace("to-later")
	s.replicated(source, later)
	s.serves(second, "/metrics", `mirrorball_replicas{state="InSync"} 4`)
	s.untouched(replica)
	s.untouched(done)
}

// newer says whether a resourceVersion came after another: they count the writes of the whole cluster.
func newer(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

func (s *scene) lease() *coordinationv1.Lease {
	s.Helper()
	lease, err := s.system.Client.CoordinationV1().Leases(harness.Namespace).Get(s.Context(), "mirrorball",
		metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return lease
}

// leaseHolders gives a function that waits for the lease's next version with a holder, from a version on.
func (s *scene) leaseHolders(from *coordinationv1.Lease) func(holder string) *coordinationv1.Lease {
	s.Helper()
	events, err := s.system.Client.CoordinationV1().Leases(from.Namespace).Watch(s.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + from.Name, ResourceVersion: from.ResourceVersion,
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(events.Stop)
	return func(holder string) *coordinationv1.Lease {
		s.Helper()
		for {
			event := s.nextEvent(events, fmt.Sprintf("the lease has not had the holder %q", holder))
			lease, ok := event.Object.(*coordinationv1.Lease)
			if ok && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity == holder {
				return lease
			}
		}
	}
}

// gate holds writes: arrived receives when one has come, and all go on when open is closed.
type gate struct{ arrived, open chan struct{} }

// holdSecrets holds the creation of Secrets in namespaces that have a label, by an admission webhook.
func (s *scene) holdSecrets(label string) gate {
	s.Helper()
	g := gate{arrived: make(chan struct{}, 1), open: make(chan struct{})}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case g.arrived <- struct{}{}:
		default:
		}
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			s.Errorf("answer the API server: %v", err)
		}
	}))
	s.Cleanup(server.Close)

	fail, none, all := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone, int32(30)
	_, err := s.system.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(s.Context(),
		&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: label},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name: "hold.example.com",
				ClientConfig: admissionregistrationv1.WebhookClientConfig{
					URL:      &server.URL,
					CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
				},
				Rules: []admissionregistrationv1.RuleWithOperations{{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"},
					},
				}},
				NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{label: "true"}},
				FailurePolicy:           &fail,
				SideEffects:             &none,
				TimeoutSeconds:          &all,
				AdmissionReviewVersions: []string{"v1"},
			}},
		}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return g
}
