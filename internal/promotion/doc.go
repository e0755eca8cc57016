// Package promotion decides. It takes a snapshot of everything that bears on one Promotion and answers with a plan:
// what to do, what to write into the status, which events to publish and when to look again.
//
// It is pure: no client, no context, no logger, no clock. The same snapshot always gives the same plan, so that tests
// read like the rules, and so that the operator may be killed at any write: the next pass looks again and goes on.
// It trusts what it can observe (claims, pins, pods, Jobs, records); what cannot be observed twice (that a deadline
// passed, that something drifted) is written into the status before it is acted on.
//
// Read it in this order: snapshot.go and plan.go (the two ends), decide.go (the way between), enter.go (what stands
// before an environment), with freeze.go and emergency.go, then deploy.go, verify.go and rollback.go (what happens
// inside), and override.go (what somebody did by hand meanwhile).
package promotion
