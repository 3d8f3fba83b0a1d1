package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// runFlags are the flags of `mirrorball run` as they were given. docs/flags.md lists them, and a test compares.
type runFlags struct {
	kubeconfig string
	namespace  string

	sourceDeleteGrace   time.Duration
	protectedNamespaces string
	sourceNamespaces    string
	kinds               string

	workers          int
	writeConcurrency int

	leaderElect          bool
	leaderElectNamespace string
	leaderElectName      string

	httpAddress string
	profiling   bool
	logFormat   string
	logLevel    string
}

func (f *runFlags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.kubeconfig, "kubeconfig", "",
		"`file` to connect with; without it, the configuration that Kubernetes gives a Pod")
	set.StringVar(&f.namespace, "namespace", "",
		"Mirrorball's own `namespace` (default: $POD_NAMESPACE, else the Pod's namespace, else "+fallbackNamespace+")")
	set.DurationVar(&f.sourceDeleteGrace, "source-delete-grace", time.Minute,
		"how long replicas outlive their deleted source")
	set.StringVar(&f.protectedNamespaces, "protected-namespaces", "kube-system,kube-public,kube-node-lease",
		"`patterns` of the namespaces that are never written to")
	set.StringVar(&f.sourceNamespaces, "source-namespaces", "*",
		"`patterns` of the namespaces whose objects may be sources")
	set.StringVar(&f.kinds, "kinds", "secrets,configmaps", "the `kinds` to mirror")
	set.IntVar(&f.workers, "workers", 8, "sources that are worked on at the same time")
	set.IntVar(&f.writeConcurrency, "write-concurrency", 64, "writes that are under way at the same time")
	set.BoolVar(&f.leaderElect, "leader-elect", false,
		"work only while holding a Lease, so that several can run side by side "+
			"(default: true in a cluster, false with --kubeconfig)")
	set.StringVar(&f.leaderElectNamespace, "leader-election-namespace", "",
		"`namespace` of the Lease (default: the value of --namespace)")
	set.StringVar(&f.leaderElectName, "leader-election-name", "mirrorball", "`name` of the Lease")
	set.StringVar(&f.httpAddress, "http-address", ":8080",
		"`address` that serves /healthz, /readyz and /metrics; port 0 takes a free one and logs it")
	set.BoolVar(&f.profiling, "profiling", false, "serve Go's profiles at /debug/pprof/ of --http-address")
	set.StringVar(&f.logFormat, "log-format", "",
		"`format`: json or console (default: console if stderr is a terminal, else json)")
	set.StringVar(&f.logLevel, "log-level", "info", "`level`: debug, info, warn or error")
}

// settings are the flags of `mirrorball run`, read and completed.
type settings struct {
	runFlags

	mirrored  []annotations.Kind
	sources   annotations.Patterns
	protected annotations.Patterns
}

// surroundings are what the defaults depend on beside the flags.
type surroundings struct {
	// environment is os.Getenv.
	environment func(string) string
	// namespaceFile is where Kubernetes tells a Pod its namespace.
	namespaceFile string
	// terminal says that stderr is one.
	terminal bool
}

// complete reads the flags' values and fills in the defaults that depend on the surroundings.
func (f runFlags) complete(leaderElectGiven bool, around surroundings) (settings, error) {
	s := settings{runFlags: f}
	var err error
	if s.mirrored, err = parseKinds(f.kinds); err != nil {
		return s, unable("--kinds %q: %w", f.kinds, err)
	}
	if s.sources, err = annotations.ParseNamespacePatterns(f.sourceNamespaces); err != nil {
		return s, unable("--source-namespaces: %w", err)
	}
	if s.protected, err = annotations.ParseNamespacePatterns(f.protectedNamespaces); err != nil {
		return s, unable("--protected-namespaces: %w", err)
	}
	if err := f.checkNumbers(); err != nil {
		return s, err
	}
	if s.namespace == "" {
		s.namespace = ownNamespace(around)
	}
	if !leaderElectGiven {
		s.leaderElect = f.kubeconfig == ""
	}
	if s.leaderElectNamespace == "" {
		s.leaderElectNamespace = s.namespace
	}
	if s.logFormat == "" {
		s.logFormat = "json"
		if around.terminal {
			s.logFormat = "console"
		}
	}
	return s, nil
}

func (f runFlags) checkNumbers() error {
	switch {
	case f.sourceDeleteGrace < 0:
		return unable("--source-delete-grace %s: must not be negative; 0s removes replicas at once", f.sourceDeleteGrace)
	case f.workers < 1:
		return unable("--workers %d: must be at least 1", f.workers)
	case f.writeConcurrency < 1:
		return unable("--write-concurrency %d: must be at least 1", f.writeConcurrency)
	}
	return nil
}

// parseKinds reads the resources' plural names, as kubectl and RBAC spell them.
func parseKinds(text string) ([]annotations.Kind, error) {
	byName := map[string]annotations.Kind{"secrets": annotations.Secret, "configmaps": annotations.ConfigMap}
	var kinds []annotations.Kind
	for entry := range strings.SplitSeq(text, ",") {
		kind, ok := byName[strings.TrimSpace(entry)]
		if !ok {
			return nil, fmt.Errorf("%q is no kind that is mirrored: say secrets, configmaps or both", entry)
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}
