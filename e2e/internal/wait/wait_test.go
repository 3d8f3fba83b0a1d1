package wait

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntil(t *testing.T) {
	never := func(context.Context) error { return errors.New("not there") }
	steps := func() func(context.Context) string { // moves for five times StallLimit
		begin := time.Now()
		return func(context.Context) string {
			return fmt.Sprint("step ", min(time.Since(begin), 5*StallLimit).Truncate(10*time.Second))
		}
	}
	for name, tc := range map[string]struct {
		progress   func() func(context.Context) string
		check      func(context.Context) error
		bound      time.Duration
		atLeast    time.Duration
		wantErrors []string
	}{
		"the condition holds": {check: func(context.Context) error { return nil }},
		"nothing moves": {
			check: never, atLeast: StallLimit, wantErrors: []string{"not there", "nothing has moved for 1m0s"},
		},
		"progress moves, and then no more": {
			progress: steps, check: never, atLeast: 5 * StallLimit,
			wantErrors: []string{"not there", "the last state: step 5m0s"},
		},
		"the context ends first": {
			progress: steps, check: never, bound: StallLimit / 2,
			wantErrors: []string{"not there", context.DeadlineExceeded.Error()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tc.bound > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.bound)
					defer cancel()
				}
				var progress Progress
				if tc.progress != nil {
					progress = tc.progress()
				}
				begin := time.Now()
				err := Until(ctx, progress, tc.check)
				if took := time.Since(begin); took < tc.atLeast {
					t.Errorf("gave up after %s, want at least %s", took, tc.atLeast)
				}
				if (err == nil) != (len(tc.wantErrors) == 0) {
					t.Fatalf("error %v", err)
				}
				for _, want := range tc.wantErrors {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error %q does not say %q", err, want)
					}
				}
			})
		})
	}
}
