// Package cluster holds no code: the scripts beside it start clusters, and the tests in this package test
// what the scripts say and do where no cluster is needed.
package cluster
