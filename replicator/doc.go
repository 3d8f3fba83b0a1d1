// Package replicator is the controller: a queue of sources, and for each a reconcile that asks the informers, decides
// by package plan, and writes.
//
// The unit of work is the source, whatever happened: a change anywhere is turned into the keys of the sources that it
// may concern, and a pass over a source looks at everything again. A pass that finds nothing to do writes nothing.
// Every action of a pass is tried, and each has its own backoff, so that one target that can't be written does not
// hold up the others; at most a slice of them is done in a pass, so that sources take turns, and those with news go
// first.
//
// A source's content is read when its version changed, and again where something has to be written; it is not kept.
package replicator
