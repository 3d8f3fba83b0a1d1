package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// planFlags are the flags of `mirrorball plan`.
type planFlags struct {
	inspectFlags
	files []string
}

func planCommand() *cobra.Command {
	var given planFlags
	command := &cobra.Command{
		Use:   "plan [SOURCE...]",
		Short: "Show what the controller would write, now or after edits",
		Long: `Show what the controller would write, and why. Nothing is written.

Without -f: what a controller that starts now would write. With -f: what it would write once the manifests are applied;
Secrets, ConfigMaps, Namespaces and ServiceAccounts are laid over the cluster as 'kubectl apply' would, and nothing is
sent. The flags of 'mirrorball run' that decide what it does can be tried.

What the API server would refuse (quota, admission, RBAC) is not known before it is tried.

` + readExitCodesHelp("nothing to write", "there is something to write"),
		Example: `  mirrorball plan
  mirrorball plan -f regcred.yaml
  kubectl kustomize . | mirrorball plan -f -
  mirrorball plan --protected-namespaces 'kube-*,payments'`,
		RunE: func(cmd *cobra.Command, args []string) error { return given.run(cmd, args) },
	}
	given.register(command, "table", "wide", "json", "yaml", "name")
	command.Flags().StringSliceVarP(&given.files, "filename", "f", nil,
		"manifest `files` to lay over the cluster; -: stdin")
	return command
}

func (f *planFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.checkFormat(); err != nil {
		return err
	}
	references, err := inspectKinds.parse(args, f.namespace())
	if err != nil {
		return err
	}
	namespace, err := f.currentNamespace()
	if err != nil {
		return err
	}
	objects, other, err := readManifests(f.files, cmd.InOrStdin(), namespace)
	if err != nil {
		return err
	}
	for _, kind := range other {
		fmt.Fprintf(cmd.ErrOrStderr(), "passed over: a %s, which says nothing to Mirrorball\n", printable(kind))
	}
	ctx := cmd.Context()
	in, err := f.open(ctx, cmd)
	if err != nil {
		return err
	}
	p, err := in.plan(ctx, objects, f.asked(references))
	if err != nil {
		return err
	}
	in.note(p.Unknown, f.quiet())
	if err := f.print(f.color.output(cmd.OutOrStdout()), p); err != nil {
		return err
	}
	return outcome(p.Unknown, len(p.Writes)+len(p.Later) > 0)
}

// plan decides on the cluster, then on the cluster with the edits, and simulates what follows.
func (in *inspection) plan(ctx context.Context, edits []metav1.Object, asked inspect.Asked) (*inspect.Plan, error) {
	if err := in.decide(ctx); err != nil {
		return nil, err
	}
	if err := in.edit(ctx, edits); err != nil {
		return nil, err
	}
	defer in.progress.show("simulating the controller")()
	p, err := inspect.NewPlan(ctx, in.Inspector, in.settings, asked)
	if err != nil {
		return nil, unable("interrupted: %w", err)
	}
	p.Unknown = append(in.unknown, p.Unknown...)
	return p, nil
}

// edit lays manifests over the cluster.
func (in *inspection) edit(ctx context.Context, edits []metav1.Object) error {
	for _, modified := range edits {
		o, err := applied(ctx, in.client, modified)
		if err != nil {
			return err
		}
		if err := in.Edit(o); err != nil {
			return unable("%s/%s: %w", o.GetNamespace(), o.GetName(), err)
		}
		if ns, ok := o.(*corev1.Namespace); ok && modified == o {
			// Kubernetes makes this one in every new namespace.
			if err := in.Edit(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
				Namespace: ns.Name, Name: "default",
			}}); err != nil {
				return unable("%s: %w", ns.Name, err)
			}
		}
	}
	return in.Decide(ctx)
}

func (f *planFlags) print(out io.Writer, p *inspect.Plan) error {
	switch f.output {
	case "json", "yaml":
		return printEncoded(out, f.output, p)
	case "name":
		for _, w := range p.Writes {
			fmt.Fprintf(out, "%s/%s/%s\n", strings.ToLower(string(w.Kind)), w.Namespace, w.Name)
		}
		return nil
	}
	if len(p.Writes) > 0 {
		if err := printWrites(out, p.Writes, f.noHeaders); err != nil {
			return err
		}
	}
	for _, l := range p.Later {
		heading(out, f.noHeaders, fmt.Sprintf("In %s, if nothing changes, for %s:", l.Waits, printable(l.Source)))
		if err := printWrites(out, l.Writes, f.noHeaders); err != nil {
			return err
		}
	}
	if f.output == "wide" && len(p.Findings) > 0 {
		heading(out, f.noHeaders, "Findings:")
		t := newTable(out, f.noHeaders, "OBJECT", "STATE", "REASON")
		for _, x := range p.Findings {
			t.row(x.Object, x.Reason, x.Note)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if !f.noHeaders {
		fmt.Fprintf(out, "\nPlan: %s.\n", p.Total())
		if n := len(p.Findings); n > 0 && f.output != "wide" {
			fmt.Fprintf(out, "%d findings; -o wide shows them.\n", n)
		}
	}
	return nil
}

func printWrites(out io.Writer, writes []inspect.Write, noHeaders bool) error {
	t := newTable(out, noHeaders, "VERB", "KIND", "OBJECT", "SOURCE", "REASON")
	for _, w := range writes {
		reason := w.Reason
		if w.Secret != "" {
			reason = "imagePullSecrets: " + w.Secret
		}
		t.row(string(w.Verb), string(w.Kind), w.Namespace+"/"+w.Name, w.Source, dash(reason))
	}
	return t.Flush()
}
