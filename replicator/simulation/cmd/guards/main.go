// Guards takes each guard of the controller away in turn, and shows that the simulation notices: with which seed first,
// and by which rule. The tree is not touched: the changed files are given to the compiler as an overlay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// guard is a piece of code that keeps a rule, and how it is taken away.
type guard struct {
	name string
	// file is changed: old, which it has once, becomes new.
	file, old, new string
	// implied says why nothing may come of it.
	implied string
}

var guards = []guard{
	{
		name: "UID and resourceVersion of a deletion", file: "replicator/api.go",
		old: "Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &id.UID, ResourceVersion: &version}}).",
		new: "Body(&metav1.DeleteOptions{Preconditions: func() *metav1.Preconditions { _ = version; return nil }()}).",
	},
	{
		name: "resourceVersion of a deletion", file: "replicator/api.go",
		old: "&metav1.Preconditions{UID: &id.UID, ResourceVersion: &version}}).",
		new: "func() *metav1.Preconditions { _ = version; return &metav1.Preconditions{UID: &id.UID} }()}).",
	},
	{
		name: "UID of a deletion", file: "replicator/api.go",
		old: "&metav1.Preconditions{UID: &id.UID, ResourceVersion: &version}}).",
		new: "&metav1.Preconditions{ResourceVersion: &version}}).", implied: "no two objects have had one resourceVersion",
	},
	{
		name: "resourceVersion of a patch", file: "replicator/patch.go",
		old: `return patch{{Op: "replace", Path: "/metadata/resourceVersion", Value: v.String()}}`,
		new: `_ = v; return patch{}`,
	},
	{
		name: "live read before a removal", file: "replicator/source.go",
		old: "	object, secretType, err := c.reread(ctx, key, record)\n	switch {\n	case apierrors.IsNotFound(err):\n" +
			"		return c.gone(s, record), nil",
		new: "	object, secretType, err := c.reread(ctx, key, record)\n	switch {\n	case at.Identity() == nil:\n" +
			"		return c.gone(s, record), nil",
	},
	{
		name: "mirrors of other sources", file: "replicator/plan/plan.go",
		old: "		return *c.Claims.Mirror == m.w.Key.Name", new: "		return true",
	},
	{
		name: "copies of other sources", file: "replicator/apply.go",
		old: "	if !same && version != d.source.Version.String() {", new: "	if _ = same; false {",
	},
	{
		name: "strangers without annotations", file: "replicator/plan/plan.go",
		old:     "	case s.Candidate != nil && m.madeByPeer(s.Candidate):",
		new:     "	case s.Candidate != nil && s.Candidate.Claims == nil, s.Candidate != nil && m.madeByPeer(s.Candidate):",
		implied: "of such objects no version is known, so that any write of them is refused",
	},
	{
		name: "replicas of other sources", file: "replicator/plan/plan.go",
		old: "	case r != nil && r.Mode == annotations.ReplicaPush && m.names(r.Source):",
		new: "	case r != nil && r.Mode == annotations.ReplicaPush:",
	},
	{
		name: "protection", file: "replicator/reconcile.go",
		old: "	return namespace == c.options.Namespace || c.options.ProtectedNamespaces.Match(namespace)",
		new: "	return namespace == c.options.Namespace",
	},
	{
		name: "accept-from", file: "replicator/plan/plan.go",
		old: "		case ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace):", new: "		case false:",
	},
	{
		name: "an accept-from that can't be read", file: "replicator/plan/plan.go",
		old: "(ns.Deleting || ns.Problem != nil && m.w.Life == Active)", new: "ns.Deleting",
	},
	{
		name: "permission to pull", file: "replicator/plan/plan.go", old: "	case !permitted:", new: "	case false:",
	},
	{
		name: "the grace", file: "replicator/source.go",
		old: "	return time.Until(s.since.Add(c.options.SourceDeleteGrace))", new: "	return 0",
	},
	{
		name: "a frozen source holds", file: "replicator/source.go",
		old: "		f := finding{life: plan.Held, condition: conditionFrozen}",
		new: "		f := finding{life: plan.Ended, condition: conditionFrozen}",
	},
	{
		name: "policy and content of one read", file: "replicator/apply.go",
		old: "		if object.GetUID() != s.uid || object.GetResourceVersion() != s.version.String() {",
		new: "		if _ = object; false {",
	},
	{
		name: "caches synced before work", file: "replicator/controller.go",
		old: "	for c.cluster.Synced() != nil {", new: "	for false {",
	},
	{
		name: "no policy back onto another's object", file: "replicator/source.go",
		old: "!c.protected(key.Namespace) &&\n		isBare(key, object) && carries(key, object, record) {",
		new: "(isBare(key, object) || carries(key, object, record) || true) {",
	},
	{
		name: "only one's own pull secrets are detached", file: "replicator/plan/accounts.go",
		old: "if policy.AttachTo.Match(sa.Name) && !sa.Deleting && !slices.Contains(sa.PullSecrets, secret) {",
		new: "if _, ok := sa.Attached[secret]; policy.AttachTo.Match(sa.Name) && !sa.Deleting && !ok &&\n" +
			"			!slices.Contains([]string(nil), secret) {",
	},
}

func main() {
	seeds := flag.Int("seeds", 2000, "how many histories to try with each guard away")
	only := flag.String("only", "", "a regular `expression` for the guards' names")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *seeds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "guards:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be undone
	}
}

func run(ctx context.Context, out io.Writer, seeds int, only string) (err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	dir, err := os.MkdirTemp("", "guards-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "| without | first seed | rule |\n| --- | --- | --- |\n")
	var unnoticed []string
	for _, g := range guards {
		if !wanted.MatchString(g.name) {
			continue
		}
		seed, rule, err := g.try(ctx, dir, seeds)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", g.name, err)
		case seed != "":
			fmt.Fprintf(out, "| %s | %s | %s |\n", g.name, seed, rule)
		case g.implied != "":
			fmt.Fprintf(out, "| %s | none in %d | %s |\n", g.name, seeds, g.implied)
		default:
			fmt.Fprintf(out, "| %s | none in %d | NOT NOTICED |\n", g.name, seeds)
			unnoticed = append(unnoticed, g.name)
		}
	}
	if len(unnoticed) > 0 {
		return fmt.Errorf("nobody noticed the absence of: %s", strings.Join(unnoticed, ", "))
	}
	return nil
}

var failure = regexp.MustCompile(`seed (\d+): (\w+): `)

// try builds the simulation without the guard, and runs it until a rule is broken.
func (g *guard) try(ctx context.Context, dir string, seeds int) (seed, rule string, err error) {
	overlay, err := g.overlay(dir)
	if err != nil {
		return "", "", err
	}
	binary := filepath.Join(dir, "simulation.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary,
		"./replicator/simulation")
	if text, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build: %w\n%s", err, text)
	}
	test := exec.CommandContext(ctx, binary, "-test.run", "^TestSimulation$", "-seeds", strconv.Itoa(seeds), "-stop")
	text, err := test.CombinedOutput()
	found := failure.FindStringSubmatch(string(text))
	exit := (*exec.ExitError)(nil)
	switch {
	case found != nil:
		return found[1], found[2], nil
	case errors.As(err, &exit) && strings.Contains(string(text), "panic:"):
		return "?", "panic", nil
	}
	return "", "", err
}

// overlay writes the file without the guard, and what tells the compiler to take it.
func (g *guard) overlay(dir string) (string, error) {
	original, err := filepath.Abs(g.file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), g.old); n != 1 {
		return "", fmt.Errorf("%s has the guard %d times, want once: adapt the list", g.file, n)
	}
	changed := filepath.Join(dir, filepath.Base(g.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), g.old, g.new, 1)), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}
