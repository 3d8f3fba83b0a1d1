package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
)

// doctorFlags are the values of the flags of `mirrorball doctor`.
type doctorFlags struct {
	connection
	output        string
	noHeaders     bool
	color         colorMode
	expiresWithin time.Duration
	probe         bool
	probeTimeout  time.Duration
	tokenServers  []string
}

const doctorHelp = `Doctor checks image pull Secrets and certificates as a person would check them by hand, and finds
out why Pods cannot pull their images. It only reads. It never prints user names, passwords or other values of Secrets.

Without an argument it examines everything in reach: the pull Secrets and certificates, the ServiceAccounts and Pods
that name them, and the Pods that cannot pull. With pod/NAME it says which credentials the kubelet tries for each image
of the Pod, in which order, and which it does not. With secret/NAME it examines one Secret.

Every finding has a code. docs/doctor.md explains each, and says what to do.

Exit codes:
  0  no findings
  1  findings
  2  it could not tell: a permission is missing, the cluster cannot be reached, or a registry gave no clear answer; what
     could be told is printed all the same`

const doctorExamples = `  mirrorball doctor                       # the whole cluster
  mirrorball doctor -n team               # one namespace
  mirrorball doctor pod/web-0 -n team     # why this Pod cannot pull
  mirrorball doctor --probe               # ask the registries, too, whether they accept the credentials
  mirrorball doctor -o json`

func doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:     "doctor [pod/NAME | secret/NAME]",
		Short:   "Find out what is wrong with pull Secrets and certificates, and why a Pod cannot pull",
		Long:    doctorHelp,
		Example: doctorExamples,
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := f.parse(args)
			if err != nil {
				return err
			}
			report, err := f.examine(cmd, target)
			if err != nil {
				return err
			}
			if err := report.print(f.color.output(cmd.OutOrStdout()), f.output, f.noHeaders); err != nil {
				return err
			}
			return report.outcome()
		},
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVarP(&f.output, "output", "o", "table", "`format` of the output: table, json or yaml")
	set.BoolVar(&f.noHeaders, "no-headers", false, "print only the rows of the table: no headers, no remedies, no summary")
	f.color.register(set)
	set.DurationVar(&f.expiresWithin, "expires-within", 14*24*time.Hour,
		"report credentials and certificates that expire within this `time`")
	set.BoolVar(&f.probe, "probe", false,
		"log in to the registries that the Secrets name, to see whether they accept the credentials")
	set.DurationVar(&f.probeTimeout, "probe-timeout", 10*time.Second, "how long one registry may take")
	set.StringSliceVar(&f.tokenServers, "probe-token-server", nil,
		"`hosts` that may get credentials although no Secret names them, because a registry has its token server there")
	f.register(set)
	return cmd
}

// doctorTarget is what to examine. Without a kind it is everything in the namespace, or in all if that is empty.
type doctorTarget struct{ reference }

// parse checks the flags, and reads the argument.
func (f *doctorFlags) parse(args []string) (doctorTarget, error) {
	t := doctorTarget{reference{namespace: f.namespace()}}
	switch {
	case !slices.Contains([]string{"table", "json", "yaml"}, f.output):
		return t, unable("-o %q: must be table, json or yaml", f.output)
	case f.expiresWithin < 0:
		return t, unable("--expires-within %s: must not be negative", f.expiresWithin)
	case f.probeTimeout <= 0:
		return t, unable("--probe-timeout %s: must be positive", f.probeTimeout)
	case len(args) == 0:
		return t, nil
	}
	named, err := doctorKinds.parse(args, t.namespace)
	if err != nil {
		return t, err
	}
	if len(named) != 1 || named[0].kind == "" {
		return t, unable("%q: name one object; write %s, with -n NAMESPACE", strings.Join(args, " "), doctorKinds.examples)
	}
	t.reference = named[0]
	if t.namespace == "" {
		t.namespace, err = f.currentNamespace()
	}
	return t, err
}

// examine reads what the target needs, and returns what there is to say about it.
func (f *doctorFlags) examine(cmd *cobra.Command, target doctorTarget) (*doctorReport, error) {
	ctx := cmd.Context()
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	progress := newProgress(cmd.ErrOrStderr(), config)
	r, err := newDoctorReader(config, target, doctor.Options{Now: time.Now(), ExpiresWithin: f.expiresWithin})
	if err != nil {
		return nil, err
	}
	done := progress.show("reading the cluster")
	err = r.read(ctx)
	done()
	if err != nil {
		return nil, err
	}
	report := &doctorReport{examined: r.examined, missing: r.missing}
	logins := r.examination.Logins
	if target.kind == podKind {
		diagnosis, known := r.examination.Diagnose(target.namespace, target.name)
		switch {
		case known:
			report.pod = &diagnosis
		case len(r.missing) == 0:
			return nil, unable("the Pod %s in the namespace %s has ended, and pulls no image any more", target.name,
				target.namespace)
		}
		logins = func() []*doctor.Login { return r.examination.LoginsOf(diagnosis) }
	}
	if f.probe {
		report.missing = append(report.missing, f.probeAll(ctx, r.examination, target.logins(logins()))...)
	}
	report.findings = target.about(r.examination.Findings(), report.pod)
	return report, nil
}

// logins leaves out the credentials of Secrets that are not the target.
func (t doctorTarget) logins(logins []*doctor.Login) []*doctor.Login {
	if t.kind != annotations.Secret {
		return logins
	}
	return slices.DeleteFunc(logins, func(l *doctor.Login) bool {
		return !slices.ContainsFunc(l.Secrets, func(o doctor.Object) bool { return o.Name == t.name })
	})
}

// about leaves out findings about other objects than the target, and what it refers to.
func (t doctorTarget) about(findings []doctor.Finding, pod *doctor.Diagnosis) []doctor.Finding {
	if t.kind == "" {
		return findings
	}
	return slices.DeleteFunc(findings, func(finding doctor.Finding) bool {
		switch o := finding.Object; {
		case o.Kind == strings.ToLower(string(t.kind)) && o.Name == t.name:
			return false
		case pod != nil && o.Kind == "secret":
			return !slices.Contains(pod.Secrets, o.Name)
		case pod != nil && o.Kind == "serviceaccount":
			return o.Name != pod.Account
		}
		return true
	})
}

// outcome is the error that gives the process its exit code.
func (r *doctorReport) outcome() error {
	if len(r.missing) > 0 {
		return unable("could not tell everything: %s", strings.Join(r.missing, "; "))
	}
	return outcome(nil, len(r.findings) > 0)
}
