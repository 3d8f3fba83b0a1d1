// Package simulation runs the real controller through histories that a seed describes: tenants who create, edit, forge
// and delete, an API server that is slow, refuses, loses answers and closes watches, processes that are killed at any
// moment. It checks the rules of replication at each write, and at the end that the cluster is as it has to be.
//
//	seed ─► History, a list of steps as data ─► World: apiserver + network + processes + tenants, in virtual time
//	                                                │ each committed write
//	                                                ▼
//	                                            Oracle: the rules, told anew, without the controller's plan
//
// A history is data so that one that fails can be made smaller by leaving steps out. What a step does depends on the
// seed and its ownNamespace number, and what the network does to a request on the seed, the request's path and how often it was
// made: so a smaller history goes on as the larger one did. What a seed does not decide is in which order goroutines
// run that are ready at the same instant of virtual time, and client-go's jitter.
package simulation
