package annotations

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// testLimits are round numbers: a timeout of one second, and two seconds that one match costs at most.
var testLimits = limits{
	rate: rate{burst: 10 * time.Second, refill: 100}, firstPause: time.Minute, maxPause: time.Hour,
}

var errTimeout = errors.New("timeout")

// match is how a policy asks about a name.
func match(b *budget, known *answers, name string, ask func() (bool, error)) (bool, error) {
	m := meter{budget: b}
	for {
		yes, err := m.cached(known, name, func() (bool, error) { return m.spend(ask) })
		if !errors.Is(err, ErrTryAgain) {
			return yes, err
		}
	}
}

// take is a match that takes some time.
func take(d time.Duration, err error) func() (bool, error) {
	return func() (bool, error) {
		<-time.After(d) // of the bubble's time
		return true, err
	}
}

func TestBudget(t *testing.T) {
	tests := map[string]struct {
		took    time.Duration
		matches int
		idle    time.Duration
		err     error
		want    string
		calls   int
	}{
		"a match below the burst is free":        {took: time.Second, matches: 9},
		"the burst may not be spent in full":     {took: time.Second, matches: 10, want: "dev/exclude take too long"},
		"short matches add up":                   {took: time.Millisecond, matches: 10_000, want: "10s at once and 1 %"},
		"time that is given back lasts for ever": {took: 10 * time.Millisecond, idle: time.Second, matches: 10_000},
		"no more is saved than the burst":        {took: 2 * time.Second, idle: 10 * time.Minute, matches: 10_000},
		"more than is given back":                {took: time.Second, idle: 10 * time.Second, matches: 11, want: "too long"},
		"a stopped process costs little":         {took: time.Hour, matches: 1},
		"a stopped process, four times":          {took: time.Hour, idle: time.Second, matches: 4},
		"another error freezes at once":          {matches: 1, err: errPanic, want: "could not be run", calls: 1},
		"so does a backtracking stack": {
			matches: 1, err: regexp2.ErrBacktrackingStackLimit, want: "stack", calls: 1,
		},
		"a timeout is tried until the burst ends": {
			took: 1500 * time.Millisecond, matches: 1, err: errTimeout, want: "timeout", calls: 7,
		},
		"a timeout costs its time whatever the clock says": {matches: 1, err: errTimeout, want: "timeout", calls: 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBudget(testLimits, PushTo+", "+Exclude)
				var remembered answers
				var err error
				calls := 0
				for i := range tc.matches {
					if err != nil {
						t.Fatalf("frozen after %d matches: %v", i, err)
					}
					_, err = match(b, &remembered, fmt.Sprint(i), func() (bool, error) {
						calls++
						return take(tc.took, tc.err)()
					})
					if err == nil {
						err = b.frozen()
					}
					<-time.After(tc.idle)
				}
				if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("error = %v, want %q", err, tc.want)
				}
				if calls != max(tc.calls, tc.matches) {
					t.Errorf("%d calls for %d matches, want %d", calls, tc.matches, tc.calls)
				}
			})
		})
	}
}

func TestBudgetPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(testLimits, PushTo)
		var remembered answers
		calls := 0
		slow := func() (bool, error) {
			calls++
			return take(time.Second, errTimeout)()
		}
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			if _, err := match(b, &remembered, "a", slow); !errors.Is(err, errTimeout) {
				t.Fatalf("before the pause of %d minutes: %v", pause, err)
			}
			<-time.After(pause*time.Minute - time.Nanosecond)
			before := calls
			if _, err := match(b, &remembered, "b", slow); !errors.Is(err, errTimeout) || calls != before {
				t.Fatalf("in the pause of %d minutes: %v, %d calls", pause, err, calls-before)
			}
			<-time.After(time.Nanosecond)
			if err := b.frozen(); err != nil {
				t.Fatalf("after the pause of %d minutes: %v", pause, err)
			}
		}
		if yes, err := match(b, &remembered, "a", take(0, nil)); !yes || err != nil {
			t.Errorf("once it is fast: %t, %v", yes, err)
		}
	})
}

func TestBudgetFreezesOnce(t *testing.T) {
	b := newBudget(testLimits, PushTo)
	now := time.Now()
	for range 3 {
		b.charge(now, now, errPanic)
	}
	b.charge(now, now, errTimeout)
	if b.pause != testLimits.firstPause || !errors.Is(b.err, errPanic) {
		t.Errorf("the pause is %s, the error %v", b.pause, b.err)
	}
}

func TestBudgetRemembers(t *testing.T) {
	t.Run("an answer costs once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(testLimits, PushTo)
			var remembered answers
			for range 1000 {
				for _, want := range []bool{true, false} {
					got, err := match(b, &remembered, fmt.Sprint(want), func() (bool, error) {
						<-time.After(time.Second)
						return want, nil
					})
					if got != want || err != nil {
						t.Fatalf("%t, %v, want %t", got, err, want)
					}
				}
			}
		})
	})
	t.Run("a timeout is not remembered", func(t *testing.T) {
		b := newBudget(testLimits, PushTo)
		tries := 0
		yes, err := match(b, &answers{}, "a", func() (bool, error) {
			if tries++; tries < 3 {
				return false, errTimeout
			}
			return true, nil
		})
		if !yes || err != nil || tries != 3 {
			t.Errorf("%t, %v after %d tries", yes, err, tries)
		}
	})
	t.Run("without a budget nothing is remembered", func(t *testing.T) {
		var remembered answers
		yes, err := match(nil, &remembered, "a", func() (bool, error) { return true, nil })
		if _, ok := remembered.get("a"); !yes || err != nil || ok {
			t.Errorf("%t, %v, remembered: %t", yes, err, ok)
		}
	})
}

func TestPoliciesWithBudget(t *testing.T) {
	reflected := func(pairs ...string) map[string]string {
		return pairsOn(map[string]string{reflectorAllowed: "true", reflectorAuto: "true"}, pairs...)
	}
	native := func(pairs ...string) map[string]string { return pairsOn(nil, pairs...) }
	many := strings.Repeat("*a,", 100)
	tests := map[string]struct {
		annotations map[string]string
		want        string
	}{
		"a pattern":                 {native(PushTo, "team-*"), ""},
		"a selector":                {native(PushToSelector, "a in ("+strings.Repeat("b,", 500)+"b)"), ""},
		"just below the limit":      {native(PushTo, strings.Repeat("*", costly-1)), ""},
		"many patterns":             {native(PushTo, strings.Repeat("*", costly)), PushTo},
		"many patterns to exclude":  {native(PushTo, "*", Exclude, many), PushTo + ", " + Exclude},
		"many patterns to pull":     {native(PullBy, many), PullBy},
		"plain names":               {reflected(reflectorAllowedList, "team-a,team-b"), ""},
		"an expression":             {reflected(reflectorAllowedList, "team-a,^kube-.*"), reflectorAllowedList},
		"one with backtracking":     {reflected(reflectorAllowedList, `(\w)\1*`), reflectorAllowedList},
		"one of the automatic side": {reflected(reflectorAutoList, "a.*"), reflectorAutoList},
		"one of RE2":                {native(replicatorTo, "a.*"), replicatorTo},
		"one of RE2 that is pulled": {native(replicatorAllowed, "true", replicatorAllowedList, "a.*"), replicatorAllowedList},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if b := policyOf(t, tc.annotations).budget; b != nil {
				got = b.keys
				if b.limits != defaultLimits || b.own.balance != defaultLimits.burst {
					t.Errorf("its limits are %v", b.limits)
				}
			}
			if got != tc.want {
				t.Errorf("budget for %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFrozenPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policyOf(t, map[string]string{replicatorTo: "team-.*", Exclude: "team-b"})
		p.budget = newBudget(testLimits, replicatorTo)
		ask := func() error {
			for name, want := range map[string]bool{"team-a": true, "team-b": false, "other": false} {
				if got, err := p.PushesTo(name, nil); err != nil || got != want {
					return fmt.Errorf("%s: %t, %w", name, got, err)
				}
			}
			return nil
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		_, _ = meter{budget: p.budget}.spend(take(0, errPanic))
		for _, name := range []string{"team-a", "other", "team-c"} {
			if yes, err := p.PushesTo(name, nil); yes || !errors.Is(err, errPanic) {
				t.Errorf("%s, frozen: %t, %v", name, yes, err)
			}
		}
		if yes, err := p.PullableBy("team-a", nil); yes || err != nil {
			t.Errorf("nothing may pull, which needs no match: %t, %v", yes, err)
		}
		<-time.After(time.Minute)
		if err := ask(); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

func TestEachExpressionIsCharged(t *testing.T) {
	p := policyOf(t, map[string]string{replicatorTo: "a.*,b.*"})
	p.budget.own.balance = 1 // nanosecond
	if yes, err := p.PushesTo("b", nil); yes || err == nil {
		t.Errorf("%t, %v, want an error after the first expression", yes, err)
	}
	if _, ok := p.Push.sides[0].remembered.get("b"); ok {
		t.Error("an error is remembered")
	}
}
