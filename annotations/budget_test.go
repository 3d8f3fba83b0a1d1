package annotations

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheTimeOfMatchingIsBounded(t *testing.T) {
	failed := errors.New("failed")
	tests := map[string]struct {
		took    time.Duration
		matches int
		pause   time.Duration
		err     error
		want    string
	}{
		"ever so many short matches":           {took: matchAllowance, matches: 1_000_000},
		"a few long ones":                      {took: 50 * matchAllowance, matches: 80},
		"many long ones":                       {took: 50 * matchAllowance, matches: 82, want: "dev/exclude take too long"},
		"ten thousand that are a bit too long": {took: 2 * matchAllowance, matches: 10_000, want: "too long to match"},
		"a process that was stopped for long":  {took: time.Hour, matches: 9},
		"long ones with time between them":     {took: 100 * time.Millisecond, matches: 10_000, pause: time.Second},
		"one that could not be finished":       {matches: 1, err: failed, want: "failed"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := &budget{keys: PushTo + ", " + Exclude}
			var err error
			now := time.Now()
			for range tc.matches {
				err = b.charge(now, tc.took, tc.err)
				now = now.Add(tc.took + tc.pause)
			}
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error = %v, want %q", err, tc.want)
			}
			matched, again := b.match(func() (bool, error) { return true, nil })
			if matched != (err == nil) || !errors.Is(again, err) {
				t.Errorf("after: %t, %v, want it to stay so", matched, again)
			}
		})
	}
}

func TestMatchingIsTriedAgainLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{keys: PushTo}
		tries, failed := 0, errors.New("failed")
		for begin := time.Now(); time.Since(begin) < 24*time.Hour; <-time.After(time.Second) {
			_, err := b.match(func() (bool, error) { tries++; return false, failed })
			if err == nil {
				t.Fatalf("after %s it is not said to have failed", time.Since(begin))
			}
		}
		if tries < 24 || tries > 30 { // at first after minutes, in the end once an hour
			t.Errorf("tried %d times in a day", tries)
		}
		<-time.After(maxPause + time.Second)
		if matched, err := b.match(func() (bool, error) { return true, nil }); err != nil || !matched {
			t.Errorf("once it is fast: %t, %v", matched, err)
		}
	})
}

func TestOnlyWhatMayTakeLongIsWatched(t *testing.T) {
	reflected := func(list string) map[string]string {
		return map[string]string{reflectorAllowed: "true", reflectorAllowedList: list, reflectorAuto: "true"}
	}
	tests := map[string]struct {
		annotations map[string]string
		want        bool
	}{
		"a pattern":                    {map[string]string{PushTo: "team-*"}, false},
		"a hundred patterns":           {map[string]string{PushTo: strings.Repeat("team-?,", 100)}, false},
		"thousands of patterns":        {map[string]string{PushTo: strings.Repeat("team-?,", 1000)}, true},
		"thousands that are excluded":  {map[string]string{PushTo: "*", Exclude: strings.Repeat("*a*,", 2000)}, true},
		"an expression in linear time": {reflected("^(?!kube-).*"), false},
		"one that backtracks":          {reflected(`(\w)\1*`), true},
		"high counts of repetition":    {map[string]string{replicatorTo: strings.Repeat("((a{10}){10}){10},", 5)}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			claims := Parse("ns", "n", tc.annotations)
			if len(claims.Problems) > 0 {
				t.Fatal(claims.Problems)
			}
			if got := claims.Policy.budget != nil; got != tc.want {
				t.Errorf("watched: %t, want %t", got, tc.want)
			}
			// What is watched is not matched to answer in little time.
			if got := claims.Policy.MayReach("zebra", nil); !got && tc.want {
				t.Errorf("MayReach = %t", got)
			}
		})
	}
}

func TestExpressionsAreCompiledUpToTheirLimitTogether(t *testing.T) {
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
