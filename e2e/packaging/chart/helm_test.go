package chart

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// placeholder are the flags that give the chart the image of deploy/kustomize/base.
var placeholder = []string{"--set", "image.repository=registry.invalid/mirrorball,image.tag=set-your-own-image"}

// program is the path of a program in bin/.
func program(t *testing.T, name, target string) string {
	t.Helper()
	path, err := repo.Program(name, target)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// deploy is a path in deploy/.
func deploy(t *testing.T, parts ...string) string {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{root, "deploy"}, parts...)...)
}

// helm runs helm, with folders of its own for all that it keeps, and returns what it prints.
func helm(t *testing.T, kubeconfig string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program(t, "helm", "helm"), args...)
	dir := t.TempDir()
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir,
		"HELM_DATA_HOME="+dir)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err = command.Run()
	return out.String(), problems.String(), err
}

// template renders the chart as the release mirrorball in mirrorball-system, without the objects of `helm test`.
func template(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	args = append([]string{"template", "mirrorball", deploy(t, "chart"), "--namespace", harness.Namespace}, args...)
	stdout, stderr, err := helm(t, "", args...)
	if err != nil {
		t.Fatalf("helm %s: %v: %s", strings.Join(args, " "), err, stderr)
	}
	return decode(t, stdout)
}

// kustomize renders a kustomization of the base and these components of deploy/.
func kustomize(t *testing.T, components ...string) []*unstructured.Unstructured {
	t.Helper()
	// kustomize refuses absolute paths.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	relative := func(parts ...string) string {
		path, err := filepath.Rel(dir, deploy(t, parts...))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- " +
		relative("kustomize", "base") + "\ncomponents:\n"
	for _, component := range components {
		text += "- " + relative(component) + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program(t, "kubectl", "devcluster"), "kustomize", dir)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v: %s", err, problems.String())
	}
	return decode(t, string(out))
}

// decode reads the objects of a stream of YAML documents, less those of `helm test`.
func decode(t *testing.T, text string) (objects []*unstructured.Unstructured) {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4<<10)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("read what was rendered: %v", err)
		}
		if _, hook := object.GetAnnotations()["helm.sh/hook"]; object.Object != nil && !hook {
			objects = append(objects, object)
		}
	}
}
