package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/mirrorball-dev/mirrorball/internal/apiserver"
)

// Weather is how often requests fail, in percent, and how watches fare.
type Weather uint8

// The weathers.
const (
	Calm Weather = iota
	Unsettled
	Storm
	Outage
)

// String is the weather in a word.
func (w Weather) String() string { return [...]string{"calm", "unsettled", "storm", "outage"}[w] }

// The faults, as they are counted.
const (
	faultTooMany   = "429 with Retry-After"
	faultInternal  = "500"
	faultAway      = "503"
	faultTimeout   = "no answer until the timeout"
	faultRefused   = "connection refused"
	faultLost      = "landed, answer lost"
	faultStale     = "stale list"
	faultSlow      = "slow answer"
	faultClosed    = "watch closed"
	faultStalled   = "watch stalled"
	faultExpired   = "watch compacted"
	faultKilled    = "process killed"
	faultTwo       = "two at work"
	faultCompacted = "history compacted"
)

var errRefused = errors.New("connection refused")

// network is what lies between the processes and the API.
type network struct {
	seed   uint64
	server *apiserver.Server
	// flooded is called when there were too many requests.
	flooded func(int)

	mu      sync.Mutex
	weather Weather
	faults  map[string]int
	// gates hold back what watches bring, by label selector, until they are closed: in histories told by hand.
	gates map[string]chan struct{}
	// requests counts by process, method and path.
	requests map[string]int
	total    int
	// writes are those that the API took, whether they changed anything or not; events and leases left out.
	writes []string
}

func newNetwork(seed uint64, server *apiserver.Server, flooded func(int)) *network {
	return &network{
		seed: seed, server: server, flooded: flooded,
		faults: map[string]int{}, gates: map[string]chan struct{}{}, requests: map[string]int{},
	}
}

// hold has the watches with a label selector stand still from now on, release bring everything again.
func (n *network) hold(selector string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gates[selector] = make(chan struct{})
}

func (n *network) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for selector, gate := range n.gates {
		close(gate)
		delete(n.gates, selector)
	}
}

func (n *network) gate(selector string) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gates[selector]
}

func (n *network) set(w Weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = w
}

func (n *network) count(fault string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[fault]++
}

func (n *network) counted() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.faults)
}

// written returns the writes since it was last called.
func (n *network) written() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	writes := n.writes
	n.writes = nil
	return writes
}

// begin books a request, and returns the chance and the weather for it.
func (n *network) begin(by string, r *http.Request) (chance, Weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what := by + " " + r.Method + " " + r.URL.Path
	if r.URL.Query().Get("watch") != "" {
		what += " " + r.URL.Query().Get("labelSelector")
	}
	n.requests[what]++
	if !strings.Contains(r.URL.Path, "/leases") {
		if n.total++; n.total == mostRequests {
			n.flooded(n.total)
		}
	}
	return newChance(n.seed, what, n.requests[what]), n.weather
}

// connection is a process's own way to the API; it ends with the process.
type connection struct {
	network *network
	by      string
	dead    chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	chance, weather := c.network.begin(c.by, r)
	if strings.HasPrefix(r.URL.Path, "/apis/events.k8s.io/") {
		// client-go's broadcaster holds a mutex while it sends. One who waits for that keeps the bubble's time from going
		// on, and so the request from ending: events are answered, or not, at once.
		if weather == Outage || weather == Storm && chance.oneIn(3) {
			return nil, errRefused
		}
		return c.serve(r, apiserver.Terms{By: c.by})
	}
	delay := chance.between(100*time.Microsecond, 4*time.Millisecond)
	if weather != Calm && chance.oneIn(12) {
		delay = chance.between(50*time.Millisecond, 3*time.Second)
		c.network.count(faultSlow)
	}
	if err := c.wait(r.Context(), delay); err != nil {
		return nil, err
	}
	terms := apiserver.Terms{By: c.by}
	switch fault := chooseFault(chance, weather, r); fault {
	case "":
	case faultStale:
		c.network.count(fault)
		terms.Behind = uint64(1 + chance.IntN(30))
	case faultLost:
		c.network.count(fault)
		response, err := c.serve(r, terms)
		if err == nil {
			_ = response.Body.Close()
		}
		_ = c.wait(r.Context(), delay)
		return nil, io.ErrUnexpectedEOF
	case faultTimeout:
		c.network.count(fault)
		if err := c.wait(r.Context(), time.Minute); err != nil {
			return nil, err
		}
		return nil, errRefused
	case faultRefused:
		c.network.count(fault)
		return nil, errRefused
	default:
		c.network.count(fault)
		return refusal(r, fault, 1+chance.IntN(3)), nil
	}
	response, err := c.serve(r, terms)
	if err != nil {
		return nil, err
	}
	if w, ok := response.Body.(*apiserver.Watch); ok {
		response.Body = &line{Watch: w, connection: c, chance: chance, weather: weather}
		return response, nil
	}
	if err := c.wait(r.Context(), delay); err != nil {
		return nil, err
	}
	return response, nil
}

func (c *connection) serve(r *http.Request, terms apiserver.Terms) (*http.Response, error) {
	select {
	case <-c.dead:
		return nil, errRefused
	default:
	}
	response, err := c.network.server.Serve(r, terms)
	if err == nil && response.StatusCode < http.StatusBadRequest && r.Method != http.MethodGet &&
		!strings.Contains(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "/leases") {
		c.network.mu.Lock()
		defer c.network.mu.Unlock()
		c.network.writes = append(c.network.writes, c.by+" "+r.Method+" "+r.URL.Path)
	}
	return response, err
}

// wait lets time go by, unless the request or the process ends.
func (c *connection) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.dead:
		return errRefused
	}
}

func chooseFault(c chance, w Weather, r *http.Request) string {
	rate := [...]int{Calm: 0, Unsettled: 6, Storm: 35, Outage: 100}[w]
	if !c.percent(rate) {
		return ""
	}
	if w == Outage {
		return pick(c, faultRefused, faultRefused, faultAway, faultTimeout)
	}
	all := []string{faultTooMany, faultInternal, faultAway, faultTimeout, faultRefused}
	if r.Method == http.MethodGet && r.URL.Query().Get("resourceVersion") == "0" {
		all = append(all, faultStale, faultStale, faultStale, faultStale, faultStale)
	}
	if r.Method != http.MethodGet {
		all = append(all, faultLost, faultLost, faultLost)
	}
	return pick(c, all...)
}

// refusal is an API server's answer that it can't, or won't now.
func refusal(r *http.Request, fault string, seconds int) *http.Response {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
	}
	header := http.Header{"Content-Type": {"application/json"}}
	switch fault {
	case faultTooMany:
		status.Code, status.Reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
		status.Details = &metav1.StatusDetails{RetryAfterSeconds: int32(seconds)}
		header.Set("Retry-After", fmt.Sprint(seconds))
	case faultAway:
		status.Code, status.Reason = http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable
	}
	body, _ := json.Marshal(status) // strings and numbers
	return &http.Response{
		StatusCode: int(status.Code), Header: header, Request: r, ContentLength: -1,
		Body: io.NopCloser(strings.NewReader(string(body))),
	}
}

// longestStall is how long a watch can stand still before the connection is found dead, as HTTP/2's pings do.
const longestStall = 45 * time.Second

// line is a watch's way to the process: it delays what it brings, stands still, and breaks.
type line struct {
	*apiserver.Watch
	connection *connection
	chance     chance
	weather    Weather
	rest       []byte
}

// Read implements io.Reader.
func (l *line) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		frame, err := l.next()
		if err != nil {
			return 0, err
		}
		l.rest = frame
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *line) next() ([]byte, error) {
	frame, err := l.Next()
	if err != nil {
		return nil, err
	}
	if gate := l.connection.network.gate(l.URL.Query().Get("labelSelector")); gate != nil {
		select {
		case <-gate:
		case <-l.connection.dead:
		case <-l.Context().Done():
		}
	}
	l.connection.network.mu.Lock()
	weather := l.connection.network.weather
	l.connection.network.mu.Unlock()
	ctx := l.Context()
	delay := l.chance.between(50*time.Microsecond, 2*time.Millisecond)
	switch weather {
	case Unsettled, Storm:
		switch roll := l.chance.IntN(100); {
		case roll < 2:
			l.connection.network.count(faultClosed)
			return nil, io.EOF
		case roll < 3:
			l.connection.network.count(faultExpired)
			l.Expire()
			return l.Next()
		case roll < 6:
			l.connection.network.count(faultStalled)
			if err := l.connection.wait(ctx, l.chance.between(time.Second, longestStall)); err != nil {
				return nil, err
			}
			if l.chance.oneIn(2) {
				return nil, io.ErrUnexpectedEOF
			}
		case roll < 20:
			delay = l.chance.between(time.Millisecond, 500*time.Millisecond)
		}
	case Outage:
		return nil, io.ErrUnexpectedEOF
	}
	return frame, l.connection.wait(ctx, delay)
}
