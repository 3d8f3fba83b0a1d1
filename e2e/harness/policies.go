package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// The components of deploy/kustomize that are admission policies.
const (
	BornAttached     = "born-attached"
	BornAttachedPods = "born-attached-pods"
	Cage             = "cage"
	Guard            = "guard"
	GuardWarn        = "guard-warn"
)

// kustomization writes one of the manifests and the components, and returns its folder.
func (s *System) kustomization() (string, error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	// kustomize refuses absolute paths, and follows no link upwards.
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return "", fmt.Errorf("find the folder of the kustomization: %w", err)
	}
	dir = filepath.Join(dir, "kustomization")
	manifests, err := filepath.Rel(dir, s.options.Manifests)
	if err != nil {
		return "", fmt.Errorf("find the manifests: %w", err)
	}
	var components []string
	for _, name := range s.options.Components {
		component, err := filepath.Rel(dir, filepath.Join(root, "deploy", "kustomize", "components", name))
		if err != nil {
			return "", fmt.Errorf("find the component %s: %w", name, err)
		}
		components = append(components, component)
	}
	text, err := yaml.Marshal(map[string][]string{"resources": {manifests}, "components": components})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("write a kustomization: %w", err)
	}
	return dir, nil
}

// probe asks for what an admission policy has to refuse, as a dry run.
type probe func(ctx context.Context, admin, controller kubernetes.Interface) error

var dryRun = []string{metav1.DryRunAll}

// probes are by the names of policies.
var probes = map[string]probe{
	"mirrorball-cage": func(ctx context.Context, _, controller kubernetes.Interface) error {
		return createConfigMap(ctx, controller, nil)
	},
	"mirrorball-cage-serviceaccounts": func(ctx context.Context, _, controller kubernetes.Interface) error {
		_, err := controller.CoreV1().ServiceAccounts(Namespace).Patch(ctx, ServiceAccount, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"probe":""}}}`), metav1.PatchOptions{DryRun: dryRun})
		return err
	},
	"mirrorball-cage-others": func(ctx context.Context, _, controller kubernetes.Interface) error {
		event := &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-"}, EventTime: metav1.NowMicro(),
			ReportingController: "example.com/probe", ReportingInstance: "probe", Action: "Probe", Reason: "Probe",
			Type: corev1.EventTypeNormal, Regarding: corev1.ObjectReference{Namespace: metav1.NamespaceDefault},
		}
		_, err := controller.EventsV1().Events(metav1.NamespaceDefault).Create(ctx, event,
			metav1.CreateOptions{DryRun: dryRun})
		return err
	},
	"mirrorball-guard": func(ctx context.Context, admin, _ kubernetes.Interface) error {
		return createConfigMap(ctx, admin, map[string]string{"mirrorball.dev/replica": "push"})
	},
}

func createConfigMap(ctx context.Context, client kubernetes.Interface, labels map[string]string) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: labels}}
	_, err := client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, cm, metav1.CreateOptions{DryRun: dryRun})
	return err
}

// Warnings are those of the API server's answers.
type Warnings struct {
	mu   sync.Mutex
	text []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// Take returns the warnings since the last call, a line each.
func (w *Warnings) Take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.text = nil }()
	return strings.Join(w.text, "\n")
}

// awaitPolicies waits until each of the policies is in force: the API server takes them from a watch.
func (s *System) awaitPolicies(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	config, err := s.ControllerConfig(ctx)
	if err != nil {
		return err
	}
	controller, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	var warnings Warnings
	config = rest.CopyConfig(s.Config)
	config.WarningHandler = &warnings
	admin, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	for _, name := range names {
		ask, found := probes[name]
		if !found {
			return fmt.Errorf("there is no probe that says when the policy %s is in force: add it to probes", name)
		}
		err := Poll(ctx, func(ctx context.Context) error {
			err := ask(ctx, admin, controller)
			if answer := fmt.Sprint(err) + warnings.Take(); !strings.Contains(answer, "'"+name+"'") {
				return fmt.Errorf("the policy %s is not in force yet: %w", name, errors.Join(err, ctx.Err()))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	s.probed, err = s.denials(ctx)
	return err
}

// check is a line of the API server's metric for the refusals of a policy.
var check = regexp.MustCompile(
	`(?m)^apiserver_validating_admission_policy_check_total\{(.*policy="mirrorball-cage.*)\} (\d+)$`)

// denials counts what the cage has refused since the API server started.
func (s *System) denials(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	text, err := s.Client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the API server's metrics: %w", err)
	}
	for _, line := range check.FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(line[1], `enforcement_action="deny"`) {
			continue
		}
		count, err := strconv.Atoi(line[2])
		if err != nil {
			return 0, fmt.Errorf("read the API server's metrics: %w", err)
		}
		n += count
	}
	return n, nil
}

// CageDenials counts what the cage has refused since it was installed, or since the API server was started again.
func (s *System) CageDenials(ctx context.Context) (int, error) {
	n, err := s.denials(ctx)
	if n < s.probed {
		return n, err
	}
	return n - s.probed, err
}
