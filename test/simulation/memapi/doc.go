// Package memapi is a Kubernetes API in memory, for simulations: resource versions, optimistic locks, generations, the
// status subresource, admission, and a journal of every revision. There are no goroutines and no clock of its own, so
// that a run with the same seed is the same run.
//
// What is stored is never modified: every write stores a new object. So the journal and the views share objects with
// the store, and only what a client gets is copied.
package memapi
