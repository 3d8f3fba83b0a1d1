// Package informers holds what the cluster looks like now, in as little memory as the decisions need.
//
// Each stream is a client-go Reflector, which lists, watches and lists again after faults, over a store of our own: the
// transform turns an object into a lean struct before anything is kept, so that nobody's Secret stays in memory.
//
//   - candidates, one stream a kind: every object that does not carry the replica label, metadata only. Most are kept
//     as a name; those with something to say to Mirrorball are kept with their parsed claims.
//   - replicas, one stream a kind: the objects that carry the label, kept as a keyed digest of their content.
//   - namespaces, ServiceAccounts, and the records in Mirrorball's own namespace.
//
// The two streams of a kind are disjoint, and an object that gains or loses the label passes from one to the other with
// a moment in neither or in both; whoever decides on this view writes with preconditions and looks again.
//
// A change is turned into the keys of the sources that it may concern, and nothing else. The package does no I/O but
// the streams.
package informers
