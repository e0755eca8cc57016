// Package checkout calculates prices and refunds. All amounts are whole cents.
package checkout

import (
	"errors"
	"fmt"
)

// Limits keep every product below the range of int64.
const (
	maxCents    = 1_000_000_000
	maxQuantity = 1_000_000
)

// ErrInvalid is what wrong input is.
var ErrInvalid = errors.New("invalid")

// Quote is the price of quantity pieces at cents each, less discount percent, rounded to the nearest cent.
func Quote(cents, quantity, discount int64) (int64, error) {
	if err := errors.Join(within("cents", cents, 0, maxCents), within("quantity", quantity, 1, maxQuantity),
		within("discount", discount, 0, 100)); err != nil {
		return 0, err
	}
	return rounded(cents*quantity*(100-discount), 100), nil
}

// Rounding divides a by b, which is positive, and says how cents are rounded.
type Rounding func(a, b int64) int64

// Nearest rounds half a cent up, as customers expect.
func Nearest(a, b int64) int64 { return rounded(a, b) }

// CutOff forgets what is less than a cent.
func CutOff(a, b int64) int64 { return a / b }

// Refund is what is paid back for returned of items pieces that were paid for together.
func Refund(paid, items, returned int64, rounding Rounding) (int64, error) {
	if err := errors.Join(within("paid", paid, 0, maxCents), within("items", items, 1, maxQuantity)); err != nil {
		return 0, err
	}
	if err := within("returned", returned, 0, items); err != nil {
		return 0, err
	}
	return rounding(paid*returned, items), nil
}

// rounded is a/b to the nearest, halves up; a is not negative.
func rounded(a, b int64) int64 { return a/b + (2*(a%b)+b)/(2*b) }

func within(name string, value, low, high int64) error {
	if value < low || value > high {
		return fmt.Errorf("%w: %s is %d, and must be from %d to %d", ErrInvalid, name, value, low, high)
	}
	return nil
}
