package clock

import (
	"time"
	// The rules of all time zones: the operator's image has no files of the system's.
	_ "time/tzdata"
)

// Zone returns a time zone by its name in the IANA database; nil where the name is not known. What the machine calls
// local is no zone.
func Zone(name string) *time.Location {
	if name == "" || name == "Local" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}
