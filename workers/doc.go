// Package workers holds the River jobs, one file per family. A worker
// computes what it must, then runs one act that also completes the job, so
// that effect, entry and completion commit together. Work is at least once:
// every worker finds out what is already done, and doing it again does
// nothing.
//
// Nothing here answers a request, and nothing waits for a node: a job ends
// when its rows exist, and a report begins the next one.
package workers
