// Package plan decides what the controller does about one source. It takes values and returns values: no context, no
// client, no logger, no clock. The same input always gives the same decision.
//
// A decision has two steps. [Resolve] says from the [Facts] in which [Phase] the source is, and with that whether
// replicas may be written or removed at all. [Make] compares a snapshot of the cluster with the policy and returns the
// sorted actions, and a verdict on each place:
//
//	at a target stands                            and so
//	nothing                                       create, unless a senior source wants the place, or it is the name of
//	                                              a source that has left
//	our replica                                   nothing; or update; or, where it can't change in place, recreate
//	our replica, its label taken off              update
//	a replica that a peer made of this source     adopt, unless it was found to be incompatible
//	an object that pulls from this source         nothing: it is filled
//	a replica of another source                   conflict
//	anything else                                 occupied
//
//	elsewhere stands                              and so
//	a replica of this source                      delete: it is orphaned; many of them wait, see Brake
//	an object that pulls from this source         fill, where the policy permits and the content differs
//
// Where the operator's rules withhold a right from the source, there is no replica, none is attached, or it is without
// the labels and annotations of other systems:
//
//	the rules do not allow                        and so
//	push                                          barred: no replica is wanted there
//	attach, nor does the namespace                nothing is attached; what is, is detached
//	attach, and the namespace can't be read       nothing is attached or detached
//	labels                                        the replica has no label or annotation whose key has a prefix
//
// A snapshot may cover a part of the cluster only. The decision on that part is the same as in a snapshot of
// everything.
package plan
