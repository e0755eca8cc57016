// Package environment decides about one Environment. It takes a snapshot of its namespace and answers with a plan: what
// the Namespace shall enforce, which records to write, what to ask the registries, and the status.
//
// It is pure, as package promotion is: the same snapshot always gives the same plan. Promotions write the Environment's
// status as well, when they take and leave the slot; where they left nothing to correct, the plan's status is the
// snapshot's, so that nothing is written.
//
// Read it in this order: snapshot.go (the two ends), decide.go (the way between), owners.go (whose is which repository),
// adopt.go (what ran before Sluice came), enforce.go (what the Namespace says), freeze.go, override.go and review.go, deliver.go and conditions.go (the status).
package environment
