package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// TestResolve has a case for each row of the truth table at Resolve, by its number, and some for what the table leaves
// out.
func TestResolve(t *testing.T) {
	now, grace := epoch, time.Minute
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	policy := func(c plan.Reading) plan.Facts {
		return plan.Facts{Watched: plan.WatchedPolicy, Allowed: true, Reading: c}
	}
	absent := func(began time.Time, d annotations.Deletion) plan.Facts {
		return plan.Facts{Referenced: true, Live: plan.LiveAbsent, MissingSince: began, OnDelete: d}
	}
	bare := func(began time.Time, s plan.Survival, d annotations.Deletion) plan.Facts {
		return plan.Facts{
			Referenced: true, Live: plan.LiveBare, LiveUID: "new", KnownUID: "old", Survival: s, MissingSince: began,
			OnDelete: d,
		}
	}
	with := func(f plan.Facts, edit func(*plan.Facts)) plan.Facts {
		edit(&f)
		return f
	}
	over := ago(2 * grace)
	is := func(p plan.Phase, began time.Time, graceLeft time.Duration) plan.Resolution {
		return plan.Resolution{Phase: p, MissingSince: began, GraceLeft: graceLeft}
	}
	for name, tc := range map[string]struct {
		facts plan.Facts
		want  plan.Resolution
	}{
		"1 a replica that has a policy": {
			plan.Facts{Watched: plan.WatchedReplica}, plan.Resolution{Phase: plan.PhaseRefused},
		},
		"2 annotations that can't be read": {
			plan.Facts{Watched: plan.WatchedUnreadable}, plan.Resolution{Phase: plan.PhaseFrozen},
		},
		"3 a policy that is paused": {
			plan.Facts{Watched: plan.WatchedPaused, Referenced: true}, plan.Resolution{Phase: plan.PhasePaused},
		},
		"4 a policy":                        {policy(plan.ReadingDone), plan.Resolution{Phase: plan.PhaseActive}},
		"5 a policy that is outdated":       {policy(plan.ReadingStale), plan.Resolution{Phase: plan.PhaseStale}},
		"6 a Secret of a type that is none": {policy(plan.ReadingRefused), plan.Resolution{Phase: plan.PhaseRefused}},
		"7 a policy that does not fit":      {policy(plan.ReadingUnreadable), plan.Resolution{Phase: plan.PhaseFrozen}},
		"8 a policy where no source may be": {
			plan.Facts{Watched: plan.WatchedPolicy, Referenced: true}, plan.Resolution{Phase: plan.PhaseReleased},
		},
		"out of reach, and named": {
			plan.Facts{OutOfReach: true, Referenced: true, MissingSince: over},
			plan.Resolution{Phase: plan.PhaseOutOfReach, MissingSince: over},
		},
		"out of reach, and seen": {
			with(policy(plan.ReadingDone), func(f *plan.Facts) { f.OutOfReach = true }),
			plan.Resolution{Phase: plan.PhaseOutOfReach},
		},
		"out of reach, and nothing":    {plan.Facts{OutOfReach: true}, plan.Resolution{Phase: plan.PhaseUnknown}},
		"9 nothing":                    {plan.Facts{}, plan.Resolution{Phase: plan.PhaseUnknown}},
		"9 a policy that never was":    {plan.Facts{Watched: plan.WatchedPolicy}, plan.Resolution{Phase: plan.PhaseUnknown}},
		"10 gone, as is seen just now": {absent(time.Time{}, ""), is(plan.PhaseMissing, now, grace)},
		"10 gone for a while": {
			absent(ago(20*time.Second), ""), is(plan.PhaseMissing, ago(20*time.Second), 40*time.Second),
		},
		"10 gone again, having been back between two passes": {
			with(absent(over, ""), func(f *plan.Facts) { f.DeletedAt = ago(time.Second) }),
			is(plan.PhaseMissing, ago(time.Second), grace-time.Second),
		},
		"10 gone since before the deletion was seen": {
			with(absent(ago(time.Second), ""), func(f *plan.Facts) { f.DeletedAt = over }),
			is(plan.PhaseMissing, ago(time.Second), grace-time.Second),
		},
		"11 gone for good, to be kept": {absent(over, annotations.Keep), is(plan.PhaseKept, over, 0)},
		"12 gone for good":             {absent(over, annotations.Remove), is(plan.PhaseDeleted, over, 0)},
		"12 gone for good, and nothing is known of it": {
			absent(over, ""), plan.Resolution{Phase: plan.PhaseDeleted, MissingSince: over, KeepsMarked: true},
		},
		"19 created again long ago, and nothing is known of it": {
			bare(over, plan.NotSurviving, ""),
			plan.Resolution{Phase: plan.PhaseReleased, MissingSince: over, KeepsMarked: true},
		},
		"12 gone for just the grace": {
			absent(ago(grace), annotations.Remove), is(plan.PhaseDeleted, ago(grace), 0),
		},
		"13 back, and the watch is behind": {
			plan.Facts{Referenced: true, Live: plan.LiveAnnotated, MissingSince: over},
			plan.Resolution{Phase: plan.PhaseStale, MissingSince: over},
		},
		"14 its annotations were removed all at once, and its policy survives": {
			with(bare(time.Time{}, plan.Surviving, ""), func(f *plan.Facts) { f.LiveUID, f.Emptied = "old", true }),
			plan.Resolution{Phase: plan.PhaseRestorable},
		},
		"15 they were removed all at once, and its policy does not": {
			with(bare(time.Time{}, plan.NotSurviving, ""), func(f *plan.Facts) { f.LiveUID, f.Emptied = "old", true }),
			plan.Resolution{Phase: plan.PhaseReleased},
		},
		"15 some of its annotations were removed": {
			with(bare(time.Time{}, plan.Surviving, ""), func(f *plan.Facts) { f.LiveUID = "old" }),
			plan.Resolution{Phase: plan.PhaseReleased},
		},
		"15 its UID is not known, and no replica is older": {
			with(bare(time.Time{}, plan.Surviving, ""), func(f *plan.Facts) { f.KnownUID, f.HasReplicas = "", true }),
			plan.Resolution{Phase: plan.PhaseReleased},
		},
		"16 created again, and its policy survives": {
			bare(ago(time.Second), plan.Surviving, ""),
			plan.Resolution{Phase: plan.PhaseRestorable, MissingSince: ago(time.Second)},
		},
		"17 created again": {
			bare(time.Time{}, plan.NotSurviving, ""), is(plan.PhaseRecreated, now, grace),
		},
		"17 created again as another type": {
			bare(ago(time.Second), plan.OtherType, ""),
			is(plan.PhaseRecreated, ago(time.Second), grace-time.Second),
		},
		"17 its UID is not known, and a replica is older": {
			with(bare(time.Time{}, plan.OtherObject, ""), func(f *plan.Facts) {
				f.KnownUID, f.HasReplicas, f.HasOlderReplica = "", true, true
			}),
			is(plan.PhaseRecreated, now, grace),
		},
		"17 its UID is not known, and there is no replica": {
			with(bare(time.Time{}, plan.NotSurviving, ""), func(f *plan.Facts) { f.KnownUID = "" }),
			is(plan.PhaseRecreated, now, grace),
		},
		"18 created again long ago, to be kept": {
			bare(over, plan.NotSurviving, annotations.Keep), is(plan.PhaseKept, over, 0),
		},
		"19 created again long ago": {
			bare(over, plan.NotSurviving, annotations.Remove), is(plan.PhaseReleased, over, 0),
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.facts.Now, tc.facts.Grace = now, grace
			if diff := cmp.Diff(tc.want, plan.Resolve(tc.facts)); diff != "" {
				t.Errorf("resolution (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPhasesThatRemove(t *testing.T) {
	removes := map[plan.Phase]bool{plan.PhaseDeleted: true, plan.PhaseReleased: true, plan.PhaseUnknown: true}
	for _, p := range []plan.Phase{
		plan.PhaseActive, plan.PhaseFrozen, plan.PhasePaused, plan.PhaseRefused, plan.PhaseStale, plan.PhaseMissing,
		plan.PhaseRecreated,
		plan.PhaseRestorable, plan.PhaseKept, plan.PhaseDeleted, plan.PhaseReleased, plan.PhaseUnknown,
	} {
		t.Run(string(p), func(t *testing.T) {
			if p.Removes() != removes[p] {
				t.Errorf("it removes replicas: %t, want %t", p.Removes(), removes[p])
			}
			if p == plan.PhaseActive {
				return // it depends on the policy
			}
			w := world{
				phase: p, namespaces: []*informers.Namespace{namespace(t, "team-a")},
				naming: []*informers.Replica{replica("team-a")},
			}
			if got := len(w.make(t).Actions) > 0; got != removes[p] {
				t.Errorf("a replica is deleted: %t, want %t", got, removes[p])
			}
		})
	}
}
