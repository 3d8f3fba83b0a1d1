package replicator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorball-dev/mirrorball/informers"
)

func TestPending(t *testing.T) {
	ordinary := func(namespace string) informers.Change {
		return informers.Change{Scope: informers.NamespaceScope(namespace)}
	}
	urgent := func(namespace string) informers.Change {
		return informers.Change{Scope: informers.NamespaceScope(namespace), Urgent: true}
	}
	source := informers.Change{Scope: informers.FullScope(), Urgent: true}
	type taken struct {
		Change informers.Change
		More   bool
	}
	for name, tc := range map[string]struct {
		add  []informers.Change
		want []taken
	}{
		"nothing":            {nil, []taken{{}}},
		"an empty change":    {[]informers.Change{{}}, []taken{{}}},
		"an ordinary change": {[]informers.Change{ordinary("a")}, []taken{{ordinary("a"), false}, {}}},
		"an urgent change":   {[]informers.Change{urgent("a")}, []taken{{urgent("a"), false}, {}}},
		"what is urgent goes first": {
			[]informers.Change{ordinary("a"), urgent("b")}, []taken{{urgent("b"), true}, {ordinary("a"), false}, {}},
		},
		"a change of the source is everything": {
			[]informers.Change{ordinary("a"), urgent("b"), source}, []taken{{source, false}, {}},
		},
		"a pass of everything waits for what is urgent": {
			[]informers.Change{{Scope: informers.FullScope()}, urgent("b")},
			[]taken{{urgent("b"), true}, {informers.Change{Scope: informers.FullScope()}, false}, {}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPending()
			for _, c := range tc.add {
				p.add(testSource, c)
			}
			for i, want := range tc.want {
				var got taken
				got.Change, got.More = p.take(testSource)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("take %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}
