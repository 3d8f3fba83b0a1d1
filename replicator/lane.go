package replicator

import (
	"container/list"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// lane holds keys that wait. The namespaces of the sources take turns, and the sources of one namespace come in the
// order in which they were added: who has thousands of sources delays his own, and those of others by one.
type lane struct {
	// turns are the namespaces that have keys, the next one first. Its elements are *turn.
	turns *list.List
	of    map[string]*turn
	// len is how many keys there are.
	len int
}

// turn is a namespace that has keys.
type turn struct {
	namespace string
	// keys are the elements, and place is that of the turn in the lane.
	keys  *list.List
	place *list.Element
}

func newLane() *lane { return &lane{turns: list.New(), of: map[string]*turn{}} }

func (l *lane) empty() bool { return l.len == 0 }

func (l *lane) push(key informers.Key) *list.Element {
	t := l.of[key.Namespace]
	if t == nil {
		t = &turn{namespace: key.Namespace, keys: list.New()}
		t.place = l.turns.PushBack(t)
		l.of[key.Namespace] = t
	}
	l.len++
	return t.keys.PushBack(key)
}

func (l *lane) remove(key informers.Key, e *list.Element) {
	t := l.of[key.Namespace]
	t.keys.Remove(e)
	l.tidy(t)
}

// pop takes out the next key; there must be one.
func (l *lane) pop() informers.Key {
	t, _ := l.turns.Front().Value.(*turn)
	key, _ := t.keys.Remove(t.keys.Front()).(informers.Key)
	l.turns.MoveToBack(t.place)
	l.tidy(t)
	return key
}

// tidy follows the removal of a key: it forgets a namespace that has none any more.
func (l *lane) tidy(t *turn) {
	l.len--
	if t.keys.Len() == 0 {
		l.turns.Remove(t.place)
		delete(l.of, t.namespace)
	}
}
