package replicator

import (
	"strings"
	"testing"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// TestRecreatedNote: people are told what becomes of the replicas, which is what the policy said.
func TestRecreatedNote(t *testing.T) {
	for title, tc := range map[string]struct {
		onDelete      annotations.Deletion
		want, wantNot string
	}{
		"they are removed": {annotations.Remove, "its replicas are removed when the grace period of 1m0s ends", "stay"},
		"they are kept":    {annotations.Keep, "its replicas stay as they are", "removed"},
		"nothing is known": {"", "replicas with " + annotations.KeptOnDelete + ": keep stay", "as they are"},
	} {
		t.Run(title, func(t *testing.T) {
			note := recreatedNote(&observation{Facts: plan.Facts{Grace: time.Minute, OnDelete: tc.onDelete}})
			if !strings.Contains(note, tc.want) || strings.Contains(note, tc.wantNot) {
				t.Errorf("the note is %q, want %q in it and not %q", note, tc.want, tc.wantNot)
			}
		})
	}
}
