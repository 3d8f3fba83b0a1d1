// Package annotations reads what people write on Secrets, ConfigMaps and Namespaces for Mirrorball, in three dialects,
// into one set of types. It does no I/O and does not know the cluster.
//
// # How to use it
//
// Ask [Has] first, which is cheap. Then [Parse] reads the annotations of one Secret or ConfigMap and returns its
// [Claims]:
//
//   - a source has a [Policy]: into which namespaces it is pushed and by which it may be pulled (each a [Reach]), and
//     what its replicas look like;
//   - an object that asks to be filled has a [Pull];
//   - a replica that Reflector or kubernetes-replicator made has a mark of it, so that Mirrorball can adopt it.
//
// Look at Claims.Problems before anything else: with a Problem, leave the object and its replicas as they are. Then ask
// the policy about each namespace:
//
//	claims := annotations.Parse(secret.Namespace, secret.Name, secret.Annotations)
//	if len(claims.Problems) > 0 {
//		return // frozen: report the problems
//	}
//	push, err := claims.Policy.PushesTo(namespace.Name, namespace.Labels)
//	if err != nil {
//		return // frozen too: matching takes too long; ask again later
//	}
//
// Keep the Policy as long as the annotations stay the same. It remembers which names match.
//
// [ParseAcceptFrom] and [ParseAcceptAttachFrom] read the annotations of a Namespace. [Patterns] are the globs of the
// native dialect. [LabelValue] shortens a name to what a label can hold.
//
// # Three dialects
//
// The native keys are in keys.go. The keys of Reflector (reflector.go) and kubernetes-replicator (replicator.go) mean
// here what they mean there, so that a cluster can move without an edit. If an object has keys of several dialects, the
// first in the order of [Dialect] counts, and the others are listed in Claims.Ignored. An object that is filled from
// another is never a source.
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
// # Invalid and expensive annotations
//
// Anyone who may annotate an object writes what is read here. So nothing panics, and memory and time are bounded.
//
// An annotation that cannot be read is a [Problem]. With a Problem the whole policy selects nothing: without an exclude
// that could not be read, for example, the rest would reach too far.
//
// A valid expression may still take too long to match. Each policy has a budget of time for matching, and the policies
// of one namespace may have a [Share] of it together; when either is spent, [Policy.PushesTo] and [Policy.PullableBy]
// return an error for a while. Remembered answers cost nothing.
//
// Who holds the policies of a whole cluster reads them with [Outline], which leaves out long texts, and frees what they
// take with [Policy.Suspend].
package annotations
