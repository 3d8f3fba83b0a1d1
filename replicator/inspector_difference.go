package replicator

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Difference says how an object differs from what it has to be: the names of data keys, labels and annotations, never
// their values.
type Difference struct {
	// Missing, Surplus and Changed are data keys.
	Missing, Surplus, Changed []string
	// Marks are labels and annotations.
	Marks []string
	// Type and Immutable say that these differ.
	Type, Immutable bool
}

// Difference compares a replica, or an object that pulls, with what its active source says it has to be.
func (i *Inspector) Difference(
	ctx context.Context, key informers.Key, at types.NamespacedName,
) (d Difference, err error) {
	p := i.passes[key]
	if p == nil || p.resolution.Phase != plan.PhaseActive {
		return d, fmt.Errorf("%s is not an active source", key)
	}
	e := &executor{writers: &i.writers, key: p.key, source: &p.world.Source}
	if err := i.loadContent(ctx, p, e); err != nil {
		return d, err
	}
	object := informers.Key{Kind: key.Kind, NamespacedName: at}
	_, have, err := i.reader.source(ctx, object)
	if err != nil {
		return d, fmt.Errorf("cannot read %s: %s", object, reason(err))
	}
	want, pull := e.push, i.cluster.Get(object).Pull()
	if pull != nil {
		want = e.pulled(pull.Dialect, have)
	}
	for _, part := range []struct{ want, have map[string][]byte }{{want.Data, have.Data}, {want.Binary, have.Binary}} {
		d.compare(part.want, part.have)
	}
	for _, part := range []struct{ want, have map[string]string }{
		{want.Labels, have.Labels}, {want.Annotations, have.Annotations},
	} {
		for _, k := range slices.Sorted(maps.Keys(part.want)) {
			if value, ok := part.have[k]; !ok || value != part.want[k] {
				d.Marks = append(d.Marks, k)
			}
		}
	}
	d.Type, d.Immutable = want.Type != have.Type, pull == nil && want.Immutable != have.Immutable
	return d, nil
}

func (d *Difference) compare(want, have map[string][]byte) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if value, ok := have[k]; !ok {
			d.Missing = append(d.Missing, k)
		} else if !bytes.Equal(value, want[k]) {
			d.Changed = append(d.Changed, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[k]; !ok {
			d.Surplus = append(d.Surplus, k)
		}
	}
}
