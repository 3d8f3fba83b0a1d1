package main

import (
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// connection are the flags of the commands that read a cluster. They are kubectl's, with kubectl's defaults:
// $KUBECONFIG, else ~/.kube/config, else the in-cluster configuration of a Pod. client-go defines them, so they need no
// dependency.
type connection struct {
	loading   *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
}

func (c *connection) register(set *pflag.FlagSet) {
	c.loading = clientcmd.NewDefaultClientConfigLoadingRules()
	set.StringVar(&c.loading.ExplicitPath, "kubeconfig", "",
		"kubeconfig `file` (default: $KUBECONFIG, else ~/.kube/config, else the in-cluster configuration of a Pod)")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	if set.Lookup(names.ContextOverrideFlags.Namespace.LongName) != nil {
		names.ContextOverrideFlags.Namespace.LongName = "" // the command has another use for it
	}
	names.ContextOverrideFlags.Namespace.Description = "only this `namespace`; default: all namespaces"
	clientcmd.BindOverrideFlags(&c.overrides, set, names)
}

// config returns the client configuration.
func (c *connection) config() (*rest.Config, error) {
	config, err := c.clientConfig().ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, unable("cannot find a cluster: there is no kubeconfig, and this process does not run in a Pod; " +
			`set $KUBECONFIG or --kubeconfig, for example --kubeconfig "$HOME/.kube/config"`)
	case err != nil:
		return nil, unable("the kubeconfig is not valid: %w; correct it ('kubectl config view' shows it), or choose another "+
			"context with --context", err)
	}
	return tuned(config, readBuild().Version), nil
}

// namespace returns the value of -n, or "" without it.
func (c *connection) namespace() string { return c.overrides.Context.Namespace }

// currentNamespace returns the namespace of objects that are named without one, as for kubectl: that of -n, else that
// of the kubeconfig's context.
func (c *connection) currentNamespace() (string, error) {
	namespace, _, err := c.clientConfig().Namespace()
	if err != nil {
		return "", unable("the kubeconfig is not valid: %w; correct it ('kubectl config view' shows it)", err)
	}
	return namespace, nil
}

func (c *connection) clientConfig() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.loading, &c.overrides)
}
