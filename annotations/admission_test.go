package annotations

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// component reads an admission policy of deploy/.
func component(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", "kustomize", "components", name, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expression returns the text of a variable of a policy.
func expression(t *testing.T, policy, variable string) string {
	t.Helper()
	_, text, found := strings.Cut(policy, "    - name: "+variable+"\n")
	if !found {
		t.Fatalf("there is no variable %s", variable)
	}
	text, _, _ = strings.Cut(text, "    - name: ")
	return text
}

// TestAdmissionKeys: the admission policies name the keys that are read and written here.
func TestAdmissionKeys(t *testing.T) {
	cage, guard := component(t, "cage"), component(t, "guard")
	policy := expression(t, cage, "policyKeys")
	marks := expression(t, guard, "markLabels") + expression(t, guard, "markAnnotations")
	for _, key := range knownKeys() {
		if strings.Contains(policy, "'"+key+"'") != isPolicyKey(key) {
			t.Errorf("the cage's policyKeys and isPolicyKey do not agree about %s", key)
		}
	}
	for _, key := range []string{
		LabelReplica, LabelSourceNamespace, LabelSourceName, ReplicaOf, ReplicatedAt, CopiedLabels, CopiedAnnotations,
		ReplicatedKeys, KeptOnDelete,
	} {
		if !strings.Contains(marks, "'"+key+"'") {
			t.Errorf("the guard does not know the mark %s", key)
		}
	}
	for _, key := range []string{PullFrom, reflectorReflects, replicatorFrom} {
		if !strings.Contains(expression(t, cage, "asked"), "'"+key+"'") {
			t.Errorf("the cage does not know that an object asks by %s", key)
		}
		if !strings.Contains(expression(t, guard, "ownsData"), "'"+key+"'") {
			t.Errorf("the guard does not know that an object asks by %s", key)
		}
	}
}
