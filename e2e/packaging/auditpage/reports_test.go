package auditpage_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// sameAsEmpty compares lists as if one that is absent were empty.
var sameAsEmpty = cmpopts.EquateEmpty()

// encodings are the forms in which a value can be in a page.
func encodings(value string) []string {
	return []string{value, base64.StdEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value))}
}

// write writes the page of a report to a file, and returns its address.
func write(t *testing.T, r *inspect.Report) string {
	t.Helper()
	var text bytes.Buffer
	if err := inspect.WriteHTML(&text, r); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "audit.html")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

// reportOf returns a report on sources, in which the numbers are those that an audit counts.
func reportOf(sources ...inspect.Source) *inspect.Report {
	r := &inspect.Report{
		APIVersion: inspect.APIVersion, Kind: inspect.Kind, Rules: "those of the ConfigMap mirrorball-system/mirrorball",
		Settings: inspect.Settings{
			From: "Deployment mirrorball-system/mirrorball", ProtectedNamespaces: "kube-system,kube-public,kube-node-lease",
		},
		States: map[plan.State]int{}, Sources: sources, InSync: true,
	}
	for i := range sources {
		for _, target := range sources[i].Targets {
			r.States[target.State]++
		}
		sources[i].InSync = len(sources[i].Targets) - sources[i].Problems()
	}
	return r
}

const hostile = `"'><script>alert(1)</script><img src=//example.com/x onerror=alert(1)>&amp;</td></table></style>`

// hostileReport has markup wherever the cluster's users write.
func hostileReport() *inspect.Report {
	problems := []inspect.Problem{{Key: hostile, Value: hostile, Reason: hostile}}
	findings := []inspect.Finding{{Object: hostile, Reason: hostile, Note: hostile}}
	r := reportOf(inspect.Source{
		Kind: annotations.Secret, Namespace: hostile, Name: hostile, Phase: plan.PhaseFrozen, Policy: hostile,
		Targets: []inspect.Target{
			{Namespace: hostile, Name: hostile, State: plan.Occupied, Reason: hostile},
			{Namespace: hostile + "2", Name: hostile, State: hostile, Reason: hostile},
		},
		Attached: []string{hostile}, Frozen: problems, Ignored: problems, Findings: findings,
	})
	r.Rules, r.Settings.From, r.Settings.ProtectedNamespaces = hostile, hostile, hostile
	r.Settings.Differing, r.Unknown, r.Problems = []string{hostile}, []string{hostile}, findings
	r.Copies = []inspect.Copy{{Object: hostile, Source: hostile}}
	return r
}

// large is a report with 100 sources in 1,000 namespaces; one target of each source is occupied.
func large() *inspect.Report {
	sources := make([]inspect.Source, 100)
	for i := range sources {
		s := inspect.Source{
			Kind: annotations.Secret, Namespace: "platform", Name: fmt.Sprintf("secret-%03d", i), Phase: plan.PhaseActive,
			Policy: "push to team-*", Targets: make([]inspect.Target, 1000),
		}
		for n := range s.Targets {
			s.Targets[n] = inspect.Target{Namespace: fmt.Sprintf("team-%04d", n), Name: s.Name, State: plan.InSync}
		}
		s.Targets[i].State = plan.Occupied
		sources[i] = s
	}
	return reportOf(sources...)
}
