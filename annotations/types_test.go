package annotations

import (
	"strings"
	"testing"
)

func TestOnlyWhatCouldBeANameIsValid(t *testing.T) {
	long := strings.Repeat("x", 254)
	for n, want := range map[Name]bool{
		{"infra", "regcred"}:            true,
		{"infra", "a.b-c.1"}:            true,
		{"infra", long[:253]}:           true,
		{"infra", long}:                 false,
		{long[:63], "regcred"}:          true,
		{long[:64], "regcred"}:          false,
		{"", "regcred"}:                 false,
		{"infra", ""}:                   false,
		{"..", "regcred"}:               false,
		{"infra", ".."}:                 false,
		{"infra", "a/b"}:                false,
		{"infra", "%2e"}:                false,
		{"infra", "regcred?watch=true"}: false,
		{"infra", "regcred\n"}:          false,
	} {
		if got := n.Valid(); got != want {
			t.Errorf("%.80q is valid: %t, want %t", n, got, want)
		}
	}
}
