// Package gate runs a test as a Job in the namespace of an environment, and reads the verdict from it: from the kubelet's
// report of the exit code, and from nothing that the test says of itself.
package gate
