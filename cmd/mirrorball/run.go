package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/lease"
	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

func runCommand() *cobra.Command {
	var given runFlags
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the controller until SIGTERM or SIGINT",
		Long: `Run the controller until SIGTERM or SIGINT.

On the first signal the controller finishes the writes in flight, releases the lease and exits. On a second signal it
exits at once.

` + exitCodesHelp,
		Example: `  mirrorball run --kubeconfig ~/.kube/config --log-format console
  mirrorball run --protected-namespaces 'kube-*,payments' --source-namespaces 'platform'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := given.complete(cmd.Flags().Changed("leader-elect"), surroundings{
				environment:   os.Getenv,
				namespaceFile: podNamespaceFile,
				terminal:      term.IsTerminal(int(os.Stderr.Fd())),
			})
			if err != nil {
				return err
			}
			return run(cmd.Context(), s, cmd.ErrOrStderr())
		},
	}
	given.register(command.Flags())
	return command
}

// run runs the controller. It first checks everything that can be wrong at the start, and returns an error that is
// printed as one line. After that, everything is logged.
func run(ctx context.Context, s settings, stderr io.Writer) error {
	logger, err := newLogger(s.logFormat, s.logLevel, stderr)
	if err != nil {
		return err
	}
	if err := adoptKlog(logger); err != nil {
		return unable("cannot set up the logging of client-go: %w", err)
	}
	stop := stopOnSignal(klog.NewContext(ctx, logger))

	build := readBuild()
	config, err := clusterConfig(s.kubeconfig, build.Version)
	if err != nil {
		return err
	}
	if err := reach(stop, config, s); err != nil {
		return err
	}
	logger.Info("starting", "version", build.Version, "commit", build.Commit, "cluster", config.Host,
		"namespace", s.namespace, "kinds", s.mirrored, "leaderElection", s.leaderElect, "namespaces", s.only)
	if err := checkOwnNamespace(stop, logger, config, s); err != nil {
		return err
	}
	answers := liveness.NewAnswers()
	config.Wrap(answers.Wrap)
	status := &status{}
	registry := newRegistry(build, status)
	election, err := newElection(stop, config, s)
	if err != nil {
		return err
	}
	if election != nil {
		config.Wrap(election.Fence.Wrap)
	}
	controller, err := newController(s, config, registry)
	if err != nil {
		return unable("cannot set up the controller: %w", err)
	}
	if err := checkRules(stop, controller); err != nil {
		return err
	}
	status.synced, status.rules = controller.Synced, controller.Rules
	status.monitor.Watch(controller.Subjects(answers)...)
	go status.monitor.Run(stop)
	context.AfterFunc(stop, func() { status.stopping.Store(true) })
	if !s.leaderElect {
		status.leading.Store(true) // before the server starts
	}
	server, err := serve(logger, s.httpAddress, handler(status, registry, s.profiling))
	if err != nil {
		return err
	}
	defer server.close(logger)

	fillFrugally(stop, controller)
	return report(logger, explainRules(work(stop, election, status, controller)))
}

func newController(s settings, config *rest.Config, registry prometheus.Registerer) (*replicator.Controller, error) {
	o := s.options(config)
	o.Workers, o.WriteConcurrency, o.Registry = s.workers, s.writeConcurrency, registry
	o.BornAttached = s.bornAttached
	return replicator.New(o)
}

// options are those of a controller and of the commands that decide as it does.
func (s *settings) options(config *rest.Config) replicator.Options {
	return replicator.Options{
		Config:                config,
		Kinds:                 s.mirrored,
		Namespace:             s.namespace,
		Namespaces:            s.only,
		IgnoreServiceAccounts: !s.attach,
		SourceNamespaces:      s.sources,
		ProtectedNamespaces:   s.protected,
		ReservedNames:         s.reserved,
		SourceDeleteGrace:     s.sourceDeleteGrace,
	}
}

// work runs the controller, with leader election if there is one.
func work(stop context.Context, election *lease.Election, status *status, c *replicator.Controller) error {
	if election == nil {
		return c.Run(stop)
	}
	renewals := lease.NewRenewals(election.Lock, election.Timings)
	election.Lock = renewals
	status.monitor.Watch(renewals.Subject())
	election.StandBy = func() { c.StandBy(stop) }
	return lease.Lead(stop, *election, func(ctx context.Context) error {
		status.leading.Store(true)
		return c.Run(ctx)
	})
}

// report logs the last line and converts the result into an exit code.
func report(logger logr.Logger, err error) error {
	if err == nil {
		logger.Info("stopped")
		return nil
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit
	}
	logger.Error(err, "the controller ended with an error")
	return &exitError{code: exitFailed, err: err, logged: true}
}
