package view

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Tone says how a piece of text is meant; a terminal shows it as a colour.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Strong
	Faint
	Good
	Bad
	Busy
	Waits
)

// Span is a piece of text in one tone. Make one with text or toned, which clean it.
type Span struct {
	Text string
	Tone Tone
}

// Line is one line, of several tones.
type Line []Span

// Style says how lines become text.
type Style struct {
	// Width of the terminal in columns, at which lines are clipped; 0 clips nothing.
	Width int
	// Color writes ANSI colours.
	Color bool
}

const reset = "\x1b[0m"

// escape returns the ANSI sequence of a tone; empty for Plain.
func (t Tone) escape() string {
	return [...]string{Plain: "", Strong: "\x1b[1m", Faint: "\x1b[2m", Good: "\x1b[32m", Bad: "\x1b[31m", Busy: "\x1b[36m", Waits: "\x1b[33m"}[t]
}

func text(s string) Span              { return Span{Text: clean(s)} }
func toned(tone Tone, s string) Span  { return Span{Text: clean(s), Tone: tone} }
func line(spans ...Span) Line         { return spans }
func plain(s string) Line             { return Line{text(s)} }
func (l Line) and(spans ...Span) Line { return append(append(Line{}, l...), spans...) }

// Text is a plain line of what somebody else may have written.
func Text(s string) Line { return plain(s) }

// Columns is how many columns the line takes on a terminal.
func (l Line) Columns() int {
	columns := 0
	for _, span := range l {
		columns += columnsOf(span.Text)
	}
	return columns
}

// String is the text alone.
func (l Line) String() string { return Style{}.Render(l) }

// Render returns the line as text without a line break.
func (s Style) Render(l Line) string {
	if s.Width > 0 && l.Columns() > s.Width {
		l = clip(l, s.Width)
	}
	var b strings.Builder
	for _, span := range trim(l) {
		content := span.Text
		if escape := span.Tone.escape(); s.Color && escape != "" && content != "" {
			content = escape + content + reset
		}
		b.WriteString(content)
	}
	return b.String()
}

// trim leaves out spaces at the end.
func trim(l Line) Line {
	for i := len(l) - 1; i >= 0; i-- {
		if content := strings.TrimRight(l[i].Text, " "); content != "" {
			return append(append(Line{}, l[:i]...), Span{Text: content, Tone: l[i].Tone})
		}
	}
	return nil
}

// Text returns lines as text, each with a line break.
func (s Style) Text(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(s.Render(l))
		b.WriteByte('\n')
	}
	return b.String()
}

// clip shortens a line to a number of columns and shows that it did.
func clip(l Line, columns int) Line {
	left := columns - 1
	var clipped Line
	for _, span := range l {
		kept := 0
		for i, r := range span.Text {
			if left -= columnsOfRune(r); left < 0 {
				break
			}
			kept = i + len(string(r))
		}
		clipped = append(clipped, Span{Text: span.Text[:kept], Tone: span.Tone})
		if left < 0 {
			break
		}
	}
	return append(clipped, Span{Text: "…", Tone: Faint})
}

// pad fills a line with spaces up to a number of columns.
func pad(l Line, columns int) Line {
	if missing := columns - l.Columns(); missing > 0 {
		return l.and(Span{Text: strings.Repeat(" ", missing)})
	}
	return l
}

func columnsOf(s string) int {
	columns := 0
	for _, r := range s {
		columns += columnsOfRune(r)
	}
	return columns
}

func columnsOfRune(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clean makes a text harmless and one line long: white space becomes a space, and control characters, with those that
// turn around the direction of writing, become a replacement character, so that nobody is shown what is not there.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
