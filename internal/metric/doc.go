// Package metric asks a Prometheus again and again, and judges each answer by a condition in CEL. It runs in a pod of its
// own, with the operator's image, and leaves what it saw in the message of the container (package result).
package metric
