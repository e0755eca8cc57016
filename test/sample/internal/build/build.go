// Package build holds what the linker sets: the version, and what that version does wrong on purpose. Set
// at link time and not by a variable of the environment, because each version must be an image, and so
// a digest, of its own.
package build

// Faults.
const (
	// FaultRounding cuts off the cents of refunds: wrong by at most a cent, and only sometimes.
	FaultRounding = "rounding"
	// FaultContention lets requests wait for one another: right, fast for one, slow for many.
	FaultContention = "contention"
)

var (
	// Version is set with -ldflags "-X .../build.Version=v1".
	Version = "dev"
	// Fault is one of the faults above, or empty.
	Fault string
)
