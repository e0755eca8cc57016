package load

import (
	"slices"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func TestOrder(t *testing.T) {
	for name, test := range map[string]struct {
		weights []int32
		want    []int
	}{
		"one target":       {[]int32{0}, []int{0}},
		"no weights":       {[]int32{0, 0, 0}, []int{0, 1, 2}},
		"three to one":     {[]int32{3, 1}, []int{0, 0, 1, 0}},
		"spread, no bunch": {[]int32{5, 1, 1}, []int{0, 0, 1, 0, 2, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var targets []v1alpha1.LoadTarget
			for _, w := range test.weights {
				targets = append(targets, v1alpha1.LoadTarget{Weight: w})
			}
			if got := order(targets); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
