package annotations_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func TestLabelValue(t *testing.T) {
	long := strings.Repeat("a", 64)
	tests := map[string]struct{ name, want string }{
		"a short name is as it is":             {"tls.example.com", "tls.example.com"},
		"63 characters are as they are":        {long[:63], long[:63]},
		"64 are cut and end in a hash":         {long, long[:46] + "-77qfj7t24dfw3rs4"},
		"a cut does not end in a dot":          {long[:45] + "." + long, ""},
		"nor in dots and dashes":               {long[:40] + ".-.-.-" + long, ""},
		"nothing, as label values may be":      {"", ""},
		"what no object is called is made fit": {"/ü/", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := annotations.LabelValue(tc.name)
			if errs := validation.IsValidLabelValue(got); len(errs) > 0 {
				t.Errorf("%q is no label value: %v", got, errs)
			}
			if tc.want != "" && got != tc.want {
				t.Errorf("= %q, want %q", got, tc.want)
			}
			if strings.Contains(got, ".-") {
				t.Errorf("%q has its hash after a dot", got)
			}
		})
	}
	if a, b := annotations.LabelValue(long+"a"), annotations.LabelValue(long+"b"); a == b {
		t.Errorf("two names are one label value %q", a)
	}
}

func TestLabelValueCharacters(t *testing.T) {
	long := strings.Repeat("x", 60)
	for name, head := range map[string]string{
		"Az_.0" + long: "Az_.0x",
		"a/b" + long:   "a-bx",
		"ašb" + long:   "a-bx",
		"a{b" + long:   "a-bx",
		"a@b" + long:   "a-bx",
		"aAZ[b" + long: "aAZ-bx",
	} {
		if got := annotations.LabelValue(name); !strings.HasPrefix(got, head) {
			t.Errorf("%q becomes %q, which does not begin with %q", name, got, head)
		}
	}
}
