// Package informers holds what the cluster looks like now, in as little memory as the decisions need.
//
// Each kind of object has a client-go shared informer with indexers. Its transform turns an object into a lean struct
// before anything is kept, so that nobody's Secret stays in memory. The informers are read through an overlay with the
// answers to our own writes, so that the next look does not have to wait for the watch.
//
//   - candidates, one informer a kind: every object that does not carry the replica label, metadata only. Most are kept
//     as a name and a version; those with something to say to Mirrorball are kept with their parsed claims.
//   - replicas, one informer a kind: the objects that carry the label, kept as a keyed digest of their content.
//   - namespaces, ServiceAccounts, and the records and rules in Mirrorball's own namespace.
//
// The two informers of a kind are disjoint. An object that gains or loses the label passes from one to the other with a
// moment in neither or in both; whoever decides on this view writes with preconditions and looks again.
//
// A change is turned into the keys of the sources that it may concern, and nothing else. The package does no I/O but
// the informers', and that of List, which fills the stores once for those who do not watch.
package informers
