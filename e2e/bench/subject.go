package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
)

// subject is the controller that is measured, as a process that can be started and stopped.
type subject interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	PID() int
}

// newSubject makes the controller, started.
func newSubject(ctx context.Context, s *harness.System, o Options) (subject, error) {
	if o.Command == "" {
		flags := []string{"--source-delete-grace=1s"}
		if o.Profiles != "" {
			flags = append(flags, "--profiling")
		}
		return s.StartController(ctx, flags...)
	}
	// Whatever the other controller needs, its requests are told from others' by the identity that Mirrorball's have.
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bench-other-controller"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{
			Kind: rbacv1.ServiceAccountKind, Namespace: harness.Namespace, Name: harness.ServiceAccount,
		}},
	}
	_, err := s.Client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("grant the other controller its rights: %w", err)
	}
	kubeconfig, err := s.ControllerKubeconfig(ctx)
	if err != nil {
		return nil, err
	}
	other := &otherController{
		command: strings.ReplaceAll(o.Command, "{kubeconfig}", kubeconfig),
		log:     filepath.Join(filepath.Dir(kubeconfig), "other-controller.log"),
	}
	return other, other.Start(ctx)
}

// otherController is a command line that the shell runs.
type otherController struct {
	command, log string
	process      *process.Process
}

func (c *otherController) Start(context.Context) (err error) {
	c.process, err = process.Start(process.Spec{Path: "/bin/sh", Args: []string{"-c", "exec " + c.command}, Log: c.log})
	return err
}

func (c *otherController) Stop(ctx context.Context) error { return c.process.Stop(ctx) }

func (c *otherController) PID() int { return c.process.PID() }

// memory is the resident set of a process now and at its peak, in MB.
func memory(pid int) (now, peak float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the controller's memory: %w", err)
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(string(fields[1]), 64)
		switch string(fields[0]) {
		case "VmRSS:":
			now = kib * 1024 / 1e6
		case "VmHWM:":
			peak = kib * 1024 / 1e6
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, errors.New("the kernel does not tell the controller's memory")
	}
	return now, peak, nil
}

// ticksPerSecond is the unit of the times in /proc/PID/stat: USER_HZ, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is the processor time that a process has used so far.
func cpuSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the controller's CPU time: %w", err)
	}
	// The name, in brackets, may hold spaces; what is counted comes after it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, errors.New("the kernel does not tell the controller's CPU time")
	}
	u, _ := strconv.ParseFloat(fields[user], 64)
	s, _ := strconv.ParseFloat(fields[system], 64)
	return (u + s) / ticksPerSecond, nil
}

// usage is what the controller's process has used so far, and holds.
type usage struct {
	// seconds of processor time; the rest is MB.
	seconds, rss, peak float64
}

func (b *bench) usage() (u usage, err error) {
	if u.seconds, err = cpuSeconds(b.subject.PID()); err != nil {
		return u, err
	}
	u.rss, u.peak, err = memory(b.subject.PID())
	return u, err
}

// transferred is how many bytes a process has read and written so far: the wire, as TLS has it, and its log.
func transferred(pid int) (read, written float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the controller's traffic: %w", err)
	}
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ": ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "rchar":
			read = n
		case "wchar":
			written = n
		}
	}
	return read, written, nil
}

// profile keeps a CPU profile of the time until the returned function is called, and a heap profile of that moment.
func (b *bench) profile(ctx context.Context) (stop func()) {
	c, ok := b.subject.(*harness.Controller)
	if b.options.Profiles == "" || !ok {
		return func() {}
	}
	const seconds = 20 // the longest that one request may take
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", c.URL(), seconds), "cpu")
	}()
	return func() {
		b.fetch(ctx, c.URL()+"/debug/pprof/heap", "heap")
		<-done
	}
}

func (b *bench) fetch(ctx context.Context, url, kind string) {
	name := filepath.Join(b.options.Profiles, b.name+"."+kind+".pprof")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := download(ctx, url, name); err != nil {
		b.say("no %s profile: %v", kind, err)
	}
}

func download(ctx context.Context, url, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the controller answers %s", response.Status)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.ReadFrom(response.Body); err != nil {
		return fmt.Errorf("save the profile: %w", err)
	}
	return nil
}
