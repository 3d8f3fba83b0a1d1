package annotations

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgramsAreShared(t *testing.T) {
	const text = "shared-(a|b)+"
	program := func(p *Policy) *program {
		list, err := p.Push.sides[0].expressions.programs()
		if err != nil || len(list) != 1 {
			t.Fatalf("%d programs, %v", len(list), err)
		}
		return list[0]
	}
	one := policyOf(t, map[string]string{replicatorTo: text})
	other := policyOf(t, map[string]string{replicatorTo: "a,b, " + text, Exclude: "b"})
	if program(one) != program(other) {
		t.Error("the same expression is compiled twice")
	}
	dotNet := policyOf(t, map[string]string{reflectorAllowed: "true", reflectorAuto: "true", reflectorAllowedList: text})
	if program(one) == program(dotNet) {
		t.Error("two dialects share a program")
	}
	runtime.KeepAlive(one)
}

// TestProgramHoldsItsText: a program, and what it is counted with, hold no more of a policy's text than the expression.
func TestProgramHoldsItsText(t *testing.T) {
	const text = "(?:abcdefghij){100}"
	before := heap()
	programs, counted := func() ([]*program, map[string]int) {
		x := policyOf(t, map[string]string{replicatorTo: strings.Repeat("a,", 1<<20) + text}).Push.sides[0].expressions
		programs, err := x.programs()
		if err != nil || len(programs) != 1 || len(x.large) != 1 {
			t.Fatalf("%d programs, %d large ones, %v", len(programs), len(x.large), err)
		}
		return programs, x.large
	}()
	if took := heap() - before; took > 1<<20 {
		t.Errorf("%d bytes are held for an expression of %d", took, len(text))
	}
	runtime.KeepAlive(programs)
	runtime.KeepAlive(counted)
}

func TestExpressionsAreCompiledWhenMatched(t *testing.T) {
	p := policyOf(t, map[string]string{replicatorTo: "lazy-(a|b)+"})
	compiled := func() bool { return p.Push.sides[0].expressions.compiled.Load() != nil }
	if compiled() || !p.MayReach("lazy-a", nil) || compiled() {
		t.Error("it is compiled before a name is matched")
	}
	if yes, err := p.PushesTo("lazy-a", nil); !yes || err != nil || !compiled() {
		t.Errorf("%t, %v, compiled: %t", yes, err, compiled())
	}
}

func TestSuspend(t *testing.T) {
	p := policyOf(t, map[string]string{replicatorTo: "a.*", Exclude: "ab"})
	ask := func(want bool, wantErr error) {
		t.Helper()
		if yes, err := p.PushesTo("aa", nil); yes != want || !errors.Is(err, wantErr) {
			t.Errorf("%t, %v", yes, err)
		}
		if yes := p.Competes("aa", nil); yes != want {
			t.Errorf("it competes: %t", yes)
		}
	}
	ask(true, nil)
	suspended := errors.New("too much memory")
	p.Suspend(suspended)
	ask(false, suspended)
	if s := p.Push.sides[0]; s.expressions.compiled.Load() != nil || s.remembered.known != nil || p.excluded.known != nil {
		t.Error("what it has compiled and remembered is not freed")
	}
	if !p.MayReach("b", nil) {
		t.Error("a namespace that it may select is not looked at")
	}
	p.Resume()
	ask(true, nil)
}

// heap is how many bytes are in use after everything that can be is freed.
func heap() int {
	runtime.GC()
	runtime.GC() // the first one runs the clean-ups
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestCost: what a policy takes is not more than what it is counted with.
func TestCost(t *testing.T) {
	dotNet := func(list string) map[string]string {
		return map[string]string{reflectorAllowed: "true", reflectorAuto: "true", reflectorAllowedList: list}
	}
	many := func(form string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26)
		}
		return b.String()
	}
	for name, notes := range map[string]map[string]string{
		"a repetition":           {replicatorTo: "(?:abcdefghij){1000}"},
		"many classes":           {replicatorTo: many("[%c%c%c]-", 1800)},
		"many alternatives":      {replicatorTo: many("(%c|%c%c)", 2000)},
		"case folded":            {replicatorTo: "(?i)" + many("%c%c%c", 1800)},
		"many lists":             {replicatorTo: many("%c%c%c.*,", 2000)},
		"many names":             {replicatorTo: many("%c%c%c,", 40_000)},
		"many patterns":          {PushTo: many("%c%c%c*,", 40_000)},
		"a selector":             {PushToSelector: "a in (" + many("%c%c%c,", 10_000) + "z)"},
		"many selectors":         {PushToSelector: many("%c%c%c,", 10_000) + "z"},
		"data keys":              {PushTo: "*", Keys: many("%c%c%c,", 10_000)},
		".NET, classes":          dotNet(many("(?=[%c%c%c])", 2500)),
		".NET, back references":  dotNet(many(`(%c%c%c)\1`, 3000)),
		".NET, look-ahead":       dotNet(many(`(?!%c%c%c)`, 3000)),
		".NET, Unicode":          dotNet(many(`[%c\w%c%c]`, 3000)),
		".NET, many expressions": dotNet(many(`(?!%c%c)%c,`, 3000)),
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			claims := Parse("ns", "n", notes)
			if len(claims.Problems) > 0 {
				t.Fatal(claims.Problems[0])
			}
			p := claims.Policy
			if _, err := p.PushesTo("some-namespace", nil); err != nil {
				t.Fatal(err)
			}
			took := heap() - before
			cost := p.Cost()
			counted := cost.Own
			for _, size := range cost.Programs {
				counted += size
			}
			t.Logf("it takes %d bytes, and is counted with %d", took, counted)
			if took > counted {
				t.Errorf("it takes %d bytes, and is counted with %d", took, counted)
			}
			runtime.KeepAlive(p)
		})
	}
}

// slowly has a policy take so long for each match that it makes on its own account.
func slowly(t *testing.T, p *Policy, d time.Duration) {
	t.Helper()
	if _, err := (meter{budget: p.budget}).spend(take(d, nil)); err != nil {
		t.Fatal(err)
	}
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := NewShare("tenant")
		newPolicy := func() *Policy {
			p := policyOf(t, map[string]string{replicatorTo: "a.*"})
			p.SetShare(share)
			return p
		}
		old := newPolicy()
		if yes, err := old.PushesTo("ab", nil); !yes || err != nil {
			t.Fatal(yes, err)
		}
		// Each match is within the budget of its policy, and each policy is a new one.
		for range 24 {
			slowly(t, newPolicy(), 200*time.Millisecond)
		}
		last := newPolicy()
		slowly(t, last, 300*time.Millisecond)
		for name, p := range map[string]*Policy{"the last one": last, "a new one": newPolicy()} {
			if yes, err := p.PushesTo("ac", nil); yes || err == nil || !strings.Contains(err.Error(), "namespace tenant") {
				t.Errorf("%s: %t, %v", name, yes, err)
			}
		}
		if yes, err := old.PushesTo("ab", nil); !yes || err != nil {
			t.Errorf("what is remembered: %t, %v", yes, err)
		}
		other := policyOf(t, map[string]string{replicatorTo: "a.*"})
		other.SetShare(NewShare("honest"))
		if yes, err := other.PushesTo("ac", nil); !yes || err != nil {
			t.Errorf("in another namespace: %t, %v", yes, err)
		}
		<-time.After(time.Minute)
		if yes, err := last.PushesTo("ac", nil); !yes || err != nil {
			t.Errorf("a minute later: %t, %v", yes, err)
		}
	})
}

func TestCompetes(t *testing.T) {
	share := NewShare("tenant")
	newPolicy := func(text string) *Policy {
		p := policyOf(t, map[string]string{replicatorTo: text})
		p.SetShare(share)
		return p
	}
	t.Run("what is quick is matched, and remembered", func(t *testing.T) {
		p := newPolicy("a.*")
		if !p.Competes("ab", nil) || p.Competes("b", nil) || p.MayReach("b", nil) {
			t.Error("it was not matched")
		}
		if p.budget.own.balance >= p.budget.burst {
			t.Error("its own budget has not paid")
		}
	})
	t.Run("what is slow is not matched", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPolicy("a.*")
			if yes, err := p.PushesTo("ab", nil); !yes || err != nil {
				t.Fatal(yes, err)
			}
			slowly(t, p, slowMatch+1)
			if !p.Competes("ab", nil) {
				t.Error("it has forgotten")
			}
			if p.Competes("ac", nil) || !p.MayReach("b", nil) {
				t.Error("it was matched")
			}
		})
	})
	t.Run("a namespace spends a little for others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			share = NewShare("tenant")
			competing := func(d time.Duration) error {
				p := newPolicy("a.*")
				_, err := meter{budget: p.budget, mode: asCompetitor}.spend(take(d, nil))
				return err
			}
			served := 0
			for range 100 {
				if competing(4*time.Millisecond) == nil {
					served++
				}
			}
			if served != 13 {
				t.Errorf("%d matches of 4 ms within 50 ms", served)
			}
			<-time.After(time.Second)
			if err := competing(time.Millisecond); err != nil {
				t.Errorf("a second later: %v", err)
			}
			_ = competing(time.Hour) // the process was stopped
			<-time.After(10 * time.Second)
			if err := competing(time.Millisecond); err != nil {
				t.Errorf("after it stood still: %v", err)
			}
			if share.IsUnspent(time.Now()) {
				t.Error("nothing of it is spent")
			}
			<-time.After(10 * time.Second)
			if !share.IsUnspent(time.Now()) {
				t.Error("what was spent is not given back")
			}
		})
	})
	t.Run("without a budget", func(t *testing.T) {
		p := policyOf(t, map[string]string{PushTo: "a*"})
		if !p.Competes("ab", nil) || p.Competes("b", nil) {
			t.Error("it was not matched")
		}
	})
}
