package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
)

// The two sources, their replicas, and the foreign Secret, which no source owns.
var (
	regcred   = types.NamespacedName{Namespace: "infra", Name: "regcred"}
	teamToken = types.NamespacedName{Namespace: "infra", Name: "team-token"}

	inProduction  = types.NamespacedName{Namespace: "production", Name: "regcred"}
	inStaging     = types.NamespacedName{Namespace: "staging", Name: "regcred"}
	inDevelopment = types.NamespacedName{Namespace: "development", Name: "regcred"}
	inTeamBlue    = types.NamespacedName{Namespace: "team-blue", Name: "team-token"}
	foreign       = types.NamespacedName{Namespace: "team-green", Name: "team-token"}
)

// auditCommand lists all replicas that are in sync, and explainCommand says why there is none in team-green: it exits
// with 1, because something is not as it should be.
const (
	auditCommand   = "mirrorball audit -o wide --state InSync"
	explainCommand = "mirrorball explain secret/team-token -n infra --in team-green || true"
)

// scenario runs the steps of the demo.
type scenario struct {
	system     *harness.System
	controller *harness.Controller
	screen     *screen.Screen
	watcher    *watcher
	// foreignVersion is the resourceVersion of the foreign Secret after its creation.
	foreignVersion string
}

func newScenario(
	ctx context.Context, system *harness.System, controller *harness.Controller, screen *screen.Screen,
) (*scenario, error) {
	watcher, err := newWatcher(ctx, system.Client)
	if err != nil {
		return nil, err
	}
	return &scenario{system: system, controller: controller, screen: screen, watcher: watcher}, nil
}

// run runs the steps in order. The last step removes the replicas; with stay it is left out.
func (s *scenario) run(ctx context.Context, stay bool) error {
	steps := []func(context.Context) error{
		s.reflectorAnnotations,
		s.nameInUse,
		s.newNamespace,
		s.sourceChanges,
		s.audit,
	}
	if !stay {
		steps = append(steps, s.annotationsRemoved)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) reflectorAnnotations(ctx context.Context) error {
	s.screen.Begin("Copy a registry credential to two namespaces, with the annotations of Reflector")
	for _, namespace := range []string{"infra", "production", "staging", "development"} {
		if _, err := s.sh(ctx, "kubectl create namespace "+namespace); err != nil {
			return err
		}
	}
	_, err := s.sh(ctx, `kubectl -n infra create secret docker-registry regcred --docker-server=registry.example.com \
  --docker-username=puller --docker-password="$PASSWORD"`, "PASSWORD="+rand.Text())
	if err != nil {
		return err
	}
	_, err = s.sh(ctx, `kubectl -n infra annotate secret regcred \
  reflector.v1.k8s.emberstack.com/reflection-allowed=true \
  reflector.v1.k8s.emberstack.com/reflection-auto-enabled=true \
  reflector.v1.k8s.emberstack.com/reflection-auto-namespaces=production,staging`)
	if err != nil {
		return err
	}
	for _, replica := range []types.NamespacedName{inProduction, inStaging} {
		if err := s.awaitReplica(ctx, regcred, replica); err != nil {
			return err
		}
		s.screen.Done(fmt.Sprintf("%s exists, with the data of %s", replica, regcred), s.watcher.lag(regcred, replica))
	}
	if err := s.watcher.absent(inDevelopment); err != nil {
		return err
	}
	s.screen.Checkf("%s does not exist: its namespace is not selected", inDevelopment)
	return nil
}

func (s *scenario) nameInUse(ctx context.Context) error {
	s.screen.Begin("A name is already in use: Mirrorball does not change the existing Secret")
	commands := []string{
		"kubectl create namespace team-green",
		`kubectl -n team-green create secret generic team-token --from-literal=token="$TOKEN"`,
		`kubectl -n infra create secret generic team-token --from-literal=token="$TOKEN"`,
	}
	for _, command := range commands {
		if _, err := s.sh(ctx, command, "TOKEN="+rand.Text()); err != nil {
			return err
		}
	}
	secret, err := s.system.Client.CoreV1().Secrets(foreign.Namespace).Get(ctx, foreign.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s.foreignVersion = secret.ResourceVersion

	_, err = s.sh(ctx, "kubectl -n infra annotate secret team-token mirrorball.dev/push-to='team-*'")
	if err != nil {
		return err
	}
	if err := s.awaitWarning(ctx, teamToken); err != nil {
		return err
	}
	if err := s.foreignUnchanged(ctx); err != nil {
		return err
	}
	s.screen.Checkf("%s is unchanged, and a Warning event on the source reports it:", foreign)
	events, err := s.sh(ctx, "kubectl -n infra events --for secret/team-token --types=Warning")
	if err != nil {
		return err
	}
	s.screen.Output(events)
	return nil
}

func (s *scenario) newNamespace(ctx context.Context) error {
	s.screen.Begin("A new namespace gets its replica")
	if err := s.watcher.absent(inTeamBlue); err != nil {
		return err
	}
	// Not with kubectl: most of the measured time would be the start of kubectl.
	s.screen.Command("kubectl create namespace team-blue")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: inTeamBlue.Namespace}}
	begin := time.Now()
	if _, err := s.system.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create the namespace %s: %w", namespace.Name, err)
	}
	if err := s.awaitReplica(ctx, teamToken, inTeamBlue); err != nil {
		return err
	}
	s.screen.Done(fmt.Sprintf("%s exists, measured from the request that created the namespace", inTeamBlue),
		s.watcher.lastSeen(inTeamBlue).Sub(begin))
	return nil
}

func (s *scenario) sourceChanges(ctx context.Context) error {
	s.screen.Begin("The source changes: every replica is updated")
	before, err := s.watcher.get(regcred)
	if err != nil {
		return err
	}
	_, err = s.sh(ctx, `kubectl -n infra create secret docker-registry regcred --docker-server=registry.example.com \
  --docker-username=puller --docker-password="$NEW_PASSWORD" --dry-run=client -o yaml |
  kubectl -n infra apply --server-side --force-conflicts -f -`, "NEW_PASSWORD="+rand.Text())
	if err != nil {
		return err
	}
	err = s.watcher.await(ctx, func() error {
		now, err := s.watcher.get(regcred)
		if err == nil && now.ResourceVersion == before.ResourceVersion {
			err = fmt.Errorf("expected a new resourceVersion of %s, got the old one", regcred)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, replica := range []types.NamespacedName{inProduction, inStaging} {
		if err := s.awaitReplica(ctx, regcred, replica); err != nil {
			return err
		}
		s.screen.Done(fmt.Sprintf("%s is updated", replica), s.watcher.lag(regcred, replica))
	}
	return nil
}

func (s *scenario) audit(ctx context.Context) error {
	s.screen.Begin("See what is mirrored where, and why not")
	list, err := s.sh(ctx, auditCommand)
	if err != nil {
		return err
	}
	s.screen.Output(list)
	want := []types.NamespacedName{inProduction, inStaging, inTeamBlue}
	if n := strings.Count(list, " InSync "); n != len(want) {
		return fmt.Errorf("expected the %d replicas %v, got %d", len(want), want, n)
	}
	for _, replica := range want {
		if !strings.Contains(list, " "+replica.String()+" ") {
			return fmt.Errorf("expected %s in the list", replica)
		}
	}
	s.screen.Checkf("three replicas; none in development, and %s is not one of them", foreign)
	why, err := s.sh(ctx, explainCommand)
	if err != nil {
		return err
	}
	s.screen.Output(why)
	if !strings.Contains(why, "Occupied") {
		return fmt.Errorf("expected that %s is explained as occupied", foreign)
	}
	return nil
}

func (s *scenario) annotationsRemoved(ctx context.Context) error {
	s.screen.Begin("The annotations are removed: the replicas are deleted")
	commands := []string{
		"kubectl -n infra annotate secret regcred reflector.v1.k8s.emberstack.com/reflection-auto-enabled-",
		"kubectl -n infra annotate secret team-token mirrorball.dev/push-to-",
	}
	for _, command := range commands {
		if _, err := s.sh(ctx, command); err != nil {
			return err
		}
	}
	for _, pair := range [][2]types.NamespacedName{
		{regcred, inProduction}, {regcred, inStaging}, {teamToken, inTeamBlue},
	} {
		source, replica := pair[0], pair[1]
		if err := s.watcher.await(ctx, func() error { return s.watcher.absent(replica) }); err != nil {
			return err
		}
		s.screen.Done(fmt.Sprintf("%s is deleted", replica), s.watcher.lag(source, replica))
	}
	if err := s.foreignUnchanged(ctx); err != nil {
		return err
	}
	s.screen.Checkf("%s still exists and is unchanged", foreign)
	list, err := s.sh(ctx, auditCommand)
	if err != nil {
		return err
	}
	s.screen.Output(list)
	return nil
}

func (s *scenario) awaitReplica(ctx context.Context, source, replica types.NamespacedName) error {
	return s.watcher.await(ctx, func() error { return s.watcher.replica(source, replica) })
}

// awaitWarning waits for a Warning event on a Secret.
func (s *scenario) awaitWarning(ctx context.Context, secret types.NamespacedName) error {
	return harness.Poll(ctx, func(ctx context.Context) error {
		events, err := s.system.Client.EventsV1().Events(secret.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, event := range events.Items {
			if about(event, secret) && event.Type == corev1.EventTypeWarning {
				return nil
			}
		}
		return fmt.Errorf("expected a Warning event on %s, got none", secret)
	})
}

func about(event eventsv1.Event, secret types.NamespacedName) bool {
	return event.Regarding.Kind == "Secret" && event.Regarding.Namespace == secret.Namespace &&
		event.Regarding.Name == secret.Name
}

func (s *scenario) foreignUnchanged(ctx context.Context) error {
	secret, err := s.system.Client.CoreV1().Secrets(foreign.Namespace).Get(ctx, foreign.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("expected %s to exist: %w", foreign, err)
	}
	if secret.ResourceVersion != s.foreignVersion {
		return fmt.Errorf("expected %s to be unchanged, but its resourceVersion is different", foreign)
	}
	return nil
}
