// Package delivery brings a release into a namespace and says how far it came there. It writes two things only: the
// enforced copy of a Namespace, and the annotation sluice.dev/release of a workload; admission writes the images.
package delivery
