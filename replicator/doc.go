// Package replicator is the controller: a queue of sources, and for each a reconcile that asks the informers, decides
// by package plan, and writes.
//
// The unit of work is the source, whatever happened: a change anywhere is turned into the keys of the sources that it
// may concern, each with a scope, and a pass over a source looks at everything in its scope. A pass that finds nothing
// to do writes nothing. Every action of a pass is tried, and each object has its own backoff, so that one target that
// can't be written does not hold up the others. A pass carries out a bounded number of actions, and ends early when
// something urgent waits.
//
// A source's content is read when its version changed, and again where something has to be written. It is kept for at
// most ten seconds (contents.go).
//
// An Inspector (inspector*.go) decides by the same code as a Controller, on a cluster that is listed once, and writes
// nothing.
package replicator
