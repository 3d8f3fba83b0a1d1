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
)

// The two sources of the story, the replicas that are to be, and the Secret that is none of ours.
var (
	regcred   = types.NamespacedName{Namespace: "infra", Name: "regcred"}
	teamToken = types.NamespacedName{Namespace: "infra", Name: "team-token"}

	inProduction  = types.NamespacedName{Namespace: "production", Name: "regcred"}
	inStaging     = types.NamespacedName{Namespace: "staging", Name: "regcred"}
	inDevelopment = types.NamespacedName{Namespace: "development", Name: "regcred"}
	inTeamBlue    = types.NamespacedName{Namespace: "team-blue", Name: "team-token"}
	stranger      = types.NamespacedName{Namespace: "team-green", Name: "team-token"}
)

// auditCommand finds every replica there is.
const auditCommand = "kubectl get secrets -A -l mirrorball.dev/replica " +
	"-L mirrorball.dev/source-namespace,mirrorball.dev/source-name"

// story is the README's, played on a system.
type story struct {
	system     *harness.System
	controller *harness.Controller
	screen     *screen
	watcher    *watcher
	// strangersVersion is the resourceVersion of the stranger's Secret when it was made.
	strangersVersion string
}

func newStory(
	ctx context.Context, system *harness.System, controller *harness.Controller, screen *screen,
) (*story, error) {
	watcher, err := newWatcher(ctx, system.Client)
	if err != nil {
		return nil, err
	}
	return &story{system: system, controller: controller, screen: screen, watcher: watcher}, nil
}

// tell plays the chapters in order. The last one takes everything away; it is left out for who wants to look around.
func (s *story) tell(ctx context.Context, stay bool) error {
	chapters := []func(context.Context) error{
		s.threeLines,
		s.strangerInTheWay,
		s.namespaceMadeLater,
		s.sourceChanges,
		s.audit,
	}
	if !stay {
		chapters = append(chapters, s.annotationsGo)
	}
	for _, chapter := range chapters {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) threeLines(ctx context.Context) error {
	s.screen.begin("A registry credential for two namespaces, by the three lines that Reflector's users know")
	for _, namespace := range []string{"infra", "production", "staging", "development"} {
		if _, err := s.kubectl(ctx, "kubectl create namespace "+namespace); err != nil {
			return err
		}
	}
	_, err := s.kubectl(ctx, `kubectl -n infra create secret docker-registry regcred --docker-server=registry.example.com \
  --docker-username=puller --docker-password="$PASSWORD"`, "PASSWORD="+rand.Text())
	if err != nil {
		return err
	}
	_, err = s.kubectl(ctx, `kubectl -n infra annotate secret regcred \
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
		s.screen.done(fmt.Sprintf("%s is there, the same as %s", replica, regcred), s.watcher.lag(regcred, replica))
	}
	if err := s.watcher.absent(inDevelopment); err != nil {
		return err
	}
	s.screen.checkf("and %s is not: nobody named it", inDevelopment)
	return nil
}

func (s *story) strangerInTheWay(ctx context.Context) error {
	s.screen.begin("A team has a Secret of its own by the name that another source wants")
	commands := []string{
		"kubectl create namespace team-green",
		`kubectl -n team-green create secret generic team-token --from-literal=token="$TOKEN"`,
		`kubectl -n infra create secret generic team-token --from-literal=token="$TOKEN"`,
	}
	for _, command := range commands {
		if _, err := s.kubectl(ctx, command, "TOKEN="+rand.Text()); err != nil {
			return err
		}
	}
	secret, err := s.system.Client.CoreV1().Secrets(stranger.Namespace).Get(ctx, stranger.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s.strangersVersion = secret.ResourceVersion

	_, err = s.kubectl(ctx, "kubectl -n infra annotate secret team-token mirrorball.dev/push-to='team-*'")
	if err != nil {
		return err
	}
	if err := s.awaitWarning(ctx, teamToken); err != nil {
		return err
	}
	if err := s.strangerUntouched(ctx); err != nil {
		return err
	}
	s.screen.checkf("%s is left as it was, and the source says so:", stranger)
	events, err := s.kubectl(ctx, "kubectl -n infra events --for secret/team-token --types=Warning")
	if err != nil {
		return err
	}
	s.screen.output(events)
	return nil
}

func (s *story) namespaceMadeLater(ctx context.Context) error {
	s.screen.begin("A namespace that is made later is covered")
	if err := s.watcher.absent(inTeamBlue); err != nil {
		return err
	}
	// Not by kubectl, whose own start would be most of the time that is measured.
	s.screen.command("kubectl create namespace team-blue")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: inTeamBlue.Namespace}}
	begin := time.Now()
	if _, err := s.system.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the namespace %s: %w", namespace.Name, err)
	}
	if err := s.awaitReplica(ctx, teamToken, inTeamBlue); err != nil {
		return err
	}
	s.screen.done(fmt.Sprintf("%s is there, counted from the request for the namespace", inTeamBlue),
		s.watcher.lastSeen(inTeamBlue).Sub(begin))
	return nil
}

func (s *story) sourceChanges(ctx context.Context) error {
	s.screen.begin("The credential is renewed, and each replica follows")
	before, err := s.watcher.get(regcred)
	if err != nil {
		return err
	}
	_, err = s.kubectl(ctx, `kubectl -n infra create secret docker-registry regcred --docker-server=registry.example.com \
  --docker-username=puller --docker-password="$NEW_PASSWORD" --dry-run=client -o yaml |
  kubectl -n infra apply --server-side --force-conflicts -f -`, "NEW_PASSWORD="+rand.Text())
	if err != nil {
		return err
	}
	err = s.watcher.await(ctx, func() error {
		now, err := s.watcher.get(regcred)
		if err == nil && now.ResourceVersion == before.ResourceVersion {
			err = fmt.Errorf("expected %s to have changed, seen the version it had", regcred)
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
		s.screen.done(fmt.Sprintf("%s has followed", replica), s.watcher.lag(regcred, replica))
	}
	return nil
}

func (s *story) audit(ctx context.Context) error {
	s.screen.begin("What is mirrored where, asked of the cluster itself")
	list, err := s.kubectl(ctx, auditCommand)
	if err != nil {
		return err
	}
	s.screen.output(list)
	want := []types.NamespacedName{inProduction, inStaging, inTeamBlue}
	rows := strings.Split(strings.TrimSpace(list), "\n")[1:]
	if len(rows) != len(want) {
		return fmt.Errorf("expected the %d replicas %v, seen %d", len(want), want, len(rows))
	}
	for i, replica := range want {
		if fields := strings.Fields(rows[i]); fields[0] != replica.Namespace || fields[1] != replica.Name {
			return fmt.Errorf("expected %s in row %d, seen %s/%s", replica, i+1, fields[0], fields[1])
		}
	}
	s.screen.checkf("three replicas, none of them in development, and %s is no replica", stranger)
	return nil
}

func (s *story) annotationsGo(ctx context.Context) error {
	s.screen.begin("The annotations are removed, and the replicas go with them")
	commands := []string{
		"kubectl -n infra annotate secret regcred reflector.v1.k8s.emberstack.com/reflection-auto-enabled-",
		"kubectl -n infra annotate secret team-token mirrorball.dev/push-to-",
	}
	for _, command := range commands {
		if _, err := s.kubectl(ctx, command); err != nil {
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
		s.screen.done(fmt.Sprintf("%s is gone", replica), s.watcher.lag(source, replica))
	}
	if err := s.strangerUntouched(ctx); err != nil {
		return err
	}
	s.screen.checkf("%s is still there, as it was", stranger)
	list, err := s.kubectl(ctx, auditCommand)
	if err != nil {
		return err
	}
	s.screen.output(list)
	return nil
}

func (s *story) awaitReplica(ctx context.Context, source, replica types.NamespacedName) error {
	return s.watcher.await(ctx, func() error { return s.watcher.replica(source, replica) })
}

// awaitWarning waits for a Warning event on a Secret.
func (s *story) awaitWarning(ctx context.Context, secret types.NamespacedName) error {
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
		return fmt.Errorf("expected a Warning event on %s, seen none", secret)
	})
}

func about(event eventsv1.Event, secret types.NamespacedName) bool {
	return event.Regarding.Kind == "Secret" && event.Regarding.Namespace == secret.Namespace &&
		event.Regarding.Name == secret.Name
}

func (s *story) strangerUntouched(ctx context.Context) error {
	secret, err := s.system.Client.CoreV1().Secrets(stranger.Namespace).Get(ctx, stranger.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("expected %s to be left alone: %w", stranger, err)
	}
	if secret.ResourceVersion != s.strangersVersion {
		return fmt.Errorf("expected %s to be left alone, seen that somebody wrote it", stranger)
	}
	return nil
}
