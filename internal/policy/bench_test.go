package policy

import "testing"

// BenchmarkCompare is what each pass of a controller pays.
func BenchmarkCompare(b *testing.B) {
	live, comparer := copied(), &Comparer{}
	for b.Loop() {
		comparer.Compare(live)
	}
}
