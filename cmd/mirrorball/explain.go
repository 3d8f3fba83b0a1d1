package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// explainFlags are the flags of `mirrorball explain`.
type explainFlags struct {
	inspectFlags
	in     string
	labels string
}

func explainCommand() *cobra.Command {
	var given explainFlags
	command := &cobra.Command{
		Use:   "explain (KIND/NAME | NAMESPACE/NAME | namespace/NAME)",
		Short: "Say what an object or a namespace is to Mirrorball, and why",
		Long: `Say what an object or a namespace is to Mirrorball, and why. Nothing is written.

Of a source: its policy in words, what is ignored, and for each namespace why it gets a replica or none. Of a replica or
an object that pulls: its source, and how it differs, by the names of keys. Of any other object: why it is neither. Of a
namespace: all that arrives there, and what is barred.

` + readExitCodesHelp("it is as it should be", "the object does not exist, or something is not as it should be"),
		Example: `  mirrorball explain secret/regcred -n infra
  mirrorball explain infra/regcred --in team-blue
  mirrorball explain infra/regcred --in team-new --labels tier=web    # a namespace that does not exist yet
  mirrorball explain namespace/team-blue`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return given.run(cmd, args) },
	}
	given.register(command, "table", "json", "yaml")
	set := command.Flags()
	set.StringVar(&given.in, "in", "", "of a source, only this `namespace`, which need not exist")
	set.StringVar(&given.labels, "labels", "", "the `labels` of the namespace of --in, instead of those that it has")
	return command
}

func (f *explainFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.checkFormat(); err != nil {
		return err
	}
	namespace, err := f.currentNamespace()
	if err != nil {
		return err
	}
	references, err := inspectKinds.parse(args, namespace)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	in, err := f.open(ctx, cmd)
	if err != nil {
		return err
	}
	if err := f.imagine(in); err != nil {
		return err
	}
	if err := in.decide(ctx); err != nil {
		return err
	}
	var all []*inspect.Explanation
	for _, r := range references {
		all = append(all, in.explain(ctx, r, f.in)...)
	}
	for _, e := range all {
		in.unknown = append(in.unknown, e.Unknown()...)
	}
	in.note(in.unknown, f.quiet())
	if err := f.print(f.color.output(cmd.OutOrStdout()), all); err != nil {
		return err
	}
	return outcome(in.unknown, slices.ContainsFunc(all, (*inspect.Explanation).IsFinding))
}

// imagine makes the namespace of --in what --labels says.
func (f *explainFlags) imagine(in *inspection) error {
	if f.in == "" {
		return nil
	}
	exists := slices.ContainsFunc(in.Cluster().Namespaces(), func(n *informers.Namespace) bool { return n.Name == f.in })
	if exists && f.labels == "" {
		return nil
	}
	set, err := labels.ConvertSelectorToLabelsMap(f.labels)
	if err != nil {
		return unable("--labels %q: %w; write key=value,key=value", f.labels, err)
	}
	all := map[string]string{corev1.LabelMetadataName: f.in}
	for k, v := range set {
		all[k] = v
	}
	if err := in.Edit(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.in, Labels: all}}); err != nil {
		return unable("--in %q: %w", f.in, err)
	}
	return nil
}

// explain explains what a reference names: one object of each kind where it does not say which, as far as they exist.
func (in *inspection) explain(ctx context.Context, r reference, narrow string) []*inspect.Explanation {
	if r.kind == namespaceKind {
		return []*inspect.Explanation{inspect.Namespace(in.Inspector, r.name)}
	}
	kinds := []annotations.Kind{r.kind}
	if r.kind == "" {
		kinds = []annotations.Kind{annotations.Secret, annotations.ConfigMap}
	}
	var all, absent []*inspect.Explanation
	for _, kind := range kinds {
		key := informers.Key{Kind: kind, NamespacedName: types.NamespacedName{Namespace: r.namespace, Name: r.name}}
		e := inspect.Object(ctx, in.Inspector, key, narrow)
		if e.IsAbsent() {
			absent = append(absent, e)
		} else {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return absent
	}
	return all
}

func (f *explainFlags) print(out io.Writer, all []*inspect.Explanation) error {
	if f.output != "table" {
		return printEncoded(out, f.output, all)
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s: %s\n", printable(e.Object), printable(e.Is))
		facts := newTable(out, true)
		for _, x := range e.Facts {
			facts.row("  "+x.About, x.Text)
		}
		if err := facts.Flush(); err != nil {
			return err
		}
		if len(e.Places) == 0 {
			continue
		}
		heading(out, f.noHeaders, "Place by place:")
		places := newTable(out, f.noHeaders, "PLACE", "STATE", "WHY")
		for _, p := range e.Places {
			places.row(p.Place, string(p.State), dash(p.Why))
		}
		if err := places.Flush(); err != nil {
			return err
		}
	}
	return nil
}
