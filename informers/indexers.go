package informers

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The indexes of the informers.
const (
	// bySource has replicas, candidates that were replicas, attached ServiceAccounts and records by the source that they
	// name.
	bySource = "source"
	// byPull has the objects that ask to be filled by the source, and by the source and their namespace: see pullValue.
	byPull = "pull"
	// byTarget has the candidates that push by the name of their replicas.
	byTarget = "target"
	// byRole has the candidates that are sources or were replicas.
	byRole = "role"
	// byNamespace has the ServiceAccounts by namespace.
	byNamespace = "namespace"
)

// The values of byRole.
const (
	roleSource   = "source"
	roleStripped = "stripped"
)

var candidateIndexers = cache.TypedIndexers[*Candidate]{
	bySource: func(c *Candidate) ([]string, error) {
		if c.Stripped == nil {
			return nil, nil
		}
		return []string{keyOf(c.Stripped.Source)}, nil
	},
	byPull: func(c *Candidate) ([]string, error) {
		if c.Claims == nil {
			return nil, nil
		}
		return pullValues(c.Claims.PullFrom, c.Namespace), nil
	},
	byTarget: func(c *Candidate) ([]string, error) {
		if p := policyOf(c); p != nil && p.Push != nil {
			return []string{p.ReplicaName(c.Name)}, nil
		}
		return nil, nil
	},
	byRole: func(c *Candidate) (roles []string, _ error) {
		if policyOf(c) != nil {
			roles = append(roles, roleSource)
		}
		if c.Stripped != nil {
			roles = append(roles, roleStripped)
		}
		return roles, nil
	},
}

var replicaIndexers = cache.TypedIndexers[*Replica]{
	bySource: func(r *Replica) ([]string, error) { return []string{keyOf(r.Source)}, nil },
	byPull:   func(r *Replica) ([]string, error) { return pullValues(pullOf(r), r.Namespace), nil },
}

var accountIndexers = cache.TypedIndexers[*ServiceAccount]{
	byNamespace: func(sa *ServiceAccount) ([]string, error) { return []string{sa.Namespace}, nil },
	bySource: func(sa *ServiceAccount) (sources []string, _ error) {
		for _, source := range sa.Attached {
			sources = append(sources, keyOf(source))
		}
		slices.Sort(sources)
		return slices.Compact(sources), nil
	},
}

var recordIndexers = cache.TypedIndexers[*Record]{
	bySource: func(r *Record) ([]string, error) {
		if r.Problem != "" {
			return nil, nil
		}
		return []string{r.Source.String()}, nil
	},
}

// pullOf is what a replica asks for. One that was pushed asks for nothing, whatever was written on it since: one object
// has one writer.
func pullOf(r *Replica) *annotations.Pull {
	if r.Claims == nil || r.Mode == annotations.ReplicaPush {
		return nil
	}
	return r.Claims.PullFrom
}

func pullValues(p *annotations.Pull, namespace string) []string {
	if p == nil {
		return nil
	}
	return []string{keyOf(p.From), pullValue(p.From, namespace)}
}

// pullValue is the value under which byPull has the objects in one namespace that ask to be filled from a source.
func pullValue(source types.NamespacedName, namespace string) string {
	return keyOf(source) + "|" + namespace
}
