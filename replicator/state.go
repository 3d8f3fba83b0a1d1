package replicator

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// state is what the process knows of a source beyond what the cluster shows. One worker has it at a time; only what is
// guarded by mu is others' too. All of it may be lost: a new process does right without it.
type state struct {
	// uid is that of the object that last had a policy, and policy what that was.
	uid    types.UID
	policy *annotations.Policy
	// loaded is what the last read of the source came to; nil where it has to be read.
	loaded *loaded
	// missingSince is when it was first found missing or without its annotations, and deletedAt when the watch last told
	// of its deletion: it may have been back between two passes.
	missingSince, deletedAt time.Time
	// wrote says that something was written since it was last in sync, and announced that people were told once.
	wrote, announced bool
	// syncedDigest is the digest with which all targets were last in sync, written or refused: what is written after that
	// was undone by somebody, or is new.
	syncedDigest informers.Digest
	backoffs     backoffs
	brake        brake
	// incompatible are objects that were found not to be fit to be adopted or filled from this version of the source.
	incompatible map[types.NamespacedName]plan.Incompatible
	// reported are the warnings that stand, by subject and reason, and targetWarnings those of the findings.
	reported map[warningKey]string
	// withheld are the rights that the source lacks, by namespace.
	withheld withheld
	// rules are those of the last pass.
	rules          *rules.Rules
	targetWarnings []warning

	mu sync.Mutex
	// phase is that of the last pass, and findings what it and those before it found.
	phase    plan.Phase
	findings findings
	// condition names the source's state for the metrics; source is set while it is active.
	condition string
	source    *plan.Source
}

func newState() *state {
	return &state{backoffs: backoffs{}, reported: map[warningKey]string{}, findings: findings{}, withheld: withheld{}}
}

// states are those of all sources.
type states struct {
	mu sync.Mutex
	of map[informers.Key]*state
}

func newStates() *states { return &states{of: map[informers.Key]*state{}} }

// get returns the state of a source, which is made where there is none.
func (x *states) get(key informers.Key) *state {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.of[key]
	if s == nil {
		s = newState()
		x.of[key] = s
	}
	return s
}

// drop forgets the state of a source, but for the backoffs: who makes things for Mirrorball to remove must not be able
// to have them forgotten.
func (x *states) drop(key informers.Key, b backoffs) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(b) == 0 {
		delete(x.of, key)
		return
	}
	x.of[key] = newState()
	x.of[key].backoffs = b
}

// list returns the states there are.
func (x *states) list() map[informers.Key]*state {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make(map[informers.Key]*state, len(x.of))
	for key, s := range x.of {
		out[key] = s
	}
	return out
}

// inSync counts the replicas of an active source that are in sync.
func (s *state) inSync(cluster *informers.Cluster, key informers.Key) int {
	if s.source == nil {
		return 0
	}
	digests := []informers.Digest{s.source.Push, s.source.Plain, s.source.Pull, s.source.PullKeys}
	return cluster.CountReplicas(key, func(r *informers.Replica) bool {
		_, found := s.findings[r.NamespacedName]
		return !found && slices.Contains(digests, r.Digest)
	})
}

// count adds up the numbers of all sources, for the metrics.
func (x *states) count(cluster *informers.Cluster) (sources map[string]int, places map[plan.State]int) {
	sources, places = map[string]int{}, map[plan.State]int{}
	for key, s := range x.list() {
		s.mu.Lock()
		if s.condition != "" {
			sources[s.condition]++
		}
		for state, n := range s.findings.count() {
			places[state] += n
		}
		if n := s.inSync(cluster, key); n > 0 {
			places[plan.InSync] += n
		}
		s.mu.Unlock()
	}
	return sources, places
}
