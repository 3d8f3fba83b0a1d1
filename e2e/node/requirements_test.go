package node

import "testing"

// TestMissingPackages: the reason names the packages that are missing, and the command that installs them.
func TestMissingPackages(t *testing.T) {
	for name, tc := range map[string]struct {
		there map[string]string
		want  string
	}{
		"nothing is installed": {
			nil,
			"a node needs Debian's packages containerd runc docker-registry containernetworking-plugins: " +
				"apt-get install --no-install-recommends containerd runc docker-registry containernetworking-plugins",
		},
		"the plugins are missing": {
			map[string]string{"containerd": "/a", "runc": "/b", "docker-registry": "/c"},
			"a node needs Debian's packages containernetworking-plugins: " +
				"apt-get install --no-install-recommends containernetworking-plugins",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := findPackages(func(program string) string { return tc.there[program] })
			if err == nil || err.Error() != tc.want {
				t.Errorf("expected %q, got %v", tc.want, err)
			}
		})
	}
}

// TestHiddenFolders: a path that the node would not see is refused at once.
func TestHiddenFolders(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		want bool
	}{
		"a folder below /tmp":                    {"/tmp/devcluster", true},
		"a folder of the node's own":             {"/var/lib", false},
		"a folder below one of the node's own":   {"/var/lib/checkout/bin", false},
		"a folder whose name begins like /run's": {"/runner/checkout", true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkVisible(tc.path); (err == nil) != tc.want {
				t.Errorf("expected visible %t, got %v", tc.want, err)
			}
		})
	}
}
