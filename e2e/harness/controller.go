package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

// tailLines is how much of the controller's log an error shows.
const tailLines = 40

// Controller is a `mirrorball run` that was started, with the ServiceAccount's rights.
type Controller struct {
	system  *System
	args    []string
	log     string
	logFrom int64 // where the log of the present process begins
	process *process.Process
	url     atomic.Value // string; where the present process serves, once it has said so
}

// StartController starts the controller, with these flags besides those that connect it, and returns when it is ready.
// A flag given here wins over the harness's own.
func (s *System) StartController(ctx context.Context, args ...string) (*Controller, error) {
	kubeconfig, err := s.ControllerKubeconfig(ctx)
	if err != nil {
		return nil, err
	}
	own := []string{"run", "--kubeconfig", kubeconfig, "--namespace", Namespace, "--http-address", "127.0.0.1:0"}
	c := &Controller{system: s, args: append(own, args...)}
	c.log = filepath.Join(s.dir, fmt.Sprintf("mirrorball-%d.log", s.addController(c)))
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Start starts the controller again, after Stop or Kill, with the same flags and credentials.
func (c *Controller) Start(ctx context.Context) error {
	c.logFrom = 0
	if info, err := os.Stat(c.log); err == nil {
		c.logFrom = info.Size()
	}
	var err error
	if c.process, err = process.Start(process.Spec{Path: c.system.mirrorball, Args: c.args, Log: c.log}); err != nil {
		return err
	}
	if err := c.waitReady(ctx); err != nil {
		return errors.Join(fmt.Errorf("the controller did not become ready: %w; the end of its log:\n%s", err, c.LogTail()),
			c.process.Kill())
	}
	return nil
}

func (c *Controller) waitReady(ctx context.Context) error {
	// The controller's own end cuts the wait short.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := c.process // the next Start replaces it
	go func() {
		select {
		case <-p.Done():
			cancel(ended(p))
		case <-ctx.Done():
		}
	}()
	// A log that grows is progress, too.
	err := wait.Until(ctx, process.LogProgress(c.log), func(ctx context.Context) error {
		address, err := c.address()
		if err != nil {
			return err
		}
		c.url.Store("http://" + address)
		_, err = c.Get(ctx, "/readyz")
		return err
	})
	if err != nil && !p.Running() {
		return context.Cause(ctx)
	}
	return err
}

// ended says how the process went, that should be there.
func ended(p *process.Process) error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	return errors.New("it ended with exit code 0")
}

// address is where the controller serves, as the line of its log says that has the message "serving".
func (c *Controller) address() (string, error) {
	file, err := os.Open(c.log)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := file.Seek(c.logFrom, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(text) {
		var entry struct {
			Message string `json:"msg"`
			Address string `json:"address"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.Message == "serving" && entry.Address != "" {
			return entry.Address, nil
		}
	}
	return "", errors.New(`its log has no line {"msg":"serving","address":…} yet`)
}

// Get asks the controller's own server: /healthz, /readyz, /metrics.
func (c *Controller) Get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", path, response.Status, bytes.TrimSpace(body))
	}
	return string(body), nil
}

// Stop asks the controller to end, by SIGTERM; that it did not in time, or not with exit code 0, is an error.
func (c *Controller) Stop(ctx context.Context) error {
	if !c.process.Running() && c.process.Expected() {
		return nil
	}
	if err := c.process.Stop(ctx); err != nil {
		return fmt.Errorf("stop the controller: %w; the end of its log:\n%s", err, c.LogTail())
	}
	if err := c.process.Err(); err != nil {
		return fmt.Errorf("the controller ended with %w; the end of its log:\n%s", err, c.LogTail())
	}
	return nil
}

// Kill ends the controller by SIGKILL, as a crash or the kernel's OOM killer would.
func (c *Controller) Kill() error {
	if err := c.process.Kill(); err != nil {
		return fmt.Errorf("kill the controller: %w", err)
	}
	return nil
}

// Restart is Stop and Start.
func (c *Controller) Restart(ctx context.Context) error {
	if err := c.Stop(ctx); err != nil {
		return err
	}
	return c.Start(ctx)
}

// Done is closed when the present process has ended.
func (c *Controller) Done() <-chan struct{} { return c.process.Done() }

// PID is the id of the present process.
func (c *Controller) PID() int { return c.process.PID() }

// URL is the controller's own server.
func (c *Controller) URL() string {
	url, _ := c.url.Load().(string)
	return url
}

// LogFile is the controller's output, over all its restarts.
func (c *Controller) LogFile() string { return c.log }

// LogTail is the end of its log, for errors.
func (c *Controller) LogTail() string { return process.Tail(c.log, tailLines) }
