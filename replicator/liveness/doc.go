// Package liveness finds out what has stood still, and can only be helped by a restart of the process.
//
// A [Subject] is something that has to move while there is something for it to do: a watch, a worker, the queue, the
// lease. A [Monitor] looks at each of them every few seconds, and adds up how long it has been seen to stand still. It
// is not asked when it last moved: the time for which the whole process was suspended, as by SIGSTOP or with the
// machine, does not count, and nothing fails when it wakes up.
//
// What waits for the API server does not stand still. Where it depends on the API server whether something moves, time
// counts only while [Answers] has seen it answer.
package liveness
