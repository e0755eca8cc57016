package checkout_test

import (
	"errors"
	"testing"

	"github.com/sluice-dev/sluice/test/sample/internal/checkout"
)

func TestQuote(t *testing.T) {
	tests := []struct {
		reason                               string
		cents, quantity, discount, want, bad int64
	}{
		{reason: "no discount", cents: 1999, quantity: 3, want: 5997},
		{reason: "more than half a cent goes up", cents: 1999, quantity: 3, discount: 15, want: 5097},
		{reason: "half a cent goes up", cents: 1, quantity: 1, discount: 50, want: 1},
		{reason: "less than half a cent goes down", cents: 1, quantity: 1, discount: 51, want: 0},
		{reason: "a gift", cents: 1999, quantity: 1, discount: 100, want: 0},
		{reason: "the largest", cents: 1_000_000_000, quantity: 1_000_000, want: 1_000_000_000_000_000},
		{reason: "nothing bought", cents: 1, bad: 1},
		{reason: "more than a gift", cents: 1, quantity: 1, discount: 101, bad: 1},
		{reason: "a negative price", cents: -1, quantity: 1, bad: 1},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got, err := checkout.Quote(test.cents, test.quantity, test.discount)
			if got != test.want || errors.Is(err, checkout.ErrInvalid) != (test.bad == 1) {
				t.Errorf("Quote(%d, %d, %d) = %d, %v; want %d", test.cents, test.quantity, test.discount, got, err, test.want)
			}
		})
	}
}

func TestRefund(t *testing.T) {
	tests := []struct {
		reason                string
		paid, items, returned int64
		nearest, cutOff       int64
		invalid               bool
	}{
		{reason: "all of it", paid: 1000, items: 3, returned: 3, nearest: 1000, cutOff: 1000},
		{reason: "a third", paid: 1000, items: 3, returned: 1, nearest: 333, cutOff: 333},
		{reason: "two thirds: here the fault shows", paid: 1000, items: 3, returned: 2, nearest: 667, cutOff: 666},
		{reason: "half a cent", paid: 1, items: 2, returned: 1, nearest: 1, cutOff: 0},
		{reason: "more than was bought", paid: 1000, items: 3, returned: 4, invalid: true},
		{reason: "of nothing", paid: 1000, invalid: true},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			nearest, err := checkout.Refund(test.paid, test.items, test.returned, checkout.Nearest)
			if nearest != test.nearest || errors.Is(err, checkout.ErrInvalid) != test.invalid {
				t.Errorf("to the nearest: %d, %v; want %d", nearest, err, test.nearest)
			}
			if cutOff, _ := checkout.Refund(test.paid, test.items, test.returned, checkout.CutOff); cutOff != test.cutOff {
				t.Errorf("cut off: %d, want %d", cutOff, test.cutOff)
			}
		})
	}
}
