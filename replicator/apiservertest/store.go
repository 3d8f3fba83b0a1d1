package apiservertest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
)

// Change is one committed write.
type Change struct {
	Version uint64
	// By names the client that made it.
	By string
	// Resource is the plural name, "secrets".
	Resource string
	// Before and After are the object's states; nil where it was created or is gone. They are not to be changed.
	Before, After Object
}

// Object returns the object's last state.
func (c *Change) Object() Object {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// table is the store of one resource: its objects and their history.
type table struct {
	*resource
	objects map[types.NamespacedName]Object
	history []Change
}

// commit is the one way in which anything changes. The server is locked.
func (s *Server) commit(by string, t *table, before, after Object) {
	s.version++
	c := Change{Version: s.version, By: by, Resource: t.Resource, Before: before, After: after}
	key := keyOf(c.Object())
	if after == nil {
		delete(t.objects, key)
	} else {
		after.SetResourceVersion(strconv.FormatUint(s.version, 10))
		t.objects[key] = after
	}
	t.history = append(t.history, c)
	for _, w := range s.watches {
		if w.table == t && c.Version > w.from {
			w.send(&c)
		}
	}
	if s.options.OnCommit != nil {
		s.options.OnCommit(c)
	}
}

func keyOf(o Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

func deepCopy(o Object) Object {
	c, ok := o.DeepCopyObject().(Object)
	if !ok {
		panic(fmt.Sprintf("a copy of %T is no object", o))
	}
	return c
}

// asOf are the objects as they were at a version, sorted.
func (t *table) asOf(version uint64) []Object {
	was := map[types.NamespacedName]Object{}
	for i := len(t.history) - 1; i >= 0 && t.history[i].Version > version; i-- {
		c := &t.history[i]
		was[keyOf(c.Object())] = c.Before
	}
	var out []Object
	for key, o := range t.objects {
		if _, changed := was[key]; !changed {
			out = append(out, o)
		}
	}
	for _, o := range was {
		if o != nil {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out
}
