package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/lease"
)

// runFlags are the values of the flags of `mirrorball run`. A test compares them with docs/flags.md.
type runFlags struct {
	kubeconfig string
	namespace  string

	sourceDeleteGrace   time.Duration
	protectedNamespaces string
	sourceNamespaces    string
	namespaces          string
	reservedNames       string
	kinds               string
	bornAttached        bool
	attach              bool

	workers          int
	writeConcurrency int

	leaderElect          bool
	leaderElectNamespace string
	leaderElectName      string
	lease                lease.Timings

	httpAddress string
	profiling   bool
	logFormat   string
	logLevel    string
}

func (f *runFlags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.kubeconfig, "kubeconfig", "",
		"kubeconfig `file` for the connection to the cluster (default: the in-cluster configuration of a Pod)")
	set.StringVar(&f.namespace, "namespace", "",
		"Mirrorball's own `namespace`, for the Lease and saved policies; nothing is mirrored into it "+
			"(default: $POD_NAMESPACE, else the namespace of the Pod, else "+fallbackNamespace+")")
	set.DurationVar(&f.sourceDeleteGrace, "source-delete-grace", time.Minute,
		"how long to keep the replicas of a deleted source; 0s removes them at once")
	set.StringVar(&f.protectedNamespaces, "protected-namespaces", "kube-system,kube-public,kube-node-lease",
		"`patterns` of namespaces in which nothing is created or changed; your value replaces the default")
	set.StringVar(&f.sourceNamespaces, "source-namespaces", "*",
		"`patterns` of the namespaces whose objects can be sources")
	set.StringVar(&f.namespaces, "namespaces", "",
		"`names` of the only namespaces to mirror from and to, so that Roles in them are enough; no patterns "+
			"(default: all namespaces, which needs a ClusterRole)")
	set.StringVar(&f.reservedNames, "reserved-names", "kube-root-ca.crt,openshift-service-ca.crt,istio-ca-root-cert",
		"`names` of ConfigMaps onto which nothing is pushed; your value replaces the default")
	set.StringVar(&f.kinds, "kinds", "secrets,configmaps", "`kinds` to mirror: secrets, configmaps or both")
	set.BoolVar(&f.bornAttached, "born-attached", false,
		"keep ConfigMaps in Mirrorball's own namespace by which admission policies attach replicas to ServiceAccounts "+
			"when these are created")
	set.BoolVar(&f.attach, "attach-to-service-accounts", true,
		"attach pull secrets to ServiceAccounts where a source asks for it; with false, no permissions on "+
			"ServiceAccounts are needed")
	set.IntVar(&f.workers, "workers", 8, "how many sources are reconciled in parallel")
	set.IntVar(&f.writeConcurrency, "write-concurrency", 64, "how many write requests are in flight at most")
	set.BoolVar(&f.leaderElect, "leader-elect", false,
		"use leader election, so that only one of several processes writes "+
			"(default: true in a cluster, false with --kubeconfig)")
	set.StringVar(&f.leaderElectNamespace, "leader-election-namespace", "",
		"`namespace` of the Lease (default: the value of --namespace)")
	set.StringVar(&f.leaderElectName, "leader-election-name", "mirrorball", "`name` of the Lease")
	timings := lease.DefaultTimings()
	set.DurationVar(&f.lease.LeaseDuration, "leader-election-lease-duration", timings.LeaseDuration,
		"how long after its last renewal the Lease of a leader that is gone can be taken over; whole seconds")
	set.DurationVar(&f.lease.RenewDeadline, "leader-election-renew-deadline", timings.RenewDeadline,
		"how long a leader that cannot renew the Lease goes on; at least 1s less than the lease duration")
	set.DurationVar(&f.lease.RetryPeriod, "leader-election-retry-period", timings.RetryPeriod,
		"time between two renewals of the Lease; at most half of the renew deadline")
	set.StringVar(&f.httpAddress, "http-address", ":8080",
		"`address` of /healthz, /readyz and /metrics; port 0 selects a free port and logs it")
	set.BoolVar(&f.profiling, "profiling", false, "serve Go profiles at /debug/pprof/ of --http-address")
	set.StringVar(&f.logFormat, "log-format", "",
		"`format` of the log: json or console (default: console if stderr is a terminal, else json)")
	set.StringVar(&f.logLevel, "log-level", "info", "minimum `level` of the log: debug, info, warn or error")
}

// settings are the parsed flags of `mirrorball run`, with all defaults filled in.
type settings struct {
	runFlags

	mirrored  []annotations.Kind
	sources   annotations.Patterns
	protected annotations.Patterns
	reserved  []string
	// only are the names of --namespaces, sorted; empty is all.
	only []string
}

// surroundings are the inputs, other than flags, that the defaults depend on.
type surroundings struct {
	// environment is os.Getenv.
	environment func(string) string
	// namespaceFile is the file with the namespace of the Pod.
	namespaceFile string
	// terminal reports whether stderr is a terminal.
	terminal bool
}

// complete parses the values of the flags and fills in the defaults that depend on the surroundings.
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
	if s.reserved, err = parseNames(f.reservedNames); err != nil {
		return s, unable("--reserved-names: %w", err)
	}
	if s.only, err = parseNamespaces(f.namespaces); err != nil {
		return s, unable("--namespaces: %w", err)
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
		return unable("--source-delete-grace %s: must not be negative; use 0s to remove replicas at once",
			f.sourceDeleteGrace)
	case f.workers < 1:
		return unable("--workers %d: must be at least 1; the default is 8", f.workers)
	case f.bornAttached && (!f.attach || f.namespaces != ""):
		// The API server would attach what this process does not look at.
		return unable("--born-attached cannot be combined with --attach-to-service-accounts=false or --namespaces: " +
			"leave it out")
	case f.writeConcurrency < 1:
		return unable("--write-concurrency %d: must be at least 1; the default is 64", f.writeConcurrency)
	}
	if err := f.lease.Validate(); err != nil {
		return unable("--leader-election-lease-duration, -renew-deadline and -retry-period: %w", err)
	}
	return nil
}

// parseNames parses a list of names of objects, which may be empty.
func parseNames(text string) ([]string, error) {
	var names []string
	for entry := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(entry)
		switch {
		case name == "":
		case len(validation.IsDNS1123Subdomain(name)) > 0:
			return nil, fmt.Errorf("%q cannot be the name of an object; write names, separated by commas", entry)
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

// parseNamespaces parses a list of names of namespaces, which may be empty.
func parseNamespaces(text string) ([]string, error) {
	var names []string
	for entry := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(entry)
		switch {
		case name == "":
		case len(validation.IsDNS1123Label(name)) > 0:
			return nil, fmt.Errorf("%q cannot be the name of a namespace; write names in full, separated by commas: a Role "+
				"is for one namespace, so there are no patterns", entry)
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// parseKinds parses plural resource names, as kubectl and RBAC spell them.
func parseKinds(text string) ([]annotations.Kind, error) {
	byName := map[string]annotations.Kind{"secrets": annotations.Secret, "configmaps": annotations.ConfigMap}
	var kinds []annotations.Kind
	for entry := range strings.SplitSeq(text, ",") {
		kind, ok := byName[strings.TrimSpace(entry)]
		if !ok {
			return nil, fmt.Errorf("%q cannot be mirrored; use secrets, configmaps or both", entry)
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}
