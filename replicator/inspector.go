package replicator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Inspector decides on every source as a Controller that starts now does, on a cluster that is listed once, and writes
// nothing. Edit changes the listed cluster, and Simulate does to it what the Controller would do to the real one.
type Inspector struct {
	decider
	kinds []annotations.Kind
	// namespaces are the only ones to look at; empty is all.
	namespaces []string
	clients    clients
	states     *states
	edited     *edited
	writers    writers

	mu sync.Mutex
	// pending are the sources to decide on, and unreadable the saved policies that can't be read.
	pending    sets.Set[informers.Key]
	unreadable []*informers.Record
	passes     map[informers.Key]*pass
	failed     map[informers.Key]error
}

// NewInspector returns an Inspector that knows nothing yet. Of the options it takes those about sources and targets.
func NewInspector(o Options) (*Inspector, error) {
	if len(o.Kinds) == 0 {
		return nil, errors.New("at least one kind is needed")
	}
	c, err := newClients(o.Config)
	if err != nil {
		return nil, err
	}
	i := &Inspector{
		kinds: o.Kinds, namespaces: o.Namespaces, clients: c,
		states: newStates(), edited: newEdited(c.api), pending: sets.New[informers.Key](),
		passes: map[informers.Key]*pass{}, failed: map[informers.Key]error{},
	}
	key := informers.NewDigestKey()
	i.rulebook = newRulebook(o.Namespace, func() *informers.RulesDocument { return i.cluster.Rules() }, nil)
	cluster := informers.New(informers.Options{
		Metadata: c.metadata, Typed: c.typed, Kinds: o.Kinds, Namespace: o.Namespace,
		Namespaces: o.Namespaces, IgnoreServiceAccounts: o.IgnoreServiceAccounts, DigestKey: key,
		Notify: i.notify, Unreadable: i.noteUnreadable, OnRules: i.rulebook.refresh,
	})
	i.observer = newObserver(o, i.edited, observerParts{
		api: c.api, cluster: cluster, digestKey: key, contents: newContents(), metrics: newMetrics(nil, gauges{}),
		records: &records{api: c.api, cluster: cluster, namespace: o.Namespace},
	})
	i.writers = writers{api: c.api, cluster: cluster, digestKey: key}
	return i, nil
}

func (i *Inspector) notify(key informers.Key, _ informers.Change) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pending.Insert(key)
}

func (i *Inspector) noteUnreadable(r *informers.Record) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unreadable = append(i.unreadable, r)
}

// Cluster returns the view of the cluster.
func (i *Inspector) Cluster() *informers.Cluster { return i.cluster }

// List lists the cluster. What cannot be listed is returned as joined [informers.ListError]s and taken for empty;
// where the operator's rules can't be read, an [UnreadableRulesError] is among them, and nothing can be decided.
func (i *Inspector) List(ctx context.Context) error {
	err := i.cluster.List(ctx)
	i.rulebook.refresh()
	if i.rulebook.current() == nil {
		err = errors.Join(err, &UnreadableRulesError{i.rulebook.unreadable})
	}
	return err
}

// Rules says which rules are in force.
func (i *Inspector) Rules() string {
	i.rulebook.mu.Lock()
	defer i.rulebook.mu.Unlock()
	return i.rulebook.describe()
}

// areas returns the namespaces to list objects in: those that can be read of the ones to look at, or all by one list.
func (i *Inspector) areas() []string {
	if len(i.namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return slices.DeleteFunc(slices.Clone(i.namespaces), i.cluster.IsOutOfReach)
}

// parallelPasses is how many sources are read at a time.
const parallelPasses = 8

// Decide decides on the sources that have not been decided on, or that a change since concerns.
func (i *Inspector) Decide(ctx context.Context) error {
	r := reporter{cluster: i.cluster, notify: i.notify}
	for keys := i.take(); len(keys) > 0; keys = i.take() {
		i.passAll(ctx, keys)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, key := range keys {
			if p := i.passes[key]; p != nil {
				r.reportEligibility(p)
			}
		}
	}
	return nil
}

// take returns the sources to decide on, sorted.
func (i *Inspector) take() []informers.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(i.pending), compareKeys)
	i.pending = sets.New[informers.Key]()
	return keys
}

func compareKeys(a, b informers.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Name, b.Name))
}

func (i *Inspector) passAll(ctx context.Context, keys []informers.Key) {
	next := make(chan informers.Key)
	var workers sync.WaitGroup
	for range min(parallelPasses, len(keys)) {
		workers.Go(func() {
			for key := range next {
				p := &pass{key: key, state: i.states.get(key), scope: informers.FullScope()}
				err := i.pass(ctx, p)
				i.mu.Lock()
				delete(i.failed, key)
				delete(i.passes, key)
				if err != nil {
					i.failed[key] = err
				} else {
					i.passes[key] = p
				}
				i.mu.Unlock()
			}
		})
	}
	for _, key := range keys {
		next <- key
	}
	close(next)
	workers.Wait()
}

// pass decides on one source.
func (i *Inspector) pass(ctx context.Context, p *pass) error {
	if err := i.resolve(ctx, p); err != nil {
		return err
	}
	i.giveUp(p)
	if p.resolution.Phase == plan.PhaseActive {
		p.save, p.recordErr = i.records.wanted(p, i.cluster.Since(p.key))
	}
	for repeat := true; repeat; {
		i.decide(p)
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.world.Unfinished { // what was matched is remembered: the next one gets further
			continue
		}
		var err error
		if repeat, err = i.checkActions(ctx, p); err != nil {
			return err
		}
	}
	p.state.brake.passed(p)
	p.found = p.warnings()
	return nil
}

// checkActions finds out what a Controller finds out by trying: whether what is not known to be a replica can be made
// one. It reports whether something can't, so that the decision has to be made again.
func (i *Inspector) checkActions(ctx context.Context, p *pass) (incompatible bool, err error) {
	e := &executor{writers: &i.writers, key: p.key, source: &p.world.Source}
	for n := range p.decision.Actions {
		a := &p.decision.Actions[n]
		if a.Occupant.Replica != nil || a.Verb != plan.Adopt && a.Verb != plan.Fill && a.Verb != plan.Update {
			continue
		}
		if err := i.loadContent(ctx, p, e); err != nil {
			return false, err
		}
		_, have, err := i.reader.source(ctx, informers.Key{Kind: p.key.Kind, NamespacedName: a.Target})
		if err != nil {
			return false, fmt.Errorf("cannot read %s: %s", a.Target, reason(err))
		}
		switch err := e.checkAction(a, have); {
		case err == nil:
			a.Occupant = e.withImmutable(a.Occupant, have)
		case a.Verb == plan.Update:
			a.Verb = plan.Recreate
		default:
			p.state.setIncompatible(a, err)
			incompatible = true
		}
	}
	return incompatible, nil
}

// withImmutable returns a replica whose label was taken off, marked as immutable if it was found to be: the patch that
// puts the label back leaves it so.
func (e *executor) withImmutable(at informers.Occupant, have informers.Content) informers.Occupant {
	if at.Candidate.Stripped == nil || !have.Immutable || e.push.Immutable {
		return at
	}
	candidate, stripped := *at.Candidate, *at.Candidate.Stripped
	stripped.Immutable, candidate.Stripped = true, &stripped
	return informers.Occupant{Candidate: &candidate}
}

// loadContent reads the content of an active source for an executor that does not have it yet.
func (i *Inspector) loadContent(ctx context.Context, p *pass, e *executor) error {
	if e.content.Data != nil {
		return nil
	}
	l := p.state.loaded
	content := i.contents.get(p.key, l.uid, l.version)
	if content == nil {
		_, read, err := i.reader.source(ctx, p.key)
		if err != nil {
			return fmt.Errorf("cannot read the source: %s", reason(err))
		}
		content = &read
	}
	var err error
	e.content = *content
	e.desired, err = desiredOf(p.key, l.policy, *content)
	return err
}

// checkAction returns why an object cannot be made what an action says, or nil.
func (e *executor) checkAction(a *plan.Action, have informers.Content) error {
	if a.Verb == plan.Fill {
		return e.checkWrite(have, e.pulled(a.Pull.Dialect, have))
	}
	if claims := a.Occupant.Candidate.Claims; a.Verb == plan.Adopt && claims.Mirror == nil {
		if err := e.checkCopy(claims.PushedVersion, have, a.Contested); err != nil {
			return err
		}
	}
	return e.checkWrite(have, e.pushed(a))
}
