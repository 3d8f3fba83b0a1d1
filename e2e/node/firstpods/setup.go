package firstpods

import (
	"context"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/guide"
)

const (
	// system is Mirrorball's own namespace.
	system = "mirrorball-system"
	// platform is the namespace whose sources may attach, as the rules of deploy/ say.
	platform = "platform"
	// mirrored begins the names of the namespaces into which the source is pushed.
	mirrored = "new-"
)

// runner is a node with Mirrorball and a source.
type runner struct {
	options Options
	screen  *screen.Screen
	client  kubernetes.Interface
	// private and public are references of the same image, and source is the pull secret for the private one, which
	// Mirrorball replicates and attaches.
	private, public string
	source          *corev1.Secret
}

// newRunner installs Mirrorball as the guide does, and makes the source.
func newRunner(ctx context.Context, cluster *node.Cluster, options Options, show *screen.Screen) (*runner, error) {
	steps, err := guide.New(cluster, show)
	if err != nil {
		return nil, err
	}
	if err := steps.Install(ctx); err != nil {
		return nil, err
	}
	hub := cluster.Registry(node.DockerHub)
	r := &runner{options: options, screen: show, private: guide.App(hub), public: guide.PublicApp}
	if r.client, err = kubernetes.NewForConfig(cluster.Config()); err != nil {
		return nil, err
	}
	if err := r.applyFiles(ctx, cluster.Kubeconfig()); err != nil {
		return nil, err
	}
	return r, r.createSource(ctx, hub)
}

// applyFiles applies the files of the options. They can concern Mirrorball itself, so it has to be ready again.
func (r *runner) applyFiles(ctx context.Context, kubeconfig string) error {
	if len(r.options.Apply) == 0 {
		return nil
	}
	root, err := repo.Root()
	if err != nil {
		return err
	}
	shell := screen.Shell{Screen: r.screen, Kubeconfig: kubeconfig, Path: []string{filepath.Join(root, "bin")}}
	var commands []string
	for _, file := range r.options.Apply {
		commands = append(commands, fmt.Sprintf("kubectl apply -f %q", file))
	}
	commands = append(commands, "kubectl -n "+system+" rollout status deployment/mirrorball --timeout=5m")
	for _, command := range commands {
		if _, err := shell.Run(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) createSource(ctx context.Context, registry *node.Registry) error {
	config, err := node.DockerConfig(registry)
	if err != nil {
		return err
	}
	if err := r.createNamespace(ctx, platform); err != nil {
		return err
	}
	r.source = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: registry.Name, Annotations: map[string]string{
			"mirrorball.dev/push-to":                    mirrored + "*",
			"mirrorball.dev/attach-to-service-accounts": account,
		}},
		Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(config)},
	}
	_, err = r.client.CoreV1().Secrets(platform).Create(ctx, r.source, metav1.CreateOptions{})
	return err
}

func (r *runner) createNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := r.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}
