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
var testLimits = limits{burst: 10 * time.Second, refill: 100, firstPause: time.Minute, maxPause: time.Hour}

var errTimeout = errors.New("timeout")

// take is a match that takes some time.
func take(d time.Duration, err error) func() (bool, error) {
	return func() (bool, error) {
		time.Sleep(d) // of the bubble's time
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
	}{
		"a match below the burst is free":        {took: time.Second, matches: 9},
		"the burst may not be spent in full":     {took: time.Second, matches: 10, want: "dev/exclude take too long"},
		"short matches add up":                   {took: time.Millisecond, matches: 10_000, want: "10s at once and 1 %"},
		"time that is given back lasts for ever": {took: 10 * time.Millisecond, idle: time.Second, matches: 10_000},
		"no more is saved than the burst":        {took: 2 * time.Second, idle: 10 * time.Minute, matches: 10_000},
		"more than is given back":                {took: time.Second, idle: 10 * time.Second, matches: 11, want: "too long"},
		"a stopped process costs little":         {took: time.Hour, matches: 1},
		"a stopped process, four times":          {took: time.Hour, idle: time.Second, matches: 4},
		"another error freezes at once":          {matches: 1, err: errPanic, want: "could not be run"},
		"so does a backtracking stack":           {matches: 1, err: regexp2.ErrBacktrackingStackLimit, want: "stack"},
		"a timeout is tried until the burst ends": {
			took: time.Second, matches: 1, err: errTimeout, want: "timeout",
		},
		"a timeout costs its time whatever the clock says": {matches: 1, err: errTimeout, want: "timeout"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBudget(testLimits, PushTo+", "+Exclude)
				var remembered answers
				var err error
				for i := range tc.matches {
					if err != nil {
						t.Fatalf("frozen after %d matches: %v", i, err)
					}
					_, err = b.match(&remembered, fmt.Sprint(i), take(tc.took, tc.err))
					if err == nil {
						err = b.frozen()
					}
					time.Sleep(tc.idle)
				}
				if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("error = %v, want %q", err, tc.want)
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
		match := func() (bool, error) {
			calls++
			return take(time.Second, errTimeout)()
		}
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			if _, err := b.match(&remembered, "a", match); !errors.Is(err, errTimeout) {
				t.Fatalf("before the pause of %d minutes: %v", pause, err)
			}
			time.Sleep(pause*time.Minute - time.Nanosecond)
			before := calls
			if _, err := b.match(&remembered, "b", match); !errors.Is(err, errTimeout) || calls != before {
				t.Fatalf("in the pause of %d minutes: %v, %d calls", pause, err, calls-before)
			}
			time.Sleep(time.Nanosecond)
			if err := b.frozen(); err != nil {
				t.Fatalf("after the pause of %d minutes: %v", pause, err)
			}
		}
		if yes, err := b.match(&remembered, "a", take(0, nil)); !yes || err != nil {
			t.Errorf("once it is fast: %t, %v", yes, err)
		}
	})
}

func TestBudgetRemembers(t *testing.T) {
	t.Run("an answer costs once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(testLimits, PushTo)
			var remembered answers
			for range 1000 {
				for _, want := range []bool{true, false} {
					got, err := b.match(&remembered, fmt.Sprint(want), func() (bool, error) {
						time.Sleep(time.Second)
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
		yes, err := b.match(&answers{}, "a", func() (bool, error) {
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
		yes, err := (*budget)(nil).match(&remembered, "a", func() (bool, error) { return true, nil })
		if _, ok := remembered.get("a"); !yes || err != nil || ok {
			t.Errorf("%t, %v, remembered: %t", yes, err, ok)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	var a answers
	for i := range maxAnswers {
		a.put(fmt.Sprint(i), i%2 == 0)
	}
	for i := range maxAnswers {
		if matches, ok := a.get(fmt.Sprint(i)); !ok || matches != (i%2 == 0) {
			t.Fatalf("%d: %t, %t", i, matches, ok)
		}
	}
	a.put("one more", true)
	if matches, ok := a.get("one more"); !matches || !ok {
		t.Error("one more is not remembered")
	}
	if _, ok := a.get("0"); ok {
		t.Error("nothing is forgotten")
	}
}

func TestPoliciesWithBudget(t *testing.T) {
	reflected := func(list string) map[string]string {
		return map[string]string{reflectorAllowed: "true", reflectorAllowedList: list, reflectorAuto: "true"}
	}
	tests := map[string]struct {
		annotations map[string]string
		want        string
	}{
		"a pattern":                   {map[string]string{PushTo: "team-*"}, ""},
		"a selector":                  {map[string]string{PushToSelector: "a in (" + strings.Repeat("b,", 500) + "b)"}, ""},
		"as many patterns as go":      {map[string]string{PushTo: strings.Repeat("*", costly-1)}, ""},
		"many patterns":               {map[string]string{PushTo: strings.Repeat("*", costly)}, PushTo},
		"many patterns are excluded":  {map[string]string{PushTo: "*", Exclude: strings.Repeat("*a,", 100)}, PushTo + ", " + Exclude},
		"plain names":                 {reflected("team-a,team-b"), ""},
		"an expression":               {reflected("team-a,^kube-.*"), reflectorAllowedList},
		"one with backtracking":       {reflected(`(\w)\1*`), reflectorAllowedList},
		"one of the automatic side":   {map[string]string{reflectorAllowed: "true", reflectorAuto: "true", reflectorAutoList: "a.*"}, reflectorAutoList},
		"one of RE2":                  {map[string]string{replicatorTo: "a.*"}, replicatorTo},
		"one by which may be pulled":  {map[string]string{replicatorAllowed: "true", replicatorAllowedList: "a.*"}, replicatorAllowedList},
		"many by which may be pulled": {map[string]string{PullBy: strings.Repeat("*a,", 100)}, PullBy},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if b := policyOf(t, tc.annotations).budget; b != nil {
				got = b.keys
				if b.limits != defaultLimits || b.left != defaultLimits.burst {
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
		_, _ = p.budget.match(&answers{}, "x", take(0, errPanic))
		for _, name := range []string{"team-a", "other", "team-c"} {
			if yes, err := p.PushesTo(name, nil); yes || !errors.Is(err, errPanic) {
				t.Errorf("%s, frozen: %t, %v", name, yes, err)
			}
		}
		if yes, err := p.PullableBy("team-a", nil); yes || err != nil {
			t.Errorf("nothing may pull, which needs no match: %t, %v", yes, err)
		}
		time.Sleep(time.Minute)
		if err := ask(); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

func TestMaxExpressions(t *testing.T) {
	half := strings.Repeat("a", maxExpressions/2-1) + "."
	for name, tc := range map[string]struct {
		list string
		want int
	}{
		"just within the limit":           {half + "," + half, 0},
		"one character more":              {half + ",a" + half, 1},
		"plain names do not count":        {half + "," + half + ",kube-system", 0},
		"nor do blanks around the commas": {half + " , " + half, 0},
	} {
		t.Run(name, func(t *testing.T) {
			claims := Parse("ns", "n", map[string]string{reflectorAllowed: "true", reflectorAllowedList: tc.list})
			if len(claims.Problems) != tc.want {
				t.Errorf("%d problems, want %d", len(claims.Problems), tc.want)
			}
		})
	}
}
