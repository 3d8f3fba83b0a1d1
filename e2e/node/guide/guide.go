// Package guide plays the way that a team goes with image pull secrets, from the first secret of one registry to a
// rotated token in every namespace, on a real kubelet with real registries. Each step says what a person would see, and
// fails if that is not so.
//
// The demo prints the steps, the test runs the same ones.
package guide

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// The image that the Pods run, in each private registry.
const (
	repository = "acme/app"
	tag        = "1"
)

// publicRepository is that of the same image without a password, at a host without a registry of its own.
const publicRepository = "acme/public"

// PublicApp is the reference of the same image that needs no password.
const PublicApp = "registry.example.com/" + publicRepository + ":" + tag

// App returns the reference of that image in a registry with a password.
func App(registry *node.Registry) string { return registry.Image(repository, tag) }

// stepLimit bounds a step whose Pods never run, on any machine.
const stepLimit = 8 * time.Minute

// Guide is a guide on a cluster. Its steps are to be run in their order.
type Guide struct {
	cluster *node.Cluster
	client  kubernetes.Interface
	screen  *screen.Screen
	shell   screen.Shell
	root    string // the checkout
	dir     string // for programs and files of the person who follows the guide
}

// Step is a step of the guide.
type Step struct {
	Name, Title string
	run         func(context.Context) error
}

// New makes a guide on a cluster that has just started.
func New(cluster *node.Cluster, out *screen.Screen) (*Guide, error) {
	root, err := repo.Root()
	if err != nil {
		return nil, err
	}
	g := &Guide{cluster: cluster, screen: out, root: root, dir: filepath.Join(cluster.Dir(), "guide")}
	if g.client, err = kubernetes.NewForConfig(cluster.Config()); err != nil {
		return nil, err
	}
	guest, err := repo.Program("guest", "devnode")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(g.dir, "bin")
	if err := errors.Join(os.MkdirAll(bin, 0o700), os.Symlink(guest, filepath.Join(bin, "aws"))); err != nil {
		return nil, err
	}
	g.shell = screen.Shell{
		Screen: out, Kubeconfig: cluster.Kubeconfig(), Path: []string{bin, filepath.Join(root, "bin")},
	}
	return g, nil
}

// Steps returns the steps.
func (g *Guide) Steps() []Step {
	return []Step{
		{"install", "Install Mirrorball: deploy/kustomize/base as it is, and rules", g.Install},
		{"registries", "One pull secret for each kind of registry, and a Pod that names it", g.registries},
		{"two secrets", "A Pod with two pull secrets", g.twoSecrets},
		{"service accounts", "A Pod that gets its pull secret from its ServiceAccount", g.serviceAccounts},
		{"config file", "A secret made from ~/.docker/config.json", g.configFile},
		{"YAML", "The same as declarative YAML", g.declarative},
		{"sharing", "One secret for many namespaces: three annotations of Reflector", g.sharing},
		{"first Pod", "A Pod in a namespace that was made a moment ago", g.firstPod},
		{"attaching", "No Pod names the secret: Mirrorball adds it to the ServiceAccounts", g.attaching},
		{"rotation", "A token that expires, and a CronJob that rotates it while Pods start", g.rotation},
		{"troubleshooting", "Troubleshooting: each question has one command", g.troubleshooting},
	}
}

// Run runs a step.
func (g *Guide) Run(ctx context.Context, step Step) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	g.screen.Begin(step.Title)
	if err := step.run(ctx); err != nil {
		return fmt.Errorf("%s: %w", step.Name, err)
	}
	return nil
}

// RunAll runs all steps.
func (g *Guide) RunAll(ctx context.Context) error {
	for _, step := range g.Steps() {
		if err := g.Run(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// sh runs commands, each of which has to succeed, and returns the output of the last one.
func (g *Guide) sh(ctx context.Context, commands ...string) (output string, err error) {
	for _, command := range commands {
		if output, err = g.shell.Run(ctx, command); err != nil {
			return "", err
		}
	}
	return output, nil
}
