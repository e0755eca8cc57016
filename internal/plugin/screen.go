package plugin

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// screen draws lines in the place of those that it drew before.
type screen struct {
	console Console
	// drawn holds how many columns each line took that is on the terminal now.
	drawn []int
}

// draw draws lines that will be drawn again: clipped to what the terminal shows, as the cursor cannot go back to what
// has scrolled away.
func (s *screen) draw(lines []view.Line) error {
	columns, rows := s.console.Size()
	style := view.Style{Width: max(columns-1, 0), Color: s.console.Color}
	if rows > 0 {
		lines = fold(lines, rows-1)
	}
	return s.replace(lines, style, columns)
}

// finish draws lines for the last time, and hides nothing.
func (s *screen) finish(lines []view.Line) error {
	columns, _ := s.console.Size()
	return s.replace(lines, view.Style{Color: s.console.Color}, columns)
}

func (s *screen) replace(lines []view.Line, style view.Style, columns int) error {
	var b strings.Builder
	if up := s.height(columns); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteString("\r\x1b[J" + style.Text(lines))
	s.drawn = s.drawn[:0]
	for _, l := range lines {
		drawn := l.Columns()
		if style.Width > 0 {
			drawn = min(drawn, style.Width)
		}
		s.drawn = append(s.drawn, drawn)
	}
	_, err := io.WriteString(s.console.Out, b.String())
	return err
}

// height is how many rows the drawn lines take on a terminal that has so many columns now: one that became narrower
// has wrapped them.
func (s *screen) height(columns int) int {
	rows := 0
	for _, drawn := range s.drawn {
		if columns > 0 && drawn > 0 {
			rows += (drawn + columns - 1) / columns
			continue
		}
		rows++
	}
	return rows
}

// closing is how many lines at the end are never folded away: they say what it all waits for.
const closing = 2

// fold leaves out lines before the last ones, and says how many.
func fold(lines []view.Line, rows int) []view.Line {
	head := rows - closing - 1
	if len(lines) <= rows || head < 1 {
		return lines[:min(len(lines), max(rows, 1))]
	}
	hidden := len(lines) - head - closing
	note := view.Line{{Text: fmt.Sprintf("… %d more lines; all are shown at the end", hidden), Tone: view.Faint}}
	folded := append(append([]view.Line{}, lines[:head]...), note)
	return append(folded, lines[len(lines)-closing:]...)
}
