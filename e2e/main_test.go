// Package e2e tests Mirrorball on a real API server, under the rights that deploy/ grants it.
//
// All tests share one control plane and one controller, and run at the same time, each in namespaces of its own: see
// package harness.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// grace is the shared controller's --source-delete-grace: long enough to make a source again within it, short enough to
// wait for its end.
const grace = 3 * time.Second

var (
	// system is the shared cluster; nobody may stop its components.
	system *harness.System
	// controller is the shared controller; nobody may restart it.
	controller *harness.Controller
)

// parallel is how many tests run at the same time, unless -parallel says otherwise: they wait more than they work.
const parallel = 12

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	flag.Parse() // -parallel on the command line wins
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	ctx := context.Background()
	options := harness.Options{Log: os.Stderr, ControlPlane: controlplane.Options{Audit: true}}
	if system, err = harness.Start(ctx, options); err != nil {
		return 1, err
	}
	defer func() {
		if closeErr := system.Close(); closeErr != nil && err == nil {
			err = closeErr
		}
	}()
	// The built-in rules, which an installation begins with, are tested by TestRules.
	if err = system.WriteRules(ctx, harness.OpenRules); err != nil {
		return 1, err
	}
	if controller, err = system.StartController(ctx, "--source-delete-grace="+grace.String()); err != nil {
		return 1, err
	}
	code = m.Run()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "the end of the shared controller's log:\n%s\n", controller.LogTail())
	}
	ctx, cancel := context.WithTimeout(ctx, harness.Timeout)
	defer cancel()
	return code, controller.Stop(ctx)
}
