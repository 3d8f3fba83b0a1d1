package main

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"k8s.io/client-go/rest"
)

// progress shows on a terminal what is done, and how much has been read for it. Anywhere else it shows nothing.
type progress struct {
	out      io.Writer
	terminal bool
	// read counts the bytes of all answers.
	read atomic.Int64
}

// newProgress returns the progress of what clients with this configuration read.
func newProgress(out io.Writer, config *rest.Config) *progress {
	p := &progress{out: out, terminal: isTerminal(out)}
	if p.terminal {
		config.Wrap(p.count)
	}
	return p
}

// progressDelay is how long something may take before it is shown, and progressPeriod how often it is shown then.
const (
	progressDelay  = time.Second
	progressPeriod = 100 * time.Millisecond
)

// show shows that something is done, from a second on and until the function that it returns is called.
func (p *progress) show(what string) (done func()) {
	if !p.terminal {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		before := p.read.Load()
		select {
		case <-stop:
			return
		case <-time.After(progressDelay):
		}
		// Nobody knows how much there is: an API server tells the number of what remains only without a selector.
		bar := progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionSpinnerType(14),
			progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish())
		for tick := time.Tick(progressPeriod); ; {
			_ = bar.Set64(p.read.Load() - before)
			select {
			case <-stop:
				_ = bar.Finish()
				return
			case <-tick:
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// count counts what is read from the answers of a transport.
func (p *progress) count(transport http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := transport.RoundTrip(request)
		if err == nil {
			response.Body = &countedBody{ReadCloser: response.Body, read: &p.read}
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

type countedBody struct {
	io.ReadCloser
	read *atomic.Int64
}

// Read implements io.Reader.
func (b *countedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.read.Add(int64(n))
	return n, err
}
