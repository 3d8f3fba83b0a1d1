package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

const (
	// tenant is the namespace of the hostile sources, and watchedSource the name of the honest one, as which they want
	// to be known, too.
	tenant        = "bench-tenant"
	watchedSource = "watched"
	// The memory limit of the container in deploy/, in MB, and Go's below it.
	containerLimit = 268
	goLimit        = "192MiB"
)

const (
	reflectorPrefix  = "reflector.v1.k8s.emberstack.com/"
	replicatorPrefix = "replicator.v1.mittwald.de/"
)

// hostileSources are the worst ones that the API server accepts, each by what it costs. Those that cost time come
// first: were they newer than those that cost memory, they would be frozen on account of these.
var hostileSources = []struct {
	name        string
	annotations func(i int) map[string]string
}{
	{"time for milliseconds a name", func(i int) map[string]string {
		return reflected(fmt.Sprintf("(?:a?.?){14}[!%d]x", i%10))
	}},
	{"time until the timeout", func(i int) map[string]string {
		return reflected(fmt.Sprintf(`(?:\w+-?)+![%d]`, i%10))
	}},
	{"a competitor's time", func(i int) map[string]string {
		a := reflected(fmt.Sprintf("(?:a?.?){14}[!%d]y", i%10))
		a["mirrorball.dev/target-name"] = watchedSource
		return a
	}},
	{"memory for a short expression", func(i int) map[string]string {
		list := fmt.Sprintf("(?:abcdefg%04d){1000},x(?:abcdefg%04d){500}", i, i)
		return map[string]string{replicatorPrefix + "replicate-to": list}
	}},
	{"memory for .NET expressions", func(i int) map[string]string {
		return reflected(strings.Repeat(fmt.Sprintf("(?!a%04d)b,", i), 2700))
	}},
	{"memory for text", func(i int) map[string]string {
		return map[string]string{"mirrorball.dev/push-to": strings.Repeat(fmt.Sprintf("a-%04d,", i), 36_000)}
	}},
	{"memory for selectors", func(i int) map[string]string {
		var values strings.Builder
		for n := range 20_000 {
			fmt.Fprintf(&values, "%d-%d,", i, n)
		}
		return map[string]string{"mirrorball.dev/push-to-selector": "a in (" + values.String() + "z)"}
	}},
	{"keys that nobody reads", func(i int) map[string]string {
		a := map[string]string{"mirrorball.dev/push-to": "none"}
		for n := range 3000 {
			a[fmt.Sprintf("mirrorball.dev/unknown-%d-%d", i, n)] = strings.Repeat("v", 40)
		}
		return a
	}},
}

func reflected(list string) map[string]string {
	return map[string]string{
		reflectorPrefix + "reflection-allowed": "true", reflectorPrefix + "reflection-auto-enabled": "true",
		reflectorPrefix + "reflection-allowed-namespaces": list,
	}
}

// hostile compares new namespaces' latency for an honest source while a tenant has 5,000 hostile ones with that before,
// and says what memory the controller takes, from its start on, under the limits of deploy/.
func hostile(ctx context.Context, b *bench) (_ Result, err error) {
	idle, err := start(ctx, b.options, b.name)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, idle.close()) }()
	if _, err := idle.targetNamespaces(ctx, b.sized(200)); err != nil {
		return Result{}, err
	}
	if err := idle.source(ctx, watchedSource); err != nil {
		return Result{}, err
	}
	// For the controller, when it is started again; not for the control planes.
	if err := os.Setenv("GOMEMLIMIT", goLimit); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.Unsetenv("GOMEMLIMIT")) }()
	if err := b.namespaces(ctx, tenant); err != nil {
		return Result{}, err
	}
	if _, err := b.targetNamespaces(ctx, b.sized(200)); err != nil {
		return Result{}, err
	}
	count := b.sized(5000)
	if err := b.hostileSources(ctx, count); err != nil {
		return Result{}, err
	}
	// The competitors are older than the source that they want to delay.
	if err := b.pause(ctx, 2*time.Second); err != nil {
		return Result{}, err
	}
	if err := b.source(ctx, watchedSource); err != nil {
		return Result{}, err
	}
	var alone, among quantiles
	var steady, peak []float64
	for round := range b.options.Rounds {
		// From the start on: the controller has everything to read and to match.
		now, most, err := b.freshMemory(ctx)
		if err != nil {
			return Result{}, err
		}
		quiet, _, err := idle.newNamespaceTimes(ctx, b.sized(50), replicasOf(watchedSource, 1))
		if err != nil {
			return Result{}, err
		}
		beset, _, err := b.newNamespaceTimes(ctx, b.sized(50), replicasOf(watchedSource, 1))
		if err != nil {
			return Result{}, err
		}
		if later, laterMost, err := memory(b.subject.PID()); err == nil {
			now, most = max(now, later), max(most, laterMost)
		}
		alone.add(quiet)
		among.add(beset)
		steady, peak = append(steady, now), append(peak, most)
		b.say("round %d: p50 %.0f ms, p99 %.0f ms among %d hostile sources, %.0f and %.0f ms without; RSS %.0f MB, at the "+
			"peak %.0f MB", round+1, Quantile(beset, 0.5), Quantile(beset, 0.99), count, Quantile(quiet, 0.5),
			Quantile(quiet, 0.99), now, most)
	}
	blame, err := b.blamed(ctx)
	if err != nil {
		return Result{}, err
	}
	figures := compare("of that without hostile sources", &among, "without", &alone)
	figures[0].Goal, figures[0].Limit = "at most 10", 10
	figures = append(figures,
		Figure{Name: "RSS", Unit: "MB", Values: steady},
		Figure{
			Name: "RSS, peak", Unit: "MB", Values: peak, Goal: "below the container's limit", Limit: containerLimit,
		})
	return Result{Figures: figures, Notes: blame}, nil
}

// hostileSources makes the hostile sources, the same number of each.
func (b *bench) hostileSources(ctx context.Context, count int) error {
	b.say("making %d hostile sources", count)
	return parallel(count, setupConcurrency/2, func(i int) error {
		meta := metav1.ObjectMeta{
			Namespace: tenant, Name: fmt.Sprintf("hostile-%05d", i),
			Annotations: hostileSources[i*len(hostileSources)/count].annotations(i),
		}
		core := b.client.CoreV1()
		// The competitors have to be of the kind of what they want.
		if meta.Annotations["mirrorball.dev/target-name"] != "" {
			_, err := core.Secrets(tenant).Create(ctx, &corev1.Secret{ObjectMeta: meta}, metav1.CreateOptions{})
			return err
		}
		_, err := core.ConfigMaps(tenant).Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{})
		return err
	})
}

// blamed counts the Frozen events by namespace and reason, with an example of each: a reader sees whether they are the
// tenant's alone.
func (b *bench) blamed(ctx context.Context) ([]string, error) {
	var list *eventsv1.EventList
	err := harness.Poll(ctx, func(ctx context.Context) (err error) {
		list, err = b.client.EventsV1().Events("").List(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector("type", corev1.EventTypeWarning).String(),
		})
		if err == nil && len(list.Items) == 0 {
			err = errors.New("there is no Warning event")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	counts, notes := map[string]int{}, map[string]string{}
	for _, event := range list.Items {
		if event.Reason != "Frozen" {
			continue
		}
		what := "for its annotations"
		for _, word := range []string{"too much memory", "together they may take", "too long to match", "took too long"} {
			if strings.Contains(event.Note, word) {
				what = word
				break
			}
		}
		key := fmt.Sprintf("namespace %s, %q", event.Regarding.Namespace, what)
		counts[key]++
		notes[key] = event.Note
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d Frozen events in %s, for example: %s", counts[key], key, notes[key]))
	}
	if len(out) == 0 {
		out = []string{"no source is frozen"}
	}
	return out, nil
}
