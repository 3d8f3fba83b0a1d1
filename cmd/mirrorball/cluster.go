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

// reachLimit bounds the one call that tells whether there is a cluster to work on.
const reachLimit = 10 * time.Second

// clusterConfig is how to connect: by the kubeconfig, else as a Pod does.
func clusterConfig(kubeconfig, version string) (*rest.Config, error) {
	config, err := loadConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	// The API server's priority and fairness is the limit: client-go's default of 5 requests a second would make the
	// first 10,000 replicas take half an hour.
	config.QPS = -1
	config.UserAgent = "mirrorball/" + version
	return config, nil
}

func loadConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, unable("this is no Pod of a cluster, so --kubeconfig FILE has to say where one is: " +
				`try --kubeconfig "$HOME/.kube/config"`)
		}
		if err != nil {
			return nil, unable("read the Pod's configuration: %w; "+
				"its ServiceAccount's token must be mounted (automountServiceAccountToken)", err)
		}
		return config, nil
	}
	// An absent file is spelled out here: clientcmd reports it as an empty configuration.
	if _, err := os.Stat(kubeconfig); err != nil {
		return nil, unable("--kubeconfig: %w; name a kubeconfig file that this user can read", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, unable("--kubeconfig %s: %w; 'kubectl --kubeconfig %s config view' shows what is in it",
			kubeconfig, err, kubeconfig)
	}
	return config, nil
}

// reach asks the cluster the least that the controller cannot do without, so that a wrong address, wrong credentials
// and missing permissions show at once and not as a controller that waits for ever.
func reach(ctx context.Context, config *rest.Config) error {
	config = rest.CopyConfig(config)
	config.Timeout = reachLimit
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return unable("connect to the cluster at %s: %w; correct the kubeconfig", config.Host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	_, err = client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 1})
	return explainReach(err, config.Host)
}

// explainReach adds what to do about it to what the one call answered.
func explainReach(err error, host string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return unable("the cluster at %s does not accept these credentials: renew the kubeconfig or the token", host)
	case apierrors.IsForbidden(err):
		return unable("the cluster at %s refuses: %w; grant the ClusterRole of deploy/kustomize/base", host, err)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which the line has already
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", reachLimit)
	}
	return unable("cannot reach the cluster at %s: %w; check the address and that its API server is up", host, err)
}
