// Package observer checks the invariants of the design from the journal of the API alone. It is written independently
// of the operator, by a naive reading of the rules, and trusts nothing that the operator says of itself: a gate passed
// when its Job completed, a person signed when there is an Approval, a release is proven when both were there before.
//
// The operator decides on what its caches hold, and the API serializes what it may not get wrong by preconditions. So
// a rule about what was known holds if it held at any revision between the one that the writer had surely seen (its
// horizon, which the API notes in the journal) and the write.
package observer
