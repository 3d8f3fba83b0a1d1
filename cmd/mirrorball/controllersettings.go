package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// decisiveFlags are the flags of `mirrorball run` that decide what it does. The commands that only read take them too.
var decisiveFlags = []string{
	"source-delete-grace", "protected-namespaces", "source-namespaces", "namespaces", "reserved-names", "kinds",
	"attach-to-service-accounts",
}

// ownNamespaceFlag is what --namespace of `mirrorball run` is called where -n is a filter.
const ownNamespaceFlag = "mirrorball-namespace"

// controllerFlags are the decisive flags of a command that reads. What is not given is taken from the running
// controller.
type controllerFlags struct {
	given runFlags
	// names are those of the flags, and set has the values that were given.
	names []string
	set   *pflag.FlagSet
}

func (f *controllerFlags) register(set *pflag.FlagSet) {
	f.set, f.names = set, decisiveFlags
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.given.register(all)
	for _, name := range f.names {
		flag := all.Lookup(name)
		usage, _, _ := strings.Cut(flag.Usage, " (default: ")
		flag.Usage = usage + " (default: as the running controller, else " + cmp.Or(flag.DefValue, "all") + ")"
		flag.DefValue = map[string]string{"duration": "0s", "bool": "false"}[flag.Value.Type()] // is not printed twice
		set.AddFlag(flag)
	}
	set.StringVar(&f.given.namespace, ownNamespaceFlag, "",
		"the controller's own `namespace` (default: where its Deployment is, else "+fallbackNamespace+")")
}

// complete returns the settings to decide by, and where they are from.
func (f *controllerFlags) complete(
	ctx context.Context, client kubernetes.Interface,
) (settings, inspect.Settings, error) {
	used, from, found, err := f.running(ctx, client)
	if err != nil {
		return settings{}, inspect.Settings{}, err
	}
	s, differing, err := f.override(used)
	if err != nil {
		return s, inspect.Settings{}, err
	}
	described := inspect.Settings{
		From: from, Namespace: s.namespace, Kinds: strings.Split(s.kinds, ","), SourceNamespaces: s.sourceNamespaces,
		ProtectedNamespaces: s.protectedNamespaces, ReservedNames: s.reservedNames, Namespaces: s.only,
		AttachToServiceAccounts: s.attach, SourceDeleteGrace: s.sourceDeleteGrace.String(),
	}
	for _, d := range differing {
		if found {
			described.Differing = append(described.Differing, fmt.Sprintf("--%s=%s (%s: %s)", d.name, d.is, from, d.was))
		}
	}
	return s, described, nil
}

// difference is a flag that was given and has another value than another.
type difference struct{ name, is, was string }

// override returns the settings of other flags where none were given.
func (f *controllerFlags) override(used runFlags) (settings, []difference, error) {
	var differing []difference
	values := used.flagSet()
	for _, name := range f.names {
		if !f.set.Changed(name) {
			continue
		}
		was, is := values.Lookup(name).Value.String(), f.set.Lookup(name).Value.String()
		if err := values.Set(name, is); err != nil {
			return settings{}, nil, err
		}
		if was != is {
			differing = append(differing, difference{name, is, was})
		}
	}
	s, err := used.complete(true, surroundings{environment: func(string) string { return "" }})
	return s, differing, err
}

// running returns the flags of the running controller, or the defaults, and where they are from.
func (f *controllerFlags) running(ctx context.Context, client kubernetes.Interface) (
	flags runFlags, from string, found bool, err error,
) {
	d, why := f.deployment(ctx, client)
	if d == nil {
		flags, err = parseRunFlags(nil)
		flags.namespace = f.given.namespace
		return flags, "defaults, because " + why, false, err
	}
	flags, err = parseRunFlags(argumentsOf(d))
	if err != nil {
		return flags, "", true, unable("the flags of the Deployment %s/%s cannot be parsed: %w", d.Namespace, d.Name, err)
	}
	if flags.namespace == "" {
		flags.namespace = d.Namespace
	}
	return flags, fmt.Sprintf("Deployment %s/%s", d.Namespace, d.Name), true, nil
}

// deployment returns the controller's Deployment, or nil and why there is none.
func (f *controllerFlags) deployment(ctx context.Context, client kubernetes.Interface) (*appsv1.Deployment, string) {
	const selector = "app.kubernetes.io/name=mirrorball"
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	namespace := f.given.namespace
	list, err := client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if apierrors.IsForbidden(err) && namespace == "" {
		namespace = fallbackNamespace
		list, err = client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	}
	switch {
	case apierrors.IsForbidden(err):
		return nil, "this user may not list deployments.apps; give the flags of the controller"
	case err != nil:
		return nil, "the Deployment cannot be read: " + brief(err)
	case len(list.Items) == 0:
		return nil, "there is no Deployment with the label " + selector
	case len(list.Items) > 1:
		return nil, "there are several Deployments with the label " + selector + "; choose with --" + ownNamespaceFlag
	}
	return &list.Items[0], ""
}

// argumentsOf returns the arguments of `mirrorball run` in a Deployment.
func argumentsOf(d *appsv1.Deployment) []string {
	for _, c := range d.Spec.Template.Spec.Containers {
		if args := slices.Concat(c.Command, c.Args); slices.Contains(args, "run") {
			return args[slices.Index(args, "run")+1:]
		}
	}
	return nil
}

// parseRunFlags parses the flags of a controller that runs in a Pod.
func parseRunFlags(args []string) (runFlags, error) {
	var flags runFlags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.ParseErrorsAllowlist.UnknownFlags = true // the controller may be newer
	flags.register(set)
	err := set.Parse(args)
	if !set.Changed("leader-elect") {
		flags.leaderElect = true
	}
	return flags, err
}

// flagSet returns the flags with their values, which [runFlags.register] alone would set to the defaults.
func (f *runFlags) flagSet() *pflag.FlagSet {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	values := *f
	f.register(set)
	*f = values
	return set
}

// brief is an error in one line.
func brief(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
