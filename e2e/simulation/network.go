package simulation

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// network lies between the controllers and the API server. Each controller has a connection of its own.
type network struct {
	seed   uint64
	server *apiservertest.Server
	// onTooMany is called with the number of requests when that reaches maxRequests.
	onTooMany func(int)

	mu      sync.Mutex
	profile FaultProfile
	faults  map[string]int
	// paused are watches that are held back. Scenarios use it.
	paused []heldWatch
	// requests counts by process, method and path.
	requests map[string]int
	total    int
	// writes are those that the API server accepted, whether they changed anything or not, without events and leases.
	writes []string
}

func newNetwork(seed uint64, server *apiservertest.Server, onTooMany func(int)) *network {
	return &network{
		seed: seed, server: server, onTooMany: onTooMany,
		faults: map[string]int{}, requests: map[string]int{},
	}
}

// heldWatch holds back what the watches with a label or field selector bring, until the channel is closed: those of one
// process, or, where by is empty, of all.
type heldWatch struct {
	selector, by string
	resumed      chan struct{}
}

// pauseWatches holds back watches until resumeWatches; see heldWatch.
func (n *network) pauseWatches(selector, by string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paused = append(n.paused, heldWatch{selector: selector, by: by, resumed: make(chan struct{})})
}

func (n *network) resumeWatches() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.paused {
		close(p.resumed)
	}
	n.paused = nil
}

// resumed returns what is closed when a watch goes on, or nil if it is not paused.
func (n *network) resumed(by string, query url.Values) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.paused {
		if (p.by == "" || p.by == by) &&
			(p.selector == query.Get("labelSelector") || p.selector == query.Get("fieldSelector")) {
			return p.resumed
		}
	}
	return nil
}

func (n *network) setProfile(p FaultProfile) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.profile = p
}

func (n *network) currentProfile() FaultProfile {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.profile
}

func (n *network) count(fault string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[fault]++
}

func (n *network) faultCounts() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.faults)
}

// takeWrites returns the writes since the last call.
func (n *network) takeWrites() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	writes := n.writes
	n.writes = nil
	return writes
}

func (n *network) recordWrite(by string, r *http.Request) {
	if strings.Contains(r.URL.Path, "/events") || strings.Contains(r.URL.Path, "/leases") {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writes = append(n.writes, by+" "+r.Method+" "+r.URL.Path)
}

// begin counts a request, and returns the randomness and the fault profile for it.
func (n *network) begin(by string, r *http.Request) (random, FaultProfile) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what := by + " " + r.Method + " " + r.URL.Path
	if r.URL.Query().Get("watch") != "" {
		what += " " + r.URL.Query().Get("labelSelector")
	}
	n.requests[what]++
	if !strings.Contains(r.URL.Path, "/leases") {
		if n.total++; n.total == maxRequests {
			n.onTooMany(n.total)
		}
	}
	return newRandom(n.seed, what, n.requests[what]), n.profile
}
