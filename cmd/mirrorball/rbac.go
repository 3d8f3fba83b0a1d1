package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// permissionFlags are the flags of `mirrorball run` on which its permissions depend.
var permissionFlags = []string{
	"namespace", "namespaces", "kinds", "attach-to-service-accounts", "leader-elect", "leader-election-namespace",
	"leader-election-name",
}

// rbacFlags are the flags of `mirrorball rbac`.
type rbacFlags struct {
	connection
	controller  controllerFlags
	output      string
	rules       string
	fromCluster bool
	check       bool
}

const rbacHelp = `Print the least permissions that 'mirrorball run' needs with the same flags in a Pod: a
ServiceAccount, a ClusterRole and Roles, each with its binding. Nothing is written, and without --from-cluster and
--check no cluster is asked.

With --namespaces there are Roles alone. With --rules, namespaces to which no rule allows push get no permission to
create objects; then apply the output again whenever the rules allow more. ServiceAccounts need no permissions with
--attach-to-service-accounts=false. Rules cannot take the place of that flag, because a Namespace can allow to attach.

With --check, print what the identity of the kubeconfig lacks instead; --as asks for another one.

`

const rbacExamples = `  mirrorball rbac | kubectl apply -f -
  mirrorball rbac --namespaces team-a,team-b --attach-to-service-accounts=false
  mirrorball rbac --from-cluster --kinds secrets
  mirrorball rbac --check --from-cluster --as system:serviceaccount:mirrorball-system:mirrorball`

func rbacCommand() *cobra.Command {
	var given rbacFlags
	command := &cobra.Command{
		Use:   "rbac",
		Short: "Print the least permissions that the controller needs, or what is missing of them",
		Long: rbacHelp + readExitCodesHelp("the permissions were printed, or none is missing",
			"with --check: permissions are missing"),
		Example: rbacExamples,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return given.run(cmd) },
	}
	given.register(command)
	return command
}

func (f *rbacFlags) register(command *cobra.Command) {
	set := command.Flags()
	set.SortFlags = false
	formats := []string{"yaml", "json"}
	set.StringVarP(&f.output, "output", "o", "", "output `format`: yaml or json (default: yaml, with --check a table)")
	set.StringVar(&f.rules, "rules", "",
		"`file` with the rules, as a document or as the ConfigMap that holds it; -: stdin (default: the built-in rules)")
	set.BoolVar(&f.fromCluster, "from-cluster", false,
		"take the rules, and the flags that are not given, from the controller that is installed in the cluster")
	set.BoolVar(&f.check, "check", false, "print what the identity of the kubeconfig lacks")
	f.controller.registerAs(set, permissionFlags)
	f.connection.register(set)
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// registerAs adds flags of `mirrorball run` as they are.
func (f *controllerFlags) registerAs(set *pflag.FlagSet, names []string) {
	f.set, f.names = set, names
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.given.register(all)
	for _, name := range names {
		set.AddFlag(all.Lookup(name))
	}
}

func (f *rbacFlags) run(cmd *cobra.Command) error {
	if !slices.Contains([]string{"", "yaml", "json"}, f.output) {
		return unable("--output %q: must be yaml or json", f.output)
	}
	var client kubernetes.Interface
	if f.fromCluster || f.check {
		config, err := f.config()
		if err != nil {
			return err
		}
		if client, err = newClient(config); err != nil {
			return err
		}
	}
	s, r, err := f.read(cmd.Context(), client, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	p := permissionsOf(s, r)
	if !f.check {
		return f.print(cmd.OutOrStdout(), rbacObjects(p, s.namespace))
	}
	missing, err := p.missing(cmd.Context(), client)
	if err != nil {
		return err
	}
	if f.output == "" {
		err = printMissing(cmd.OutOrStdout(), missing)
	} else {
		err = printEncoded(cmd.OutOrStdout(), f.output, map[string]any{"missing": append([]permission{}, missing...)})
	}
	if err != nil {
		return err
	}
	return outcome(nil, len(missing) > 0)
}

// read returns the settings and the rules to answer for.
func (f *rbacFlags) read(
	ctx context.Context, client kubernetes.Interface, stdin io.Reader, stderr io.Writer,
) (s settings, r *rules.Rules, err error) {
	used, err := parseRunFlags(nil)
	if err != nil {
		return s, nil, err
	}
	if f.fromCluster {
		var from string
		if used, from, _, err = f.controller.running(ctx, client); err != nil {
			return s, nil, err
		}
		fmt.Fprintf(stderr, "settings: %s\n", from)
	}
	if s, _, err = f.controller.override(used); err != nil {
		return s, nil, err
	}
	switch {
	case f.rules != "":
		r, err = readRules(f.rules, stdin)
	case f.fromCluster:
		r, err = fetchRules(ctx, client, s.namespace)
	default:
		r = rules.Default(s.namespace)
	}
	return s, r, err
}

// readRules reads the rules from a file that holds the document, or the ConfigMap with it.
func readRules(path string, stdin io.Reader) (*rules.Rules, error) {
	in := io.NopCloser(stdin)
	if path != "-" {
		var err error
		if in, err = os.Open(path); err != nil {
			return nil, unable("--rules: %w", err)
		}
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxManifests))
	if err != nil {
		return nil, unable("--rules: %w", err)
	}
	var cm corev1.ConfigMap
	if err := sigsyaml.Unmarshal(text, &cm); err == nil && cm.Kind == "ConfigMap" {
		text = []byte(cm.Data[informers.RulesKey])
	}
	r, err := rules.Parse(string(text))
	if err != nil {
		return nil, unable("--rules %s: %w", path, err)
	}
	return r, nil
}

// fetchRules reads the rules from the cluster.
func fetchRules(ctx context.Context, client kubernetes.Interface, namespace string) (*rules.Rules, error) {
	cm, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, informers.RulesName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return rules.Default(namespace), nil
	case err != nil:
		return nil, unable("cannot read the rules: %w; give them with --rules", err)
	}
	r, err := rules.Parse(cm.Data[informers.RulesKey])
	if err != nil {
		return nil, unable("the rules in the ConfigMap %s/%s: %w", namespace, informers.RulesName, err)
	}
	return r, nil
}

// print prints objects so that kubectl can apply them.
func (f *rbacFlags) print(out io.Writer, objects []any) error {
	if f.output == "json" {
		return printEncoded(out, f.output, map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	}
	for i, object := range objects {
		if i > 0 {
			fmt.Fprintln(out, "---")
		}
		if err := printEncoded(out, "yaml", object); err != nil {
			return err
		}
	}
	return nil
}
