package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// reachLimit is the timeout of the request that checks the connection to the cluster.
const reachLimit = 10 * time.Second

// clusterConfig returns the client configuration: from the kubeconfig, or without one the in-cluster configuration.
func clusterConfig(kubeconfig, version string) (*rest.Config, error) {
	config, err := loadConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	return tuned(config, version), nil
}

// tuned returns the configuration with what all commands set.
func tuned(config *rest.Config, version string) *rest.Config {
	// No client-side rate limit: API priority and fairness limits the requests. With client-go's default of 5 requests a
	// second, the first 10,000 replicas would take half an hour.
	config.QPS = -1
	config.UserAgent = "mirrorball/" + version
	return config
}

func loadConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, unable("cannot find a cluster: this process does not run in a Pod, and --kubeconfig is not set; " +
				`set it, for example --kubeconfig "$HOME/.kube/config"`)
		}
		if err != nil {
			return nil, unable("cannot read the in-cluster configuration: %w; "+
				"mount the ServiceAccount token (automountServiceAccountToken: true)", err)
		}
		return config, nil
	}
	// clientcmd reports a missing file as an empty configuration.
	if _, err := os.Stat(kubeconfig); err != nil {
		return nil, unable("--kubeconfig: %w; set it to a kubeconfig file that this user can read", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, unable("--kubeconfig %s is not valid: %w; correct it ('kubectl --kubeconfig %s config view' shows it)",
			kubeconfig, err, kubeconfig)
	}
	return config, nil
}

// newClient returns a client for the cluster.
func newClient(config *rest.Config) (kubernetes.Interface, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, unable("cannot create a client for the cluster at %s: %w; correct the kubeconfig", config.Host, err)
	}
	return client, nil
}

// reach sends one request that the controller needs anyway. So a wrong address, wrong credentials and missing
// permissions end the process at once with an error, instead of a controller that waits forever.
func reach(ctx context.Context, config *rest.Config, s settings) error {
	config = rest.CopyConfig(config)
	config.Timeout = reachLimit
	client, err := newClient(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	if len(s.only) > 0 {
		_, err = client.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			err = nil // is reported where the namespace is needed
		}
	} else {
		_, err = client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 1})
	}
	return explainReach(err, config.Host)
}

// explainReach returns the error of the request together with what to do about it.
func explainReach(err error, host string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return unable("the cluster at %s rejects the credentials (401 Unauthorized); renew the kubeconfig or the token", host)
	case apierrors.IsForbidden(err):
		return unable("the cluster at %s denies a request: %w; apply what 'mirrorball rbac' prints for the same "+
			"flags", host, err)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which the message below contains
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", reachLimit)
	}
	return unable("cannot reach the cluster at %s: %w; check the address, and that the API server is running", host, err)
}
