// Package e2e tests Mirrorball on a real API server, under the rights that deploy/ grants it.
//
// The tests are in two groups. The quick ones share one control plane and one controller, and run at the same time,
// each in namespaces of its own: see package harness. The slow ones, which run with -slow instead of the quick ones,
// have a control plane each, because they stop the controller or give it other flags.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// grace is the shared controller's --source-delete-grace: short, since tests wait for its end. A slow machine may stand
// still for longer, so a test that makes a source again before its end has a controller of its own with a long one.
const grace = 3 * time.Second

var slow = flag.Bool("slow", false, "run the slow tests, which have a control plane each, instead of the quick ones")

// policies are the admission policies of deploy/ that all tests run under.
var policies = flag.String("policies", "", `run all tests under the cage and the guard, which says "warn" or "deny"`)

// components are those of deploy/kustomize that -policies asks for.
func components() []string {
	switch *policies {
	case "warn":
		return []string{harness.Cage, harness.GuardWarn}
	case "deny":
		return []string{harness.Cage, harness.Guard}
	}
	return nil
}

var (
	// system is the shared cluster; nobody may stop its components. The slow tests have none.
	system *harness.System
	// controller is the shared controller; nobody may restart it.
	controller *harness.Controller
)

// parallelPerCore is how many tests run at the same time for each core, unless -parallel says otherwise: they wait more
// than they work.
const parallelPerCore = 4

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(parallelPerCore*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	flag.Parse() // -parallel on the command line wins
	run := runQuick
	if *slow {
		run = func(m *testing.M) (int, error) { return m.Run(), nil }
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// runQuick runs the tests that share a control plane. It holds that one's slot all the while, so no test in there may
// ask for another one.
func runQuick(m *testing.M) (code int, err error) {
	ctx := context.Background()
	release, err := harness.Slots(ctx, 1)
	if err != nil {
		return 1, err
	}
	defer release()
	options := harness.Options{
		Components: components(), Log: os.Stderr, ControlPlane: controlplane.Options{Audit: true},
	}
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
	ctx, cancel := context.WithTimeout(ctx, harness.StopLimit)
	defer cancel()
	return code, errors.Join(controller.Stop(ctx), checkCage(ctx, system))
}

// checkCage returns an error if the API server has refused a request of the controller by an admission policy.
func checkCage(ctx context.Context, system *harness.System) error {
	switch n, err := system.CageDenials(ctx); {
	case err != nil:
		return err
	case n > 0:
		return fmt.Errorf("the cage has refused %d requests of the controller: look for \"blocked\" in its log", n)
	}
	return nil
}
