package junit

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// cleaner replaces what XML cannot hold, bytes that are no UTF-8 and control characters, by question marks. Tests print
// all kinds of things, and tools copy them into reports: that should not keep anybody from reading how they ended.
type cleaner struct {
	source *bufio.Reader
	rest   []byte
}

func newCleaner(source io.Reader) *cleaner {
	return &cleaner{source: bufio.NewReaderSize(source, 64<<10)}
}

// Read implements io.Reader.
func (c *cleaner) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n := 0
	for n+utf8.UTFMax <= len(p) {
		r, size, err := c.source.ReadRune()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if r == utf8.RuneError && size == 1 || !allowed(r) {
			r = '?'
		}
		n += utf8.EncodeRune(p[n:], r)
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	// Too little room for the longest character: read one aside.
	aside := make([]byte, utf8.UTFMax)
	m, err := c.Read(aside)
	n = copy(p, aside[:m])
	c.rest = aside[n:m]
	return n, err
}

// allowed says whether XML 1.0 may hold a character.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}

// charset takes reports that name an encoding which differs from UTF-8 in letters outside ASCII only: these become
// question marks.
func charset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252", "cp1252":
		return input, nil
	}
	return nil, fmt.Errorf("encoding %.40q; write UTF-8", label)
}
