package view

// node is one row of a tree: a label, cells that stand in columns, a note after them, and what hangs below.
type node struct {
	label    Line
	cells    []Span
	note     Line
	children []node
}

// widestLabel bounds the first column, so that one long name does not push everything else off the screen.
const widestLabel = 44

// gap is what stands between two columns.
const gap = "  "

// row is a node with what is drawn before it.
type row struct {
	prefix string
	node   node
}

// drawTree draws the roots one below the other, a blank line between them, and all cells in columns.
func drawTree(roots ...node) []Line {
	var rows []row
	for i, root := range roots {
		if i > 0 {
			rows = append(rows, row{})
		}
		rows = flatten(rows, root, "", "")
	}
	label, cells := columns(rows)
	lines := make([]Line, 0, len(rows))
	for _, r := range rows {
		lines = append(lines, r.draw(label, cells))
	}
	return lines
}

// flatten appends a node and all below it: own is drawn before the node, below before its children.
func flatten(rows []row, n node, own, below string) []row {
	rows = append(rows, row{prefix: own, node: n})
	for i, child := range n.children {
		if i == len(n.children)-1 {
			rows = flatten(rows, child, below+"└─ ", below+"   ")
			continue
		}
		rows = flatten(rows, child, below+"├─ ", below+"│  ")
	}
	return rows
}

// columns returns how wide the labels and each cell are, of those rows that have cells.
func columns(rows []row) (label int, cells []int) {
	for _, r := range rows {
		if len(r.node.cells) == 0 {
			continue
		}
		label = max(label, min(columnsOf(r.prefix)+r.node.label.Columns(), widestLabel))
		for i, cell := range r.node.cells {
			if i == len(cells) {
				cells = append(cells, 0)
			}
			cells[i] = max(cells[i], columnsOf(cell.Text))
		}
	}
	return label, cells
}

func (r row) draw(label int, cells []int) Line {
	drawn := line(toned(Faint, r.prefix)).and(r.node.label...)
	if len(r.node.cells) > 0 {
		drawn = pad(drawn, label)
		for i, cell := range r.node.cells {
			drawn = drawn.and(text(gap)).and(pad(line(cell), cells[i])...)
		}
	}
	if len(r.node.note) > 0 {
		drawn = drawn.and(text(gap)).and(r.node.note...)
	}
	return drawn
}

// field is one line of a header: a name and a value.
type field struct {
	name  string
	value Line
}

// drawFields draws a header as kubectl describe does; a field without a name goes on with the one before it, and one
// without a value is left out.
func drawFields(fields []field) []Line {
	const column = 14
	var lines []Line
	for _, f := range fields {
		if len(f.value) == 0 {
			continue
		}
		name := f.name
		if name != "" {
			name += ":"
		}
		lines = append(lines, pad(line(toned(Strong, name)), column).and(f.value...))
	}
	return lines
}
