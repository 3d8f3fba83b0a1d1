package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

const (
	// home is the namespace of the sources, targets the beginning of the names of their targets, and bareTargets that of
	// namespaces into which only the bare client writes.
	home        = "bench-sources"
	targets     = "bench-target-"
	bareTargets = "bench-bare-"
	// waitLimit bounds every wait for the controller.
	waitLimit = 10 * time.Minute
	// pauseAfterLoad is how long a controller is given to come to rest before its memory or its requests are read.
	pauseAfterLoad = 5 * time.Second
	// setupConcurrency is how many requests make namespaces and strangers.
	setupConcurrency = 64
)

var (
	secrets         = corev1.SchemeGroupVersion.WithResource("secrets")
	configMaps      = corev1.SchemeGroupVersion.WithResource("configmaps")
	serviceAccounts = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
)

// rootCA is the ConfigMap that Kubernetes' own controller puts into every namespace.
const rootCA = "kube-root-ca.crt"

// bench is a case that is being run: a control plane, the controller on it, and clients without a limit.
type bench struct {
	name    string
	options Options
	system  *harness.System
	subject subject
	client  kubernetes.Interface
	watch   metadata.Interface
	// throttled counts the requests of the benchmark's own clients that the API server turned away with 429.
	throttled atomic.Int64
	serial    int
}

func start(ctx context.Context, o Options, name string) (_ *bench, err error) {
	b := &bench{name: name, options: o}
	// The audit log tells the controller's requests from everybody else's.
	options := harness.Options{ControlPlane: controlplane.Options{Audit: true}}
	if b.system, err = harness.Start(ctx, options); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	unlimited := rest.CopyConfig(b.system.Config)
	unlimited.QPS = -1
	unlimited.Wrap(b.countThrottled)
	if b.watch, err = metadata.NewForConfig(unlimited); err != nil {
		return nil, err
	}
	if b.client, err = protobufClient(unlimited); err != nil {
		return nil, err
	}
	if err := b.namespaces(ctx, home); err != nil {
		return nil, err
	}
	if b.subject, err = newSubject(ctx, b.system, o); err != nil {
		return nil, fmt.Errorf("start the controller: %w", err)
	}
	return b, nil
}

// countThrottled counts what the API server turns away. The clients send it again after the time that the answer names.
func (b *bench) countThrottled(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err == nil && response.StatusCode == http.StatusTooManyRequests {
			b.throttled.Add(1)
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func protobufClient(config *rest.Config) (kubernetes.Interface, error) {
	c := rest.CopyConfig(config)
	c.ContentType = "application/vnd.kubernetes.protobuf"
	c.AcceptContentTypes = c.ContentType + ",application/json"
	return kubernetes.NewForConfig(c)
}

func (b *bench) close() error {
	var err error
	if b.subject != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = b.subject.Stop(ctx)
	}
	return errors.Join(err, b.system.Close())
}

// withoutController does something while the controller is stopped.
func (b *bench) withoutController(ctx context.Context, load func() error) error {
	if err := b.subject.Stop(ctx); err != nil {
		return err
	}
	if err := load(); err != nil {
		return err
	}
	return b.subject.Start(ctx)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.options.Log, "%-16s "+format+"\n", append([]any{b.name}, args...)...)
}

// sized is a number of objects at this run's size.
func (b *bench) sized(n int) int { return max(1, int(math.Round(float64(n)*b.options.Size))) }

// unique is a name that this case has not used yet.
func (b *bench) unique(prefix string) string {
	b.serial++
	return fmt.Sprintf("%s-%d", prefix, b.serial)
}

// parallel does n things, some at a time, and returns their errors.
func parallel(n, concurrency int, load func(i int) error) error {
	errs := make([]error, n)
	room := make(chan struct{}, concurrency)
	var wg sync.WaitGroup
	for i := range n {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			errs[i] = load(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// namespaces makes namespaces; those that exist are well.
func (b *bench) namespaces(ctx context.Context, names ...string) error {
	return parallel(len(names), setupConcurrency, func(i int) error {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names[i]}}
		_, err := b.client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}

// targetNamespaces makes n target namespaces, and waits until Kubernetes has filled them, so that this costs nobody
// time later.
func (b *bench) targetNamespaces(ctx context.Context, n int) ([]string, error) {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%05d", targets, i)
	}
	b.say("making %d namespaces", n)
	if err := b.namespaces(ctx, names...); err != nil {
		return nil, err
	}
	return names, harness.Poll(ctx, func(ctx context.Context) error {
		list, err := b.watch.Resource(configMaps).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + rootCA})
		if err != nil {
			return err
		}
		filled := 0
		for _, item := range list.Items {
			if strings.HasPrefix(item.Namespace, targets) {
				filled++
			}
		}
		if filled < n {
			return fmt.Errorf("%d of %d namespaces have their %s", filled, n, rootCA)
		}
		return nil
	})
}

// source makes a Secret that the controller is to mirror into all targets.
func (b *bench) source(ctx context.Context, name string) error {
	return b.sourceWith(ctx, name, nil)
}

// sources makes n sources, one after the other.
func (b *bench) sources(ctx context.Context, n int) error {
	for range n {
		if err := b.source(ctx, b.unique("source")); err != nil {
			return err
		}
	}
	return nil
}

// sourceWith is source with more annotations.
func (b *bench) sourceWith(ctx context.Context, name string, annotations map[string]string) error {
	s := secret(home, name, 0)
	s.Annotations = maps.Clone(annotations)
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	for key, value := range b.options.Annotations {
		s.Annotations[key] = strings.ReplaceAll(value, "{targets}", b.pattern())
	}
	_, err := b.client.CoreV1().Secrets(home).Create(ctx, s, metav1.CreateOptions{})
	return err
}

// pattern is the target namespaces in the annotations' own language: a glob for Mirrorball's, else an expression.
func (b *bench) pattern() string {
	for key := range b.options.Annotations {
		if !strings.HasPrefix(key, "mirrorball.dev/") {
			return targets + ".*"
		}
	}
	return targets + "*"
}

// change changes a source's data.
func (b *bench) change(ctx context.Context, name string, generation int) error {
	s, err := b.client.CoreV1().Secrets(home).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s.Data = secret(home, name, generation).Data
	_, err = b.client.CoreV1().Secrets(home).Update(ctx, s, metav1.UpdateOptions{})
	return err
}

// remove deletes a source and waits until its replicas are gone.
func (b *bench) remove(ctx context.Context, name string) error {
	s, err := b.client.CoreV1().Secrets(home).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s.Annotations = nil // takes effect at once, where a deletion has a grace
	if _, err := b.client.CoreV1().Secrets(home).Update(ctx, s, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := b.gone(ctx, name); err != nil {
		return err
	}
	return b.client.CoreV1().Secrets(home).Delete(ctx, name, metav1.DeleteOptions{})
}

// gone waits until no target has a Secret of this name.
func (b *bench) gone(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	return harness.Poll(ctx, func(ctx context.Context) error {
		list, err := b.watch.Resource(secrets).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err != nil {
			return err
		}
		for _, item := range list.Items {
			if item.Namespace != home {
				return fmt.Errorf("%s/%s is still there", item.Namespace, name)
			}
		}
		return nil
	})
}

// secret is what is mirrored: a registry credential of some 1.3 KiB, as they are.
func secret(namespace, name string, generation int) *corev1.Secret {
	config := fmt.Sprintf(`{"auths":{"registry-%d.example.com":{"auth":"%s"}}}`, generation, strings.Repeat("Q0hB", 300))
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(config)},
	}
}

// pause waits, for a controller of which nobody says when it has come to rest.
func (b *bench) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
