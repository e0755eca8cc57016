package plugin

import (
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sluice-dev/sluice/internal/plugin/view"
)

// emulator is as much of a terminal as screen needs: it wraps long lines, moves up, and clears to its end.
type emulator struct {
	columns, rows int
	lines         [][]rune
	row, column   int
}

func (e *emulator) size() (columns, rows int) { return e.columns, e.rows }

// sequence matches an ANSI sequence, or a single character.
var sequence = regexp.MustCompile(`(?s)\x1b\[(\d*)([A-Za-z])|.`)

func (e *emulator) write(text string) {
	for _, match := range sequence.FindAllStringSubmatch(text, -1) {
		switch {
		case match[2] == "A":
			up, _ := strconv.Atoi(match[1])
			e.row = max(e.row-up, 0)
		case match[2] == "J":
			e.put(nil)
			e.lines = e.lines[:e.row+1]
			e.lines[e.row] = e.lines[e.row][:min(e.column, len(e.lines[e.row]))]
		case match[2] != "":
		case match[0] == "\r":
			e.column = 0
		case match[0] == "\n":
			e.row, e.column = e.row+1, 0
		default:
			e.put([]rune(match[0]))
		}
	}
}

func (e *emulator) put(runes []rune) {
	if len(runes) > 0 && e.column == e.columns {
		e.row, e.column = e.row+1, 0
	}
	for len(e.lines) <= e.row {
		e.lines = append(e.lines, nil)
	}
	for _, r := range runes {
		for len(e.lines[e.row]) <= e.column {
			e.lines[e.row] = append(e.lines[e.row], ' ')
		}
		e.lines[e.row][e.column] = r
		e.column++
	}
}

// narrow makes the terminal narrower, which wraps what is on it; the cursor stays behind it.
func (e *emulator) narrow(columns int) {
	e.columns = columns
	var wrapped [][]rune
	for _, l := range e.lines {
		for len(l) > columns {
			wrapped = append(wrapped, l[:columns])
			l = l[columns:]
		}
		wrapped = append(wrapped, l)
	}
	e.lines, e.row, e.column = wrapped, len(wrapped), 0
}

func (e *emulator) String() string {
	var b strings.Builder
	for _, l := range e.lines {
		b.WriteString(strings.TrimRight(string(l), " ") + "\n")
	}
	return b.String()
}

type toEmulator struct{ *emulator }

func (w toEmulator) Write(text []byte) (int, error) {
	w.write(string(text))
	return len(text), nil
}

func lines(texts ...string) []view.Line {
	var all []view.Line
	for _, text := range texts {
		all = append(all, view.Line{{Text: text}})
	}
	return all
}

func newScreen(columns, rows int) (*screen, *emulator) {
	e := &emulator{columns: columns, rows: rows}
	var out io.Writer = toEmulator{e}
	return &screen{console: Console{IOStreams: genericiooptions.IOStreams{Out: out}, Screen: true, Size: e.size}}, e
}

func check(t *testing.T, e *emulator, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimRight(e.String(), "\n"), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("on the screen is:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func draw(t *testing.T, how func([]view.Line) error, l []view.Line) {
	t.Helper()
	if err := how(l); err != nil {
		t.Fatal(err)
	}
}

func TestScreenReplacesWhatItDrew(t *testing.T) {
	s, e := newScreen(20, 10)
	draw(t, s.draw, lines("one", "two", "three"))
	draw(t, s.draw, lines("ONE"))
	check(t, e, "ONE")
	draw(t, s.finish, lines("uno", "due"))
	check(t, e, "uno", "due")
}

func TestScreenClipsWhileItIsDrawnAgainAndHidesNothingAtTheEnd(t *testing.T) {
	s, e := newScreen(10, 6)
	tall := lines("1", "2", "3", "4 which is long", "5", "6", "7", "8")
	draw(t, s.draw, tall)
	check(t, e, "1", "2", "… 4 more…", "7", "8")
	draw(t, s.finish, tall)
	check(t, e, "1", "2", "3", "4 which is", " long", "5", "6", "7", "8")
}

func TestScreenThatBecomesNarrower(t *testing.T) {
	s, e := newScreen(20, 10)
	draw(t, s.draw, lines("a line of 18 wides", "", "short"))
	e.narrow(7)
	draw(t, s.draw, lines("a line of 18 wides", "", "short"))
	check(t, e, "a lin…", "", "short")
}

func TestScreenOfUnknownSize(t *testing.T) {
	s, e := newScreen(0, 0)
	e.columns = 1000
	s.console.Size = func() (columns, rows int) { return 0, 0 }
	draw(t, s.draw, lines("one", "two"))
	draw(t, s.draw, lines("ONE", "TWO"))
	check(t, e, "ONE", "TWO")
}

func TestScreenOfOneRow(t *testing.T) {
	s, e := newScreen(20, 1)
	draw(t, s.draw, lines("one", "two"))
	check(t, e, "one")
}
