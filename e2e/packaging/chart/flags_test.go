package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// noValue are the flags that the chart has no value for, and why.
var noValue = map[string]string{
	"kubeconfig": "a Pod uses its ServiceAccount",
	"namespace":  "it is the namespace of the release",
	// Without the policy it would be of no use.
	"born-attached": "it follows admission.bornAttached.enabled",
}

// documentedFlags are those of docs/flags.md, which another test compares with the program.
func documentedFlags(t *testing.T) (names []string) {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "flags.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	if len(names) < 10 {
		t.Fatalf("docs/flags.md has only the flags %q", names)
	}
	return names
}

// camel is the name of the value of a flag.
func camel(flag string) string {
	words := strings.Split(flag, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func TestEveryFlagHasAValue(t *testing.T) {
	text, err := os.ReadFile(deploy(t, "chart", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values struct{ Config map[string]any }
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	for _, flag := range documentedFlags(t) {
		if _, ok := values.Config[camel(flag)]; !ok && noValue[flag] == "" {
			t.Errorf("values.yaml has no config.%s for --%s", camel(flag), flag)
		}
	}
}

// TestFlagsOfTheDeployment: each value of config becomes a flag that the program understands.
func TestFlagsOfTheDeployment(t *testing.T) {
	samples := map[string]string{
		"source-delete-grace": "90s", "protected-namespaces": "kube-*,payments", "source-namespaces": "platform",
		"namespaces": "team-a,team-b", "attach-to-service-accounts": "false",
		"reserved-names": "", "kinds": "secrets", "workers": "1000000", "write-concurrency": "2", "leader-elect": "true",
		"leader-election-namespace": "leases", "leader-election-name": "other",
		"leader-election-lease-duration": "15s", "leader-election-renew-deadline": "10s",
		"leader-election-retry-period": "2s", "http-address": ":9090",
		"profiling": "true", "log-format": "console", "log-level": "debug",
	}
	args := slices.Clone(placeholder)
	for _, flag := range documentedFlags(t) {
		if noValue[flag] != "" {
			continue
		}
		value, ok := samples[flag]
		if !ok {
			t.Errorf("this test has no sample for --%s", flag)
		}
		args = append(args, "--set", "config."+camel(flag)+"="+strings.ReplaceAll(value, ",", `\,`))
	}
	var got []string
	for _, object := range template(t, args...) {
		if object.GetKind() == "Deployment" {
			got = containerArgs(t, object)
		}
	}
	for flag, value := range samples {
		if want := "--" + flag + "=" + value; !slices.Contains(got, want) {
			t.Errorf("the container has no %s: %q", want, got)
		}
	}
	// The file does not exist, which the program says after it has understood all flags.
	missing := filepath.Join(t.TempDir(), "missing")
	command := exec.CommandContext(t.Context(), program(t, "mirrorball", "build"), append(got, "--kubeconfig", missing)...)
	if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), missing) {
		t.Errorf("the program does not understand %q: %s", got, out)
	}
}

func containerArgs(t *testing.T, deployment *unstructured.Unstructured) []string {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("the containers are %v: %v", containers, err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok {
		t.Fatalf("the container is %v", containers[0])
	}
	args, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		t.Fatal(err)
	}
	return args
}
