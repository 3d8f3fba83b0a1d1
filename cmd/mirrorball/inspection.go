package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// inspectFlags are those of every command that decides as the controller does, and only reads.
type inspectFlags struct {
	connection
	controller controllerFlags
	// formats are the values that --output can have.
	formats   []string
	output    string
	noHeaders bool
	color     colorMode
}

// register adds the flags, and what the shell completes, to a command that prints in these formats.
func (f *inspectFlags) register(command *cobra.Command, formats ...string) {
	f.formats = formats
	set := command.Flags()
	set.SortFlags = false
	set.StringVarP(&f.output, "output", "o", "table", "output `format`: "+alternatives(formats))
	set.BoolVar(&f.noHeaders, "no-headers", false, "print tables without headers and notes")
	f.color.register(set)
	f.controller.register(set)
	f.connection.register(set)
	registerCompletions(command, formats)
}

func (f *inspectFlags) checkFormat() error {
	if !slices.Contains(f.formats, f.output) {
		return unable("--output %q: must be %s", f.output, alternatives(f.formats))
	}
	return nil
}

// quiet reports whether nothing is printed beside the answer, which a program may read.
func (f *inspectFlags) quiet() bool { return f.noHeaders || f.output != "table" && f.output != "wide" }

// asked returns what the arguments name or, without arguments, what is in the namespace of -n; nil: everything.
func (f *inspectFlags) asked(references []reference) inspect.Asked {
	switch namespace := f.namespace(); {
	case len(references) > 0:
		return func(source informers.Key) bool {
			return slices.ContainsFunc(references, func(r reference) bool {
				return r.matches(source.Kind, source.Namespace, source.Name)
			})
		}
	case namespace != "":
		return func(source informers.Key) bool { return source.Namespace == namespace }
	}
	return nil
}

// alternatives lists words as a sentence does: "table, json or yaml".
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// inspection is a cluster that was listed once.
type inspection struct {
	*replicator.Inspector
	client   kubernetes.Interface
	settings inspect.Settings
	// unknown says what could not be listed.
	unknown []string
	// What is said beside the answer goes to stderr, and so does the progress.
	stderr   io.Writer
	progress *progress
}

// open lists the cluster. Nothing is decided yet.
func (f *inspectFlags) open(ctx context.Context, cmd *cobra.Command) (*inspection, error) {
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	progress := newProgress(cmd.ErrOrStderr(), config)
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	s, described, err := f.controller.complete(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := explainReader(reach(ctx, config, s), s); err != nil {
		return nil, err
	}
	in := &inspection{client: client, settings: described, stderr: cmd.ErrOrStderr(), progress: progress}
	in.Inspector, err = replicator.NewInspector(s.options(config))
	if err != nil {
		return nil, unable("cannot set up: %w", err)
	}
	defer in.progress.show("listing the cluster")()
	if err := in.list(ctx); err != nil {
		return nil, err
	}
	for _, namespace := range s.only {
		if in.Cluster().IsOutOfReach(namespace) {
			in.unknown = append(in.unknown, "the namespace "+namespace+" of --namespaces was left out: it does not exist, or "+
				"missing: the verb get on it")
		}
	}
	return in, nil
}

// list lists the cluster, and notes what could not be listed.
func (in *inspection) list(ctx context.Context) error {
	for _, err := range flatten(in.List(ctx)) {
		if failed, ok := errors.AsType[*informers.ListError](err); ok && failed.Name != "namespaces" {
			in.unknown = append(in.unknown, describeGap(failed))
			continue
		}
		if rules, ok := errors.AsType[*replicator.UnreadableRulesError](err); ok {
			return unable("%w", rules)
		}
		return unable("cannot tell anything: %w; this needs the verb list on namespaces", err)
	}
	return nil
}

// gapNames says of which resource a list is, and what cannot be told without it.
var gapNames = map[string]string{
	"secrets":             "secrets; Secrets were left out",
	"secrets/replicas":    "secrets; Secrets were left out",
	"configmaps":          "configmaps; ConfigMaps were left out",
	"configmaps/replicas": "configmaps; ConfigMaps were left out",
	"serviceaccounts":     "serviceaccounts; what is attached to ServiceAccounts was left out",
	"records":             "configmaps in the controller's namespace; saved policies were left out",
	"rules":               "configmaps in the controller's namespace; the built-in rules were assumed",
}

func describeGap(e *informers.ListError) string {
	if apierrors.IsForbidden(errors.Unwrap(e)) {
		if e.Namespace != "" {
			return "in the namespace " + e.Namespace + ": missing: the verb list on " + gapNames[e.Name]
		}
		return "missing: the verb list on " + gapNames[e.Name]
	}
	return brief(e)
}

func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// explainReader says what somebody who only reads has to ask for. Where namespaces are named, list says of each whether
// it can be read.
func explainReader(err error, s settings) error {
	switch {
	case !apierrors.IsForbidden(err):
		return err
	case len(s.only) > 0:
		return nil
	}
	return unable("cannot tell anything: missing: the verb list on namespaces, in the whole cluster")
}

// decide decides on everything.
func (in *inspection) decide(ctx context.Context) error {
	defer in.progress.show("reading the sources")()
	if err := in.Decide(ctx); err != nil {
		return unable("interrupted: %w", err)
	}
	return nil
}

// report decides on everything, and reports on the sources that are asked about.
func (in *inspection) report(ctx context.Context, asked inspect.Asked) (*inspect.Report, error) {
	if err := in.decide(ctx); err != nil {
		return nil, err
	}
	r := inspect.New(in.Inspector, in.settings, asked)
	r.Unknown = append(in.unknown, r.Unknown...)
	return r, nil
}

// note says on stderr for which settings the answer is, and what could not be told.
func (in *inspection) note(unknown []string, quiet bool) {
	if !quiet {
		fmt.Fprintf(in.stderr, "settings: %s\n", in.settings.From)
	}
	for _, d := range in.settings.Differing {
		fmt.Fprintf(in.stderr, "other than the controller: %s\n", d)
	}
	for _, u := range unknown {
		fmt.Fprintf(in.stderr, "could not tell: %s\n", u)
	}
}

// readExitCodesHelp lists the exit codes of a command that reads.
func readExitCodesHelp(nothing, something string) string {
	return `Exit codes:
  0  ` + nothing + `
  1  ` + something + `
  2  it could not tell all; a line on stderr names the verb and the resource that were missing`
}
