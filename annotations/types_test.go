package annotations

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestCouldName(t *testing.T) {
	long := strings.Repeat("x", 254)
	for n, want := range map[types.NamespacedName]bool{
		{Namespace: "infra", Name: "regcred"}:            true,
		{Namespace: "infra", Name: "a.b-c.1"}:            true,
		{Namespace: "infra", Name: long[:253]}:           true,
		{Namespace: "infra", Name: long}:                 false,
		{Namespace: long[:63], Name: "regcred"}:          true,
		{Namespace: long[:64], Name: "regcred"}:          false,
		{Namespace: "", Name: "regcred"}:                 false,
		{Namespace: "infra", Name: ""}:                   false,
		{Namespace: "..", Name: "regcred"}:               false,
		{Namespace: "infra", Name: ".."}:                 false,
		{Namespace: "infra", Name: "a/b"}:                false,
		{Namespace: "infra", Name: "%2e"}:                false,
		{Namespace: "infra", Name: "regcred?watch=true"}: false,
		{Namespace: "infra", Name: "regcred\n"}:          false,
	} {
		if got := CouldName(n); got != want {
			t.Errorf("%.80q is valid: %t, want %t", n, got, want)
		}
	}
}
