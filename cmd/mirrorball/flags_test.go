package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// TestFlagDefaults: the defaults follow the environment.
func TestFlagDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "namespace")
	if err := os.WriteFile(file, []byte("of-the-pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type want struct {
		namespace, lease, format string
		elect                    bool
	}
	tests := map[string]struct {
		args        []string
		environment map[string]string
		file        string
		terminal    bool
		want        want
	}{
		"in a Pod": {
			file: file,
			want: want{"of-the-pod", "of-the-pod", "json", true},
		},
		"POD_NAMESPACE wins over the Pod's file": {
			file: file, environment: map[string]string{"POD_NAMESPACE": "of-env"},
			want: want{"of-env", "of-env", "json", true},
		},
		"--namespace wins over both": {
			args: []string{"--namespace=mine"},
			file: file, environment: map[string]string{"POD_NAMESPACE": "of-env"},
			want: want{"mine", "mine", "json", true},
		},
		"nothing says a namespace": {
			file: filepath.Join(t.TempDir(), "absent"),
			want: want{"mirrorball-system", "mirrorball-system", "json", true},
		},
		"at a terminal with a kubeconfig": {
			args:     []string{"--kubeconfig=k"},
			terminal: true,
			want:     want{"mirrorball-system", "mirrorball-system", "console", false},
		},
		"what is said holds": {
			args:     []string{"--kubeconfig=k", "--leader-elect", "--leader-election-namespace=l", "--log-format=json"},
			terminal: true,
			want:     want{"mirrorball-system", "l", "json", true},
		},
		"leader election can be off in a cluster": {
			args: []string{"--leader-elect=false"},
			want: want{"mirrorball-system", "mirrorball-system", "json", false},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var given runFlags
			set := pflag.NewFlagSet("run", pflag.ContinueOnError)
			given.register(set)
			if err := set.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			s, err := given.complete(set.Changed("leader-elect"), surroundings{
				environment:   func(name string) string { return tc.environment[name] },
				namespaceFile: tc.file,
				terminal:      tc.terminal,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := (want{s.namespace, s.leaderElectNamespace, s.logFormat, s.leaderElect}); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if want := []annotations.Kind{annotations.Secret, annotations.ConfigMap}; !slices.Equal(s.mirrored, want) {
				t.Errorf("kinds %v, want %v", s.mirrored, want)
			}
			if !s.protected.Match("kube-system") || !s.sources.Match("anything") {
				t.Error("the patterns' defaults are not in force")
			}
		})
	}
}
