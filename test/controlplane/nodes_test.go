package controlplane

import (
	"testing"
	"time"
)

// kwok renews a lease after a quarter of its time, and up to a twenty-fifth of that later.
func TestNodesShowTheyLiveBeforeTheyAreTakenForDead(t *testing.T) {
	lease, err := time.ParseDuration(nodeLeaseSeconds + "s")
	if err != nil {
		t.Fatal(err)
	}
	grace, err := time.ParseDuration(nodeGracePeriod)
	if err != nil {
		t.Fatal(err)
	}
	// The controller manager looks every 5 s; three renewals may be missed.
	if silent := lease/4 + lease/100 + 5*time.Second; 4*silent > grace {
		t.Errorf("a node is silent for %s, and taken for dead after %s", silent, grace)
	}
}
