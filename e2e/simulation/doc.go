// Package simulation runs the real controller in thousands of random histories and checks what it writes. To run them:
//
//	make simulate SEEDS=2000                                    all of them, with rates, faults and coverage
//	cd e2e && go test ./simulation -run TestSimulation -seed 7 -v    one of them, with its trace
//
// A seed determines a [History], a list of steps as data: users create, edit, forge and delete objects; hostile tenants
// do so against the others; the operator changes the rules; the API server is slow, refuses, loses answers and closes
// watches; controllers are killed at any moment. [Run] runs a history in virtual time:
//
//	seed ─► History ─► World: apiserver + network + processes + workload
//	                             │ each committed write
//	                             ▼
//	                          oracle: the rules of replication, which share no code with the controller's plan
//
// The oracle checks each write, and at the end that the cluster has converged and stays as it is. A history that
// violates a rule is reported with its trace, after it was minimized by leaving out steps.
//
// To add to it: a kind of step is a function in steps.go and a row of stepKinds, or, of a hostile tenant's, in
// hostile.go; a version of the operator's rules is one of the documents in operator.go; a fault is a constant in
// faults.go; a rule is a constant in rules.go and a check in check.go, consent.go, ownership.go or converged.go; a
// history that once found a defect is a scenario in regressions_test.go, and what no tenant must gain is one in
// trust_test.go. The in-memory API server is package replicator/apiservertest; package conformance holds it to what
// kube-apiserver answers. The tool cmd/mutants shows what the oracle notices.
//
// What a step does depends on the seed and its own number, and which fault a request meets on the seed, the request's
// path and how often it was made: so a smaller history goes on as the larger one did. A seed does not determine in
// which order goroutines run that are ready at the same instant of virtual time, nor client-go's jitter.
package simulation
