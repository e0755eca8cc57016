// Package simulation runs the whole operator, its real controllers and their real watches, over an API in memory and
// with a clock that only the simulation moves: thousands of schedules, each drawn from a seed.
//
// A schedule mixes, one small step at a time: an event reaches one of the operator's informers, a queued object is
// reconciled, the world moves (Deployments roll, Jobs end, the API server hears of a Namespace's new pins), a person
// acts, time passes. Every write of the operator may fail: it dies before or after it, the answer is lost, somebody else
// was first; and it may lose the lead and write once more. Then all faults stop, and everything has to come to rest.
//
// An observer (package observer) reads the journal of the API, and nothing else, and checks the invariants of the design.
//
//	go test ./test/simulation -run TestSimulation -seeds=1000          # many schedules
//	go test ./test/simulation -run TestSimulation -seed=42 -v          # one, with its log
package simulation
