// Command bench measures a controller that mirrors Secrets: see package bench.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/e2e/bench"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore)
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o bench.Options
	var docs bool
	c := &cobra.Command{
		Use:           "bench",
		Short:         "Measure a controller that mirrors Secrets, on a control plane of its own",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log = c.ErrOrStderr()
			o.Command = os.Getenv("CONTROLLER")
			var err error
			if o.Annotations, err = sourceAnnotations(os.Getenv("SOURCE_ANNOTATIONS"), o.Command != ""); err != nil {
				return err
			}
			return run(c, o, docs)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Cases, "case", nil, "`names` of the cases to run: "+strings.Join(bench.Names(), ", ")+
		" (default: all but churn, start, hostile and scale)")
	f.IntVar(&o.Rounds, "rounds", 5, "how often each figure is taken")
	f.Float64Var(&o.Size, "size", 1, "`factor` for the numbers of objects, to try something out")
	f.DurationVar(&o.Rest, "rest", 3*time.Minute, "how long the controller is watched at rest")
	f.StringVar(&o.Profiles, "profiles", "", "`folder` for the controller's profiles")
	f.BoolVar(&docs, "docs", false, "write docs/benchmarks.md and its pictures from all results so far")
	return c
}

func run(c *cobra.Command, o bench.Options, docs bool) error {
	if o.Rounds < 1 || o.Size <= 0 {
		return errors.New("--rounds has to be at least 1 and --size above 0")
	}
	root, err := repo.Root()
	if err != nil {
		return err
	}
	if o.Profiles != "" {
		if err := os.MkdirAll(o.Profiles, 0o755); err != nil {
			return fmt.Errorf("make the folder for profiles: %w", err)
		}
	}
	file := filepath.Join(root, "bin", "bench-results.json")
	report := bench.NewReport()
	if earlier, err := bench.Load(file); err == nil {
		report.Results = earlier.Results
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the results so far: %w; remove the file to begin anew", err)
	}
	err = bench.Run(c.Context(), o, func(r bench.Result) error {
		report.Add(r)
		return errors.Join(r.Print(c.OutOrStdout()), report.Save(file))
	})
	if err != nil || !docs {
		return err
	}
	return report.WriteDocs(filepath.Join(root, "docs"))
}

// sourceAnnotations reads k=v,k=v. A comma that no key follows belongs to the value before it.
func sourceAnnotations(text string, other bool) (map[string]string, error) {
	if text == "" {
		if other {
			return nil, errors.New("CONTROLLER needs SOURCE_ANNOTATIONS: which annotations make a Secret its source, " +
				"as k=v,k=v with {targets} for the pattern of namespaces")
		}
		return map[string]string{"mirrorball.dev/push-to": "{targets}"}, nil
	}
	annotations := map[string]string{}
	last := ""
	for entry := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(entry, "=")
		switch {
		case found:
			annotations[key], last = value, key
		case last == "":
			return nil, fmt.Errorf("SOURCE_ANNOTATIONS: %q is no key=value", entry)
		default:
			annotations[last] += "," + entry
		}
	}
	return annotations, nil
}
