package annotations_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func TestProblemString(t *testing.T) {
	long := strings.Repeat("é", 1000)
	tests := map[string]struct {
		problem annotations.Problem
		want    string
	}{
		"plain": {
			annotations.Problem{Key: "mirrorball.dev/on-delete", Value: "kep", Reason: "is neither remove nor keep"},
			`annotation mirrorball.dev/on-delete: value "kep" is neither remove nor keep`,
		},
		"backslashes stay as they are": {
			annotations.Problem{Key: "k", Value: `\d`, Reason: "is bad"}, `annotation k: value "\d" is bad`,
		},
		"control characters are quoted": {
			annotations.Problem{Key: "k", Value: "a\x1b[31m\n\u202e", Reason: "is bad"},
			`annotation k: value "a\x1b[31m\n\u202e" is bad`,
		},
		"quotes are quoted": {
			annotations.Problem{Key: "k", Value: `a" is fine`, Reason: "is bad"},
			`annotation k: value "a\" is fine" is bad`,
		},
		"a key that can't be is quoted": {
			annotations.Problem{Key: "k\n", Value: "v", Reason: "is bad"}, `annotation "k\n": value "v" is bad`,
		},
		"a long value is cut between characters": {
			annotations.Problem{Key: "k", Value: "x" + long, Reason: "is bad"},
			`annotation k: value "x` + strings.Repeat("é", 59) + `…" is bad`,
		},
		"what is no UTF-8 is quoted": {
			annotations.Problem{Key: "k", Value: strings.Repeat("\x80", 200), Reason: "is bad"},
			`annotation k: value "` + strings.Repeat(`\x80`, 56) + `…" is bad`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := tc.problem.String()
			if got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
			if !utf8.ValidString(got) {
				t.Error("not UTF-8")
			}
		})
	}
}

// An Event's note has at most 1024 bytes.
func TestReasonLength(t *testing.T) {
	huge := strings.Repeat("(a b)=/A,", 20000)
	for _, key := range []string{
		native + "push-to", native + "push-to-selector", native + "pull-by", native + "pull-by-selector",
		native + "exclude", native + "target-name", native + "keys", native + "copy-labels",
		native + "copy-annotations",
		native + "attach-to-service-accounts", native + "on-delete",
		native + "survives-recreation", native + "paused", native + "pull-from",
		allowedList, allowedSelector, autoList, autoSelector, replicateTo, toMatching, mayReplicate, mayReplicateTo,
		stripLabels, replicateFrom,
	} {
		for _, value := range []string{
			huge, strings.Repeat("(", 100000), strings.Repeat("\x1b", 1000), strings.Repeat("a", 300) + "==",
		} {
			m := with(key, value)
			switch {
			case !strings.HasPrefix(key, native):
			case key == native+"push-to":
			default:
				m[native+"push-to"] = "*"
			}
			for _, p := range annotations.Parse("ns", "n", m).Problems {
				if len(p.Reason) > 950 {
					t.Errorf("%s: a reason of %d bytes: %s", key, len(p.Reason), p.Reason)
				}
			}
		}
	}
}

// regexp2 repeats some of an expression in its messages.
func TestReasonIsOneLine(t *testing.T) {
	for _, value := range []string{"(?\n0", "(?\x1b[31m)", "(?<\n>a)"} {
		for _, key := range []string{allowedList, replicateTo, allowedSelector, native + "push-to"} {
			for _, p := range annotations.Parse("ns", "n", with(key, value)).Problems {
				if strings.ContainsAny(p.String(), "\n\x1b") {
					t.Errorf("%s is %q", key, p.String())
				}
			}
		}
	}
}

func TestDialectString(t *testing.T) {
	for dialect, want := range map[annotations.Dialect]string{
		annotations.Native: "native", annotations.Reflector: "reflector",
		annotations.Replicator: "kubernetes-replicator", 99: "unknown",
	} {
		if got := dialect.String(); got != want {
			t.Errorf("%d = %q, want %q", dialect, got, want)
		}
	}
}
