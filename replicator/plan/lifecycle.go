package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Phase is what a source is at the moment. It decides what may be done on its account.
type Phase string

// The phases of a source.
const (
	// PhaseActive: its policy is followed.
	PhaseActive Phase = "Active"
	// PhaseFrozen: an annotation can't be read or matched. Nothing is created, changed or removed.
	PhaseFrozen Phase = "Frozen"
	// PhasePaused: its owner wants it to be left alone for now. As Frozen.
	PhasePaused Phase = "Paused"
	// PhaseRefused: it can't be a source, whatever its annotations say. As Frozen.
	PhaseRefused Phase = "Refused"
	// PhaseStale: the watch and the API server disagree about it. As Frozen, until the watch has caught up.
	PhaseStale Phase = "Stale"
	// PhaseMissing: it is gone, for less than the grace. As Frozen, until then.
	PhaseMissing Phase = "Missing"
	// PhaseRecreated: another object stands in its place that has no policy, for less than the grace. As Missing.
	PhaseRecreated Phase = "Recreated"
	// PhaseRestorable: as Recreated, and its remembered policy goes back onto the new object.
	PhaseRestorable Phase = "Restorable"
	// PhaseKept: it is gone for longer than the grace, and its policy said to keep the replicas. As Frozen.
	PhaseKept Phase = "Kept"
	// PhaseDeleted: it is gone for longer than the grace. Its replicas are removed.
	PhaseDeleted Phase = "Deleted"
	// PhaseReleased: the object is there, and has no policy any more or is where no source may be. Its replicas are
	// removed.
	PhaseReleased Phase = "Released"
	// PhaseOutOfReach: it is in a namespace that the controller does not look at, or that is not there. What names it as
	// its source stays as it is, since what became of the source can't be found out.
	PhaseOutOfReach Phase = "OutOfReach"
	// PhaseUnknown: there is no source, and nothing is known of one. What still names it as its source is removed.
	PhaseUnknown Phase = "Unknown"
)

// Removes reports whether replicas are removed in this phase because there is no source for them any more.
func (p Phase) Removes() bool { return p == PhaseDeleted || p == PhaseReleased || p == PhaseUnknown }

// Ends reports whether the source is given up in this phase: its replicas are removed, or what is remembered of it.
func (p Phase) Ends() bool { return p.Removes() || p == PhaseKept }

// Watched is what the watches show under the name of a source.
type Watched uint8

// What the watches may show.
const (
	// WatchedNothing: no object, or one without a policy.
	WatchedNothing Watched = iota
	// WatchedPolicy: an object with a policy.
	WatchedPolicy
	// WatchedUnreadable: an object with annotations that can't be read.
	WatchedUnreadable
	// WatchedPaused: an object with a policy that says it is paused.
	WatchedPaused
	// WatchedReplica: a replica, or an object that pulls, with a policy of its own.
	WatchedReplica
)

// Reading is what reading an object with a policy came to.
type Reading uint8

// What may come of it.
const (
	// ReadingDone: its policy and its content belong together.
	ReadingDone Reading = iota
	// ReadingStale: it is gone, or has no policy, so that the watch is behind.
	ReadingStale
	// ReadingRefused: a Secret of its type is never a source.
	ReadingRefused
	// ReadingUnreadable: the policy does not fit the content.
	ReadingUnreadable
)

// Live is what the API server says of a source that the watches do not show.
type Live uint8

// What it may say.
const (
	// LiveAbsent: there is no such object.
	LiveAbsent Live = iota
	// LiveAnnotated: the object has a policy, or annotations that can't be read.
	LiveAnnotated
	// LiveBare: the object has no policy.
	LiveBare
)

// Survival says whether the remembered policy may be written back onto the object that stands in a source's place.
type Survival uint8

// The answers.
const (
	// NotSurviving: nothing is remembered, or the policy does not say survives-recreation.
	NotSurviving Survival = iota
	// Surviving: it may be written back.
	Surviving
	// OtherType: the object's type is not that of the source.
	OtherType
	// OtherObject: the object is a replica, pulls, has annotations that go against the policy, or is in a protected
	// namespace.
	OtherObject
)

// Facts are what is known of a source at one moment. The fields from Live on matter only where the watches show
// nothing and the source is Referenced.
type Facts struct {
	Now   time.Time
	Grace time.Duration

	// OutOfReach says that nothing can be known of what is in the source's namespace.
	OutOfReach bool
	Watched    Watched
	// Allowed says that sources may be in the source's namespace.
	Allowed bool
	// Reading matters only where the watches show a policy, and it is Allowed.
	Reading Reading
	// Referenced says that a replica, a ServiceAccount or a record names the source.
	Referenced bool

	Live Live
	// LiveUID is that of the object that stands there, KnownUID that of the one that last had a policy; empty where it is
	// not known.
	LiveUID, KnownUID types.UID
	// HasReplicas says that there are replicas, and HasOlderReplica that one of them is older than the object.
	HasReplicas, HasOlderReplica bool
	Survival                     Survival
	// Emptied says that none of the annotations that make a policy is on the object any more, and that the last ones that
	// were seen on it said survives-recreation.
	Emptied bool
	// OnDelete is what the policy said; empty where nothing is known of it any more.
	OnDelete annotations.Deletion
	// MissingSince is when the source was first found missing, and DeletedAt when the watch last told of its deletion.
	MissingSince, DeletedAt time.Time
}

// Resolution is what a source is.
type Resolution struct {
	Phase Phase
	// MissingSince is to be remembered for the next time.
	MissingSince time.Time
	// KeepsMarked says that nothing is known of the source's policy, so that the replicas that were marked stay.
	KeepsMarked bool
	// GraceLeft is how long the phase lasts at the most, where the grace ends it.
	GraceLeft time.Duration
}

// Resolve decides in which phase a source is.
//
//	 #  watched     allowed  reading     referenced  live       same object  survival   grace  on-delete  phase
//	 1  replica     –        –           –           –          –            –          –      –          Refused
//	 2  unreadable  –        –           –           –          –            –          –      –          Frozen
//	 3  paused      –        –           –           –          –            –          –      –          Paused
//	 4  policy      yes      read        –           –          –            –          –      –          Active
//	 5  policy      yes      stale       –           –          –            –          –      –          Stale
//	 6  policy      yes      refused     –           –          –            –          –      –          Refused
//	 7  policy      yes      unreadable  –           –          –            –          –      –          Frozen
//	 8  policy      no       –           yes         –          –            –          –      –          Released
//	 9  other       –        –           no          –          –            –          –      –          Unknown
//	10  nothing     –        –           yes         absent     –            –          runs   –          Missing
//	11  nothing     –        –           yes         absent     –            –          over   keep       Kept
//	12  nothing     –        –           yes         absent     –            –          over   remove     Deleted
//	13  nothing     –        –           yes         annotated  –            –          –      –          Stale
//	14  nothing     –        –           yes         bare       yes          emptied    –      –          Restorable
//	15  nothing     –        –           yes         bare       yes          other      –      –          Released
//	16  nothing     –        –           yes         bare       no           surviving  –      –          Restorable
//	17  nothing     –        –           yes         bare       no           other      runs   –          Recreated
//	18  nothing     –        –           yes         bare       no           other      over   keep       Kept
//	19  nothing     –        –           yes         bare       no           other      over   remove     Released
//
// Emptied is surviving, and with all annotations gone at once: somebody replaced the object by a manifest without them,
// which is as little a word about the policy as to create the object again. Whoever takes off some of them means it.
//
// Where nothing can be known of the source's namespace, it is OutOfReach in place of each row in which the watches show
// something, or it is referenced.
//
// In rows 12 and 19 on-delete may be unknown, too: the replicas that are marked to be kept stay then.
func Resolve(f Facts) Resolution {
	switch {
	//mutant:out-of-reach
	case f.OutOfReach && (f.Watched != WatchedNothing || f.Referenced):
		return Resolution{Phase: PhaseOutOfReach, MissingSince: f.MissingSince}
	case f.Watched == WatchedReplica:
		return Resolution{Phase: PhaseRefused}
	//mutant:frozen-holds
	case f.Watched == WatchedUnreadable:
		return Resolution{Phase: PhaseFrozen}
	//mutant:paused-source
	case f.Watched == WatchedPaused:
		return Resolution{Phase: PhasePaused}
	case f.Watched == WatchedPolicy && f.Allowed:
		return f.read()
	case !f.Referenced:
		return Resolution{Phase: PhaseUnknown}
	case f.Watched == WatchedPolicy:
		return Resolution{Phase: PhaseReleased}
	case f.Live == LiveAnnotated:
		return Resolution{Phase: PhaseStale, MissingSince: f.MissingSince}
	case f.Live == LiveAbsent:
		return f.absent(PhaseMissing, PhaseDeleted)
	case f.sameObject() && (f.Survival != Surviving || !f.Emptied):
		return Resolution{Phase: PhaseReleased, MissingSince: f.MissingSince}
	case f.Survival == Surviving:
		return Resolution{Phase: PhaseRestorable, MissingSince: f.MissingSince}
	}
	return f.absent(PhaseRecreated, PhaseReleased)
}

func (f *Facts) read() Resolution {
	switch f.Reading {
	case ReadingStale:
		return Resolution{Phase: PhaseStale, MissingSince: f.MissingSince}
	case ReadingRefused:
		return Resolution{Phase: PhaseRefused}
	case ReadingUnreadable:
		return Resolution{Phase: PhaseFrozen}
	}
	return Resolution{Phase: PhaseActive}
}

// absent decides by the grace, which begins when the source was found missing or, where it has been back since, with
// its last deletion.
func (f *Facts) absent(during, after Phase) Resolution {
	r := Resolution{Phase: during, MissingSince: f.MissingSince}
	if r.MissingSince.IsZero() {
		r.MissingSince = f.Now
	}
	if f.DeletedAt.After(r.MissingSince) {
		r.MissingSince = f.DeletedAt
	}
	//mutant:grace
	r.GraceLeft = r.MissingSince.Add(f.Grace).Sub(f.Now)
	switch {
	case r.GraceLeft > 0:
		return r
	case f.OnDelete == annotations.Keep:
		r.Phase = PhaseKept
	default:
		r.Phase = after
		//mutant:marked-to-be-kept
		r.KeepsMarked = f.OnDelete == ""
	}
	r.GraceLeft = 0
	return r
}

// sameObject reports whether the object without a policy is the one that had it. Where that one's UID is not known, a
// replica that is older than the object was made of another that stood there before. Those that are no older were made
// of this very object: of the same second they are most of the time, since replicas are made in milliseconds. One that
// is older decides, because anybody could forge the others.
func (f *Facts) sameObject() bool {
	if f.KnownUID == "" && f.HasReplicas {
		return !f.HasOlderReplica
	}
	return f.KnownUID == f.LiveUID
}
