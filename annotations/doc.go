// Package annotations is Mirrorball's vocabulary: what people write on their objects, in three dialects, comes in, and
// one value that says what is meant comes out. It does no I/O and knows no cluster.
//
// # A tour
//
// [Parse] takes the annotations of one Secret or ConfigMap and gives its [Claims]:
//
//   - a source has a [Policy]: into which namespaces it is pushed and by which it may be pulled (each a [Reach]), and
//     how its replicas are to look;
//   - an object that asks to be filled has a [Pull];
//   - a replica that one of the peers made says so, for Mirrorball to adopt it.
//
// [Has] is the cheap question to ask first. [ParseAcceptFrom] and [ParseAcceptAttachFrom] read a Namespace. [Patterns]
// are the globs of the native dialect, [LabelValue] fits a name into a label.
//
// # Three dialects
//
// The native keys are in keys.go. Beside them, Reflector's and kubernetes-replicator's are understood as these two
// understand them (reflector.go, replicator.go), so that a cluster moves over without an edit. Of an object's keys one
// dialect's are followed, in the order of [Dialect]; those of another are listed in Claims.Ignored. An object that is
// filled from another is never a source.
//
//	             push                                      pull
//	native       push-to or push-to-selector               pull-by or pull-by-selector
//	Reflector    allowed and auto, each list or selector   allowed, list or selector
//	replicator   replicate-to or replicate-to-matching     allowed, and in the list
//
//	             absent               empty                list
//	native       no namespace         no namespace         globs
//	Reflector    every namespace      every namespace      .NET regular expressions, the whole name
//	replicator   no namespace         no namespace         RE2 regular expressions, the whole name
//
// Empty selectors differ too: a native one is refused, Reflector's is as if absent, kubernetes-replicator's is every
// namespace.
//
// # What can't be read
//
// Anyone who may annotate an object writes what is parsed here, so nothing here panics, blows up or waits for long. An
// annotation that can't be read is a [Problem], and with any, the whole policy selects nothing: without an exclude that
// could not be read, the rest would reach too far. Whoever acts on the Claims has to look at Problems first and leave
// the replicas of such a source as they are. An expression that is well formed may still run out of time when it is
// matched; that is the error of [Policy.PushesTo] and [Policy.PullableBy], and to be treated alike.
package annotations
