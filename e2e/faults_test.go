package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// pod is a controller that is started again whenever it ends, as kubelet does.
type pod struct {
	mu      sync.Mutex
	c       *harness.Controller
	stopped bool
	starts  atomic.Int32
}

func (s *scene) pod(args ...string) *pod {
	s.Helper()
	c, err := s.system.StartController(s.Context(), args...)
	if err != nil {
		s.Fatal(err)
	}
	p := &pod{c: c}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	var keeper sync.WaitGroup
	keeper.Go(func() { p.keep(ctx) })
	s.Cleanup(func() {
		cancel()
		p.mu.Lock()
		p.stopped = true
		_ = p.c.Kill() // it may have ended by itself
		p.mu.Unlock()
		keeper.Wait()
		if s.Failed() {
			s.Logf("the end of the controller's log:\n%s", c.LogTail())
		}
	})
	return p
}

func (p *pod) keep(ctx context.Context) {
	for {
		p.mu.Lock()
		done := p.c.Done()
		p.mu.Unlock()
		<-done
		p.mu.Lock()
		if p.stopped {
			p.mu.Unlock()
			return
		}
		if err := p.c.Start(ctx); err == nil {
			p.starts.Add(1)
		} // otherwise the API server is away, and the process has said so and ended
		p.mu.Unlock()
	}
}

func (p *pod) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.c.Kill() // nil if it has ended by itself: it lost the lease
}

// load is what people and programs do to a cluster all day long: they make, change, rotate and delete sources and
// namespaces. What an absent API server does not take is left undone.
type load struct {
	s       *scene
	from    string
	random  *rand.Rand
	tried   atomic.Int64
	done    atomic.Int64
	stopped chan struct{}
}

const loadSources, loadNamespaces = 6, 8

func (l *load) run(ctx context.Context) {
	defer close(l.stopped)
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, 15*time.Second) // the API server may be away
		if err := l.act(bounded); err == nil {
			l.done.Add(1)
		}
		cancel()
		l.tried.Add(1)
	}
}

// source is the n-th, with the policy that it has in the end: three dialects, and one that is rotated by recreation.
func (l *load) source(n int) *corev1.Secret {
	to := l.s.ns("to-")
	policies := []map[string]string{
		annotated(native+"push-to", to+"*"),
		annotated(native+"push-to", to+"*", native+"survives-recreation", "true"),
		annotated(allowed, "true", auto, "true", autoIn, to+".*"),
		annotated(replicator+"replicate-to", to+".*", replicator+"strip-labels", "true"),
		annotated(native+"push-to", to+"*", native+"exclude", to+"1"),
		annotated(native+"push-to", to+"*"), // at each of its targets stands a stranger
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: l.from, Name: fmt.Sprintf("source-%d", n), Labels: map[string]string{"load": "x"},
			Annotations: policies[n],
		},
		Data: map[string][]byte{"token": fmt.Appendf(nil, "%d of %d", n, l.random.Uint64())},
	}
}

func (l *load) act(ctx context.Context) error {
	core := l.s.system.Client.CoreV1()
	n := l.random.IntN(loadSources)
	wanted := l.source(n)
	secrets := core.Secrets(l.from)
	switch l.random.IntN(6) {
	case 0, 1:
		now, err := secrets.Get(ctx, wanted.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Data = wanted.Data
		_, err = secrets.Update(ctx, now, metav1.UpdateOptions{})
		return err
	case 2: // rotated: its annotations are gone
		if err := secrets.Delete(ctx, wanted.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		wanted.Annotations = nil
		_, err := secrets.Create(ctx, wanted, metav1.CreateOptions{})
		return err
	case 3:
		if err := secrets.Delete(ctx, wanted.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	case 4:
		name := l.s.ns(fmt.Sprintf("to-%d", 2+l.random.IntN(loadNamespaces-2)))
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := core.Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
			return err
		}
		if l.random.IntN(4) == 0 {
			return core.Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		}
	}
	return l.converge(ctx, wanted)
}

// converge gives a source the policy and the content that it is meant to have.
func (l *load) converge(ctx context.Context, wanted *corev1.Secret) error {
	secrets := l.s.system.Client.CoreV1().Secrets(l.from)
	now, err := secrets.Get(ctx, wanted.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(ctx, wanted, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	now.Annotations, now.Data = wanted.Annotations, wanted.Data
	_, err = secrets.Update(ctx, now, metav1.UpdateOptions{})
	return err
}

// progress waits until the load has gone on for a while.
func (l *load) progress(count *atomic.Int64, steps int64) {
	l.s.Helper()
	until := count.Load() + steps
	l.s.eventually(func() error {
		if n := count.Load(); n < until {
			return fmt.Errorf("the load is at %d, and should come to %d", n, until)
		}
		return nil
	})
}

// converged waits until the replicas in the load's namespaces are those that its policies want, computed anew from
// what is in the cluster, and no others.
func (l *load) converged() {
	l.s.Helper()
	l.s.eventually(func() error {
		ctx, core := l.s.Context(), l.s.system.Client.CoreV1()
		sources, err := core.Secrets(l.from).List(ctx, metav1.ListOptions{LabelSelector: "load"})
		if err != nil {
			return err
		}
		namespaces, err := core.Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		all, err := core.Secrets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: native + "replica"})
		if err != nil {
			return err
		}
		want, got := map[string]string{}, map[string]string{}
		for _, n := range namespaces.Items {
			if n.Status.Phase != corev1.NamespaceActive || !strings.HasPrefix(n.Name, l.s.ns("to-")) {
				continue
			}
			for _, source := range sources.Items {
				stranger := source.Name == "source-5" && n.Name <= l.s.ns("to-1")
				excluded := source.Name == "source-4" && n.Name == l.s.ns("to-1")
				if !stranger && !excluded {
					want[n.Name+"/"+source.Name] = string(source.Data["token"])
				}
			}
		}
		for _, replica := range all.Items {
			got[replica.Namespace+"/"+replica.Name] = string(replica.Data["token"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("the replicas are not what the policies say (-want +got):\n%s", diff)
		}
		return nil
	})
}

// TestKills: nothing is lost and no foreign object is changed while all processes are killed under load.
func TestKills(t *testing.T) {
	s := ownScene(t)
	from := s.namespace("from")
	var strangers []object
	for _, suffix := range []string{"to-0", "to-1"} {
		namespace := s.namespace(suffix)
		strangers = append(strangers,
			s.create(object{namespace: namespace, name: "source-5", data: map[string]string{"token": "theirs"}}),
			s.create(object{namespace: namespace, name: "other", data: map[string]string{"token": "theirs"}}))
	}
	pods := []*pod{
		s.pod("--leader-elect", "--source-delete-grace=2s"), s.pod("--leader-elect", "--source-delete-grace=2s"),
	}
	l := &load{s: s, from: from, random: rand.New(rand.NewPCG(1, 2)), stopped: make(chan struct{})}
	ctx, cancel := context.WithCancel(s.Context())
	go l.run(ctx)
	defer func() { cancel(); <-l.stopped }()

	cluster := s.system.Cluster
	for round, components := range [][]*controlplane.Component{
		{cluster.APIServer}, {}, {cluster.Etcd}, {cluster.Etcd, cluster.APIServer}, {},
	} {
		l.progress(&l.done, 20)
		if round > 1 || len(components) == 0 {
			// While it starts it cannot be killed, and without an API server it would start for ever.
			if err := pods[round%2].kill(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range components {
			if err := c.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		l.progress(&l.tried, 2)
		for _, c := range components {
			if err := c.Start(s.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.progress(&l.done, 20)
	cancel()
	<-l.stopped
	t.Logf("%d of %d deeds were done", l.done.Load(), l.tried.Load())
	for n := range loadSources {
		s.eventually(func() error { return l.converge(s.Context(), l.source(n)) })
	}
	l.converged()
	for _, o := range strangers {
		s.untouched(o)
	}
	s.unmoved(nil, from, s.ns("to-0"), s.ns("to-1"))
}

// holder waits until somebody else than before holds the lease, and says who.
func (s *scene) holder(before string) (now string) {
	s.Helper()
	s.eventually(func() error {
		lease, err := s.system.Client.CoordinationV1().Leases(harness.Namespace).
			Get(s.Context(), "mirrorball", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if lease.Spec.HolderIdentity != nil {
			now = *lease.Spec.HolderIdentity
		}
		if now == "" || now == before {
			return fmt.Errorf("the lease is with %q", now)
		}
		return nil
	})
	return now
}

// ends waits until a controller has ended by itself.
func (s *scene) ends(c *harness.Controller) {
	s.Helper()
	s.eventually(func() error {
		select {
		case <-c.Done():
			return nil
		default:
			return fmt.Errorf("the controller has not ended; the end of its log:\n%s", c.LogTail())
		}
	})
}

func (s *scene) elected() *harness.Controller {
	s.Helper()
	c, err := s.system.StartController(s.Context(), "--leader-elect", "--source-delete-grace=1h")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = c.Kill() // it may have ended by itself
		if s.Failed() {
			s.Logf("the end of the controller's log:\n%s", c.LogTail())
		}
	})
	return c
}

// TestLostLease: a leader that loses its Lease writes nothing more.
func TestLostLease(t *testing.T) {
	s := ownScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(pushed(secret, from, "token", s.ns("to*")))
	first := s.elected()
	replica := s.replicated(source, to)
	leader := s.holder("")
	second := s.elected()
	send := func(c *harness.Controller, signal syscall.Signal) {
		if err := syscall.Kill(c.PID(), signal); err != nil {
			t.Fatal(err)
		}
	}

	// It stands still for longer than its lease lasts, as on a machine that swaps, with a change before its eyes.
	send(first, syscall.SIGSTOP)
	source = s.edit(source, func(o *object) { o.data["token"] = "two" })
	s.holder(leader)
	s.eventually(func() error {
		if s.get(secret, to, "token").data["token"] != "two" {
			return errors.New("the second has not taken over")
		}
		return nil
	})
	source = s.edit(source, func(o *object) { o.data["token"] = "three" })
	changed := s.replicated(source, to)
	mark := s.mark()
	send(first, syscall.SIGCONT)
	s.ends(first)
	s.untouched(changed)
	if writes := s.writes(mark, from, to); len(writes) > 0 {
		t.Errorf("awake again, the first wrote %q", writes)
	}

	// Somebody takes the lease by force.
	leases := s.system.Client.CoordinationV1().Leases(harness.Namespace)
	s.eventually(func() error {
		lease := s.lease()
		other, now := "somebody-else", metav1.NowMicro()
		lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.AcquireTime = &other, &now, &now
		_, err := leases.Update(s.Context(), lease, metav1.UpdateOptions{})
		return err
	})
	s.ends(second)
	mark = s.mark()
	source = s.edit(source, func(o *object) { o.data["token"] = "four" })
	third := s.elected() // ready, and waits for the lease that nobody renews
	s.serves(third, "/metrics", "mirrorball_leading 0")
	if writes := s.writes(mark, to); len(writes) > 0 {
		t.Errorf("without the lease somebody wrote %q", writes)
	}
	s.holder("somebody-else")
	if last := s.replicated(source, to); last.uid != replica.uid {
		t.Error("the replica was made again")
	}

	// The lease is deleted. Whoever makes it again leads, and if that is another, the leader ends.
	if err := leases.Delete(s.Context(), "mirrorball", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	fourth := s.elected()
	s.holder("")
	source = s.edit(source, func(o *object) { o.data["token"] = "five" })
	s.replicated(source, to)
	s.eventually(func() error {
		leading := 0
		for _, c := range []*harness.Controller{third, fourth} {
			if page, err := c.Get(s.Context(), "/metrics"); err == nil && strings.Contains(page, "\nmirrorball_leading 1\n") {
				leading++
			}
		}
		if leading != 1 {
			return fmt.Errorf("%d controllers lead", leading)
		}
		return nil
	})
	s.replicated(source, to)
}

// connected starts a controller that connects with this configuration.
func (s *scene) connected(config *rest.Config, args ...string) *harness.Controller {
	s.Helper()
	kubeconfig := filepath.Join(s.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		s.Fatal(err)
	}
	return s.system.Controller(s, append([]string{"--kubeconfig", kubeconfig}, args...)...)
}

func (s *scene) controllerConfig() *rest.Config {
	s.Helper()
	config, err := s.system.ControllerConfig(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return config
}

// line is a bad one to the API server: it passes on what it gets with a delay, breaks now and then, or goes dead.
type line struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	// open has the connections, both ends of each, and says which are dead.
	open map[net.Conn]bool
	cuts atomic.Int64
	// swallowed counts what came in over dead ones.
	swallowed atomic.Int64
}

func (s *scene) line(config *rest.Config) *line {
	s.Helper()
	to, err := url.Parse(config.Host)
	if err != nil {
		s.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(s.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	l := &line{listener: listener, to: to.Host, open: map[net.Conn]bool{}}
	s.Cleanup(func() { listener.Close(); l.cut() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go l.pass(c)
		}
	}()
	to.Host = listener.Addr().String()
	config.Host = to.String()
	return l
}

func (l *line) pass(near net.Conn) {
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		near.Close()
		return
	}
	l.mu.Lock()
	l.open[near], l.open[far] = false, false
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.slowly(far, near) })
	both.Go(func() { l.slowly(near, far) })
	both.Wait()
	l.mu.Lock()
	delete(l.open, near)
	delete(l.open, far)
	l.mu.Unlock()
}

func (l *line) slowly(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.swallows(from) {
			l.swallowed.Add(int64(n))
		} else if n > 0 {
			<-time.After(20 * time.Millisecond)
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // io.EOF or a cut
		}
	}
}

// cut breaks all connections that are open.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Close()
	}
	l.cuts.Add(1)
}

// kill lets the connections that are open go dead: nobody is told, and what is sent is lost.
func (l *line) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		l.open[c] = true
	}
}

func (l *line) swallows(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[c]
}

// TestDegradedAPIServer has one cluster, and a controller for each of its parts.
func TestDegradedAPIServer(t *testing.T) {
	s := ownScene(t)
	t.Run("over a line that is slow and breaks all is replicated", func(t *testing.T) { testABadLine(s.part(t)) })
	t.Run("where it has no room for the controller all is replicated", func(t *testing.T) { testNoRoom(s.part(t)) })
	t.Run("a token that is valid no longer is waited for", func(t *testing.T) { testInvalidToken(s.part(t)) })
}

func testABadLine(s *scene) {
	config := s.controllerConfig()
	l := s.line(config)
	s.connected(config)
	from := s.namespace("from")
	stranger := s.create(object{namespace: s.namespace("to-0"), name: "token", data: map[string]string{"token": "theirs"}})
	source := s.create(pushed(secret, from, "token", s.ns("to-*")))
	var targets []string
	for i := range 20 {
		targets = append(targets, s.namespace(fmt.Sprintf("to-%d", i+1)))
		source = s.edit(source, func(o *object) { o.data["token"] = fmt.Sprint("value ", i) })
		if i%4 == 3 {
			l.cut()
		}
	}
	s.eventually(func() error { return s.hasReached(source, targets...) })
	for _, to := range targets {
		s.replicated(source, to)
	}
	s.untouched(stranger)
}

func testNoRoom(s *scene) {
	// One seat for the controller's requests, and no queue: what comes beside another is turned away.
	flow, shares, percent := s.system.Client.FlowcontrolV1(), int32(0), int32(0)
	level := &flowcontrolv1.PriorityLevelConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "narrow"},
		Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
			Type: flowcontrolv1.PriorityLevelEnablementLimited,
			Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: &shares, LendablePercent: &percent, BorrowingLimitPercent: &percent,
				LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
			},
		},
	}
	schema := &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: "narrow"},
		Spec: flowcontrolv1.FlowSchemaSpec{
			MatchingPrecedence:         100,
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "narrow"},
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects: []flowcontrolv1.Subject{{
					Kind: flowcontrolv1.SubjectKindServiceAccount,
					ServiceAccount: &flowcontrolv1.ServiceAccountSubject{
						Namespace: harness.Namespace, Name: harness.ServiceAccount,
					},
				}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
					Verbs: []string{"create", "patch"}, APIGroups: []string{""}, Resources: []string{"secrets"},
					Namespaces: []string{flowcontrolv1.NamespaceEvery},
				}},
			}},
		},
	}
	controller := s.connected(s.controllerConfig())
	from := s.namespace("from")
	var targets []string
	for i := range 40 {
		targets = append(targets, s.namespace(fmt.Sprintf("to-%d", i)))
	}
	first := s.create(pushed(secret, from, "first", s.ns("to-*")))
	s.reaches(first, targets...)

	if _, err := flow.PriorityLevelConfigurations().Create(s.Context(), level, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := flow.FlowSchemas().Create(s.Context(), schema, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	turnedAway := func() error {
		page, err := s.system.Client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(s.Context())
		if err != nil {
			return err
		}
		for text := range strings.Lines(string(page)) {
			if strings.HasPrefix(text, "apiserver_flowcontrol_rejected_requests_total{") &&
				strings.Contains(text, `priority_level="narrow"`) {
				return nil
			}
		}
		return errors.New("no request was turned away yet")
	}
	source := s.create(pushed(secret, from, "token", s.ns("to-*")))
	s.eventually(turnedAway)
	shares, percent = 20, 0 // there is room again, for a few
	s.eventually(func() error {
		now, err := flow.PriorityLevelConfigurations().Get(s.Context(), "narrow", metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Spec.Limited.NominalConcurrencyShares = &shares
		_, err = flow.PriorityLevelConfigurations().Update(s.Context(), now, metav1.UpdateOptions{})
		return err
	})
	s.eventually(func() error { return s.hasReached(source, targets...) })
	for _, to := range targets {
		s.replicated(source, to)
	}
	s.stop(controller)
	for _, err := range []error{
		flow.FlowSchemas().Delete(s.Context(), "narrow", metav1.DeleteOptions{}),
		flow.PriorityLevelConfigurations().Delete(s.Context(), "narrow", metav1.DeleteOptions{}),
	} {
		if err != nil {
			s.Fatal(err)
		}
	}
}

func testInvalidToken(s *scene) {
	ctx := s.Context()
	// A ServiceAccount of its own with the controller's rights: its tokens end with it.
	accounts := s.system.Client.CoreV1().ServiceAccounts(harness.Namespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "short-lived"}}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: harness.Namespace, Name: account.Name}}
	rbac := s.system.Client.RbacV1()
	everywhere, err := rbac.ClusterRoleBindings().Get(ctx, harness.ServiceAccount, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name}, Subjects: subjects, RoleRef: everywhere.RoleRef,
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	own, err := rbac.RoleBindings(harness.Namespace).Get(ctx, harness.ServiceAccount, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	_, err = rbac.RoleBindings(harness.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name}, Subjects: subjects, RoleRef: own.RoleRef,
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	token := filepath.Join(s.TempDir(), "token")
	renew := func() {
		s.Helper()
		answer, err := accounts.CreateToken(ctx, account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(token, []byte(answer.Status.Token), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	renew()
	kubeconfig := filepath.Join(s.TempDir(), "kubeconfig")
	config := s.controllerConfig()
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],
		"users":[{"name":"c","user":{"tokenFile":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"c"}}]}`,
		config.Host, base64.StdEncoding.EncodeToString(config.CAData), token)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	controller := s.system.Controller(s, "--kubeconfig", kubeconfig)

	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(pushed(secret, from, "token", s.ns("to*")))
	replica := s.replicated(source, to)
	if err := accounts.Delete(ctx, account.Name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	// The API server keeps what it has found a token to be for some seconds.
	s.eventually(func() error {
		source = s.edit(source, func(o *object) { o.data["token"] += "." })
		page, err := controller.Get(ctx, "/metrics")
		if err == nil && !strings.Contains(page, `mirrorball_reconcile_seconds_count{result="error"}`) {
			err = errors.New("no pass has failed yet")
		}
		return err
	})
	source = s.edit(source, func(o *object) { o.data["token"] = "two" })
	later := s.namespace("to-later")
	if now := s.get(secret, to, "token"); now.uid != replica.uid {
		s.Error("the replica was made again")
	}
	renew() // client-go reads the file once a minute
	s.eventually(func() error { return s.hasReached(source, to, later) })
	if now := s.replicated(source, to); now.uid != replica.uid {
		s.Error("the replica was made again")
	}
	s.replicated(source, later)
}
