package node

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Hidden are the folders that the node has for itself: kubelet and containerd have these paths built in. Nobody sees
// them outside, and they go away with the namespaces.
var Hidden = []string{"/run", "/var/lib", "/var/log"}

// checkVisible reports why the node would not see a path.
func checkVisible(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		resolved = path // it does not exist yet
	}
	for _, hidden := range Hidden {
		if strings.HasPrefix(resolved+"/", hidden+"/") {
			return fmt.Errorf("the node has a %s of its own and does not see %s: choose another folder", hidden, path)
		}
	}
	return nil
}
