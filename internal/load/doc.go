// Package load is Sluice's load generator: it sends HTTP requests at a rate that does not depend on the answers, and
// measures how long each took from the moment when it was due.
//
// schedule.go says when each request is due, order.go which target it goes to; both are pure. generator.go drives the
// attacker of vegeta by them, and tally.go counts what comes back. The result, and how results of several workers become
// one, is the package result below.
package load
