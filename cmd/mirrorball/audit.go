package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// auditFlags are the flags of `mirrorball audit`.
type auditFlags struct {
	inspectFlags
	selector        string
	labels          labels.Selector
	targetNamespace string
	states          []string
	failOn          []string
	copies          bool
	licence         bool
}

func auditCommand() *cobra.Command {
	var given auditFlags
	command := &cobra.Command{
		Use:   "audit [SOURCE...]",
		Short: "Show every source with its targets, replicas and findings",
		Long: `Show every source with its targets, replicas, objects that pull, and findings. Nothing is written.

The states of targets: InSync, Missing, Drifted, Orphaned, Occupied, Conflict, Barred, Reserved, Paused, Terminating,
Unreadable, Mismatched, Forbidden; and what the source is, where its targets are not looked at: Frozen, Refused, Kept,
SourceMissing, SourceRecreated, Restorable, OutOfReach, Deleted, Released, NoSource.

` + readExitCodesHelp("everything is in sync", "there are findings"),
		Example: `  mirrorball audit
  mirrorball audit secret/regcred -n infra -o wide
  mirrorball audit -l 'team=payments,tier in (web,api)'
  mirrorball audit --state Occupied,Drifted
  mirrorball audit -o html > audit.html
  mirrorball audit --fail-on Missing,Drifted,Orphaned    # in CI`,
		RunE: func(cmd *cobra.Command, args []string) error { return given.run(cmd, args) },
	}
	given.register(command, "table", "wide", "json", "yaml", "name", "html")
	set := command.Flags()
	set.StringVarP(&given.selector, "selector", "l", "",
		"only sources whose labels match this `selector`, as for kubectl: a=b, a!=b, 'a in (b,c)', a, '!a'; all of several")
	set.StringVar(&given.targetNamespace, "target-namespace", "", "only targets in namespaces that match these `patterns`")
	set.StringSliceVar(&given.states, "state", nil, "only targets in these `states`")
	set.BoolVar(&given.copies, "copies", false,
		"also look for objects that have the data of a source and that nobody manages; this reads every Secret and ConfigMap")
	set.BoolVar(&given.licence, "licence", false,
		"also find sources that only an administrator could write if the licence policy denied it; this reads RBAC")
	set.StringSliceVar(&given.failOn, "fail-on", nil,
		"exit with 1 only for these `states` of targets and reasons of findings; none: never")
	return command
}

func (f *auditFlags) run(cmd *cobra.Command, args []string) error {
	references, filter, err := f.parse(args)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	in, err := f.open(ctx, cmd)
	if err != nil {
		return err
	}
	asked, err := f.selected(ctx, in, f.asked(references))
	if err != nil {
		return err
	}
	r, err := in.report(ctx, asked)
	if err != nil {
		return err
	}
	if f.copies {
		if err := in.addCopies(ctx, r, asked); err != nil {
			return err
		}
	}
	if f.licence {
		in.addLicence(ctx, r)
	}
	absent := f.absent(references, r, in.stderr)
	filter.Apply(r)
	in.note(r.Unknown, f.quiet())
	if err := f.print(f.color.output(cmd.OutOrStdout()), r); err != nil {
		return err
	}
	return outcome(r.Unknown, absent || f.fails(r))
}

// parse parses the arguments and the values of the flags.
func (f *auditFlags) parse(args []string) (references []reference, filter inspect.Filter, err error) {
	if err := f.checkFormat(); err != nil {
		return nil, filter, err
	}
	if references, err = inspectKinds.parse(args, f.namespace()); err != nil {
		return nil, filter, err
	}
	if f.targetNamespace != "" {
		if filter.Targets, err = annotations.ParseNamespacePatterns(f.targetNamespace); err != nil {
			return nil, filter, unable("--target-namespace: %w", err)
		}
	}
	for _, s := range f.states {
		filter.States = append(filter.States, plan.State(s))
	}
	if f.selector == "" {
		return references, filter, nil
	}
	if len(references) > 0 {
		return nil, filter, unable("--selector selects sources by label, and cannot be combined with names of sources")
	}
	if f.labels, err = labels.Parse(f.selector); err != nil {
		return nil, filter, unable("--selector %q: %w; write it as for kubectl, such as 'app=web' or 'app in (web,api)'",
			f.selector, err)
	}
	return references, filter, nil
}

// selected narrows what is asked about to the sources that -l selects.
func (f *auditFlags) selected(ctx context.Context, in *inspection, asked inspect.Asked) (inspect.Asked, error) {
	if f.labels == nil {
		return asked, nil
	}
	keys, err := in.Select(ctx, f.namespace(), f.labels)
	for _, err := range flatten(err) {
		// What this user may not list has been left out, and is among what could not be told.
		if !apierrors.IsForbidden(err) || len(in.unknown) == 0 {
			return nil, unable("--selector %q: %w", f.selector, err)
		}
	}
	return keys.Has, nil
}

func (in *inspection) addCopies(ctx context.Context, r *inspect.Report, asked inspect.Asked) error {
	defer in.progress.show("looking for copies")()
	copies, err := in.Copies(ctx)
	if err != nil {
		return unable("cannot look for copies: %w", err)
	}
	r.AddCopies(copies, asked)
	return nil
}

// absent says which of the sources that were named there are none of, and reports whether there is any.
func (f *auditFlags) absent(references []reference, r *inspect.Report, stderr io.Writer) (some bool) {
	for _, ref := range references {
		named := func(s inspect.Source) bool { return ref.matches(s.Kind, s.Namespace, s.Name) }
		if slices.ContainsFunc(r.Sources, named) {
			continue
		}
		some = true
		name := printable(ref.String())
		fmt.Fprintf(stderr, "%s is no source; 'mirrorball explain %s' says why\n", name, name)
	}
	return some
}

func (f *auditFlags) fails(r *inspect.Report) bool {
	if len(f.failOn) == 0 {
		return r.Findings() > 0 || !r.InSync
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		target := func(t inspect.Target) bool { return slices.Contains(f.failOn, string(t.State)) }
		finding := func(x inspect.Finding) bool { return slices.Contains(f.failOn, x.Reason) }
		if slices.ContainsFunc(s.Targets, target) || slices.ContainsFunc(s.Findings, finding) ||
			slices.Contains(f.failOn, string(s.Phase)) {
			return true
		}
	}
	return false
}

func (f *auditFlags) print(out io.Writer, r *inspect.Report) error {
	switch f.output {
	case "json", "yaml":
		return printEncoded(out, f.output, r)
	case "name":
		for _, s := range r.Sources {
			fmt.Fprintf(out, "%s/%s/%s\n", strings.ToLower(string(s.Kind)), s.Namespace, s.Name)
		}
		return nil
	case "html":
		return inspect.WriteHTML(out, r)
	}
	if err := printSources(out, r, f.noHeaders); err != nil {
		return err
	}
	if f.output == "wide" {
		if err := printTargets(out, r, f.noHeaders); err != nil {
			return err
		}
	}
	return printFindings(out, r, f.noHeaders, f.output == "wide")
}
