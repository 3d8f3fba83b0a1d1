package guide

import (
	"context"
	"fmt"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// question is an entry of the troubleshooting list.
type question struct {
	asks string
	// causes are commands that cause the trouble; of the Pods that they start, waits is the one to wait for.
	causes []string
	waits  string
	// command answers; answer is what to look for in its output.
	command, answer string
	// cures are commands after which the Pod runs.
	cures []string
}

// trouble is the namespace of the troubles. It gets no replica of Docker Hub's secret at first.
const trouble = "trouble"

func (g *Guide) questions() []question {
	hub := g.cluster.Registry(node.DockerHub)
	image := hub.Image(repository, tag)
	wrong := "kubectl -n trouble create secret docker-registry wrong-%s --docker-username=acme --docker-server=%s " +
		"--docker-password=%s"
	message := "kubectl -n trouble events --for pod/%s --types=Warning"
	return []question{
		{
			asks:    "Is there a Secret of that name in the Pod's namespace?",
			causes:  []string{runPod(trouble, "no-secret", image, hub.Name)},
			waits:   "no-secret",
			command: fmt.Sprintf(message, "no-secret"),
			answer:  "Unable to retrieve some image pull secrets (docker-hub)",
			cures: []string{
				`kubectl -n infra annotate --overwrite secret docker-hub \
  reflector.v1.k8s.emberstack.com/reflection-auto-namespaces='team-.*,trouble'`,
			},
		},
		{
			asks:    "In which namespaces is the Secret?",
			command: "kubectl get secrets -A --field-selector metadata.name=docker-hub",
			answer:  trouble,
		},
		{
			asks: "Has the Secret the right type?",
			causes: []string{
				"kubectl -n trouble create secret generic wrong-type --from-literal=.dockerconfigjson='{}'",
			},
			command: `kubectl -n trouble get secret wrong-type -o jsonpath='{.type}{"\n"}'`,
			answer:  "Opaque",
		},
		{
			asks: "Does the registry accept the password?",
			causes: []string{
				fmt.Sprintf(wrong, "password", hub.Server, "old"),
				runPod(trouble, "wrong-password", image, "wrong-password"),
			},
			waits:   "wrong-password",
			command: fmt.Sprintf(message, "wrong-password"),
			answer:  refused,
		},
		{
			asks: "Does the Secret name the image's registry? (Docker Hub's name is https://index.docker.io/v1/)",
			causes: []string{
				fmt.Sprintf(wrong, "server", "https://hub.docker.com", "any"),
				runPod(trouble, "wrong-server", image, "wrong-server"),
			},
			waits: "wrong-server",
			command: `kubectl -n trouble get secret wrong-server -o jsonpath='{.data.\.dockerconfigjson}' |
  base64 -d | grep -o '"auths":{"[^"]*"'`,
			answer: "https://hub.docker.com",
		},
		{
			asks:    "Does the image exist?",
			causes:  []string{runPod(trouble, "wrong-tag", hub.Image(repository, "typo"), hub.Name)},
			waits:   "wrong-tag",
			command: fmt.Sprintf(message, "wrong-tag"),
			answer:  "not found",
		},
		{
			asks:    "Does the ServiceAccount name a pull secret?",
			command: `kubectl -n trouble get serviceaccount default -o jsonpath='pull secrets: {.imagePullSecrets}{"\n"}'`,
			answer:  "pull secrets: \n",
		},
		{
			asks: "Has the Pod been admitted with a pull secret? (A Pod that came before the attachment never gets one)",
			causes: []string{
				runPod(trouble, "came-first", image),
				`kubectl -n trouble patch serviceaccount default -p '{"imagePullSecrets":[{"name":"docker-hub"}]}'`,
			},
			waits:   "came-first",
			command: `kubectl -n trouble get pod came-first -o jsonpath='pull secrets: {.spec.imagePullSecrets}{"\n"}'`,
			answer:  "pull secrets: \n",
			cures: []string{
				"kubectl -n trouble delete pod came-first --now",
				runPod(trouble, "came-first", image),
			},
		},
		{
			asks: "Why has a namespace no replica?",
			causes: []string{
				"kubectl -n trouble create secret generic ghcr --from-literal=mine=1",
				"kubectl -n platform annotate --overwrite secret ghcr mirrorball.dev/push-to='team-*, trouble'",
			},
			command: "kubectl -n platform events --for secret/ghcr --types=Warning",
			answer:  trouble,
		},
	}
}

func (g *Guide) troubleshooting(ctx context.Context) error {
	if _, err := g.sh(ctx, "kubectl create namespace "+trouble); err != nil {
		return err
	}
	if err := g.awaitServiceAccount(ctx, trouble, "default"); err != nil {
		return err
	}
	for _, question := range g.questions() {
		if err := g.answer(ctx, question); err != nil {
			return fmt.Errorf("%s %w", question.asks, err)
		}
	}
	return nil
}

func (g *Guide) answer(ctx context.Context, q question) error {
	g.screen.Title("   " + q.asks)
	if _, err := g.sh(ctx, q.causes...); err != nil {
		return err
	}
	if q.waits != "" {
		if err := g.awaitPullError(ctx, trouble, q.waits); err != nil {
			return err
		}
		g.screen.Checkf("the Pod trouble/%s waits with ErrImagePull", q.waits)
	}
	if err := g.awaitOutput(ctx, q.command, q.answer); err != nil {
		return err
	}
	if len(q.cures) == 0 {
		return nil
	}
	if _, err := g.sh(ctx, q.cures...); err != nil {
		return err
	}
	return g.awaitRunning(ctx, trouble, q.waits)
}
