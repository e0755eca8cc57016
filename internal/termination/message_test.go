package termination

import (
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		" two\r\n\tlines ":           "two lines",
		"\x1b[2Jcleared\x00":         "[2Jcleared",
		"not \xff UTF-8":             "not ? UTF-8",
		"hides\u202eorder":           "hides order",
		strings.Repeat("a", 13):      "aaaaaaaaa...",
		strings.Repeat("\u00e4", 11): "\u00e4\u00e4\u00e4\u00e4...",
	} {
		if got := OneLine(text, 12); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	type figures struct{ Text string }
	shorten := func(f *figures) { f.Text = "short" }
	for text, want := range map[string]string{
		"a < b & c":                        `{"Text":"a < b & c"}`,
		strings.Repeat("\x01", MaxBytes/6): `{"Text":"short"}`,
	} {
		given := figures{text}
		if got, err := Encode(&given, shorten); err != nil || string(got) != want || given.Text != text {
			t.Errorf("%q becomes %q, %v; want %q", text, got, err, want)
		}
	}
}
