// Package webhook asks a system of somebody else whether a release passes: it posts a signed event, and takes the answer at
// once or asks for it until the deadline. It runs in a pod of its own, with the operator's image, and leaves what it was
// told in the message of the container (package result).
package webhook
