package replicator

import (
	"context"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// attach adds a name to a ServiceAccount's imagePullSecrets, or takes it away, together with the memory of it.
func (e *executor) attach(ctx context.Context, a *plan.Action) error {
	sa := changedAccount(a, e.key.NamespacedName)
	m, err := e.api.patch(ctx, "serviceaccounts", a.Target, accountPatch(sa))
	if err != nil {
		return err
	}
	if sa.Identity, err = informers.IdentityOf(m); err != nil {
		return err
	}
	sa.Bare = len(m.Annotations) == 0
	e.cluster.ObserveAccount(sa)
	return nil
}

// changedAccount is the action's ServiceAccount as it has to be. The original is shared, and stays as it is.
func changedAccount(a *plan.Action, source types.NamespacedName) *informers.ServiceAccount {
	sa := *a.Account
	sa.PullSecrets, sa.Attached = slices.Clone(sa.PullSecrets), maps.Clone(sa.Attached)
	if sa.Attached == nil {
		sa.Attached = map[string]types.NamespacedName{}
	}
	if a.Verb == plan.Attach {
		sa.PullSecrets = append(sa.PullSecrets, a.Secret)
		sa.Attached[a.Secret] = source
	} else {
		sa.PullSecrets = slices.DeleteFunc(sa.PullSecrets, func(s string) bool { return s == a.Secret })
		delete(sa.Attached, a.Secret)
	}
	return &sa
}

func attachedList(attached map[string]types.NamespacedName) string {
	var entries []string
	for _, secret := range slices.Sorted(maps.Keys(attached)) {
		entries = append(entries, secret+"="+attached[secret].String())
	}
	return strings.Join(entries, ",")
}
