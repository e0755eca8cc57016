package promotion

import (
	"strconv"
	"strings"
)

// Microseconds writes a duration of so many microseconds as people read it, with three digits.
func Microseconds(microseconds int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"s", 1_000_000}, {"ms", 1_000}} {
		if microseconds >= unit.size {
			return threeDigits(microseconds, unit.size) + " " + unit.name
		}
	}
	return strconv.FormatInt(microseconds, 10) + " us"
}

// threeDigits of a quotient that is at least one, without zeros at the end.
func threeDigits(value, unit int64) string {
	quotient, decimals := float64(value)/float64(unit), 2
	for limit := 10.0; decimals > 0 && quotient >= limit; limit *= 10 {
		decimals--
	}
	text := strconv.FormatFloat(quotient, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Percent of hundredths of one: "99.5 %".
func Percent(basisPoints int32) string {
	whole, rest := basisPoints/100, basisPoints%100
	text := strconv.Itoa(int(whole))
	if rest != 0 {
		text += "." + strings.TrimRight(strconv.Itoa(int(100 + rest))[1:], "0")
	}
	return text + " %"
}

// Thousands writes a count with commas.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
