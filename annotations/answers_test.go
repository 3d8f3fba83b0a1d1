package annotations

import (
	"fmt"
	"testing"
)

func TestAnswers(t *testing.T) {
	t.Run("each name has its own answer", func(t *testing.T) {
		var a answers
		for i := range 1000 {
			a.put(fmt.Sprint(i), i%3 == 0)
		}
		for i := range 1000 {
			if matches, ok := a.get(fmt.Sprint(i)); !ok || matches != (i%3 == 0) {
				t.Fatalf("%d: %t, %t", i, matches, ok)
			}
		}
	})
	t.Run("what was not asked is not known", func(t *testing.T) {
		var a, other answers
		a.put("a", true)
		other.put("b", true)
		for _, name := range []string{"b", "never asked of any"} {
			if matches, ok := a.get(name); matches || ok {
				t.Errorf("%s: %t, %t", name, matches, ok)
			}
		}
	})
	t.Run("the number of names is bounded", func(t *testing.T) {
		var a answers
		for i := range 3 * maxNames {
			name := fmt.Sprintf("bounded-%d", i)
			a.put(name, true)
			if matches, ok := a.get(name); ok && !matches {
				t.Fatalf("%s: %t", name, matches)
			}
			if size := answersSize(); size > maxNames/4 {
				t.Fatalf("the answers take %d bytes", size)
			}
		}
		if _, ok := a.get("bounded-0"); ok {
			t.Error("nothing is forgotten")
		}
		a.put("one more", true)
		if matches, ok := a.get("one more"); !matches || !ok {
			t.Error("one more is not remembered")
		}
	})
}
