package inspect

import (
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Summary says in short what a policy is.
func Summary(p *annotations.Policy) string {
	var parts []string
	add := func(what, value string) {
		if value != "" {
			parts = append(parts, what+value)
		}
	}
	if p.Push != nil {
		add("push to ", short(p.Push))
	}
	if p.Pull != nil {
		add("pull by ", short(p.Pull))
	}
	add("not ", p.Exclude.String())
	add("as ", p.TargetName)
	add("attach to ", p.AttachTo.String())
	if p.Paused {
		add("paused", " ")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.TrimSpace(strings.Join(parts, "; "))
}

func short(r *annotations.Reach) string {
	return strings.TrimPrefix(strings.TrimPrefix(r.String(), "namespaces that "), "match ")
}
