package pm2

import (
	"time"

	"weaver/app"
)

// column is one column of a table and its width between the borders.
type column struct {
	title string
	width int
	cell  cell
}

type cell uint8

const (
	idCell cell = iota
	nameCell
	namespaceCell
	versionCell
	modeCell
	pidCell
	uptimeCell
	restartsCell
	statusCell
	cpuCell
	memoryCell
	userCell
	watchingCell
)

type table struct {
	TableOptions
	columns []column
	now     time.Time
	scratch []byte
}

// The widths of PM2's columns, a blank on each side included.
const (
	statusWidth  = 11
	waitingWidth = len(app.WaitingRestart) + 2
	fullName     = 40
	condensedMax = 20
	miniMax      = 16
	emptyName    = 11
)

func newTable(list []app.Process, o TableOptions) *table {
	t := &table{TableOptions: o, now: o.Now, scratch: make([]byte, 0, 64)}
	longest, highest, status := 0, app.ID(0), statusWidth
	for i := range list {
		longest = max(longest, textWidth(list[i].Name))
		highest = max(highest, list[i].ID)
		if list[i].Status == app.WaitingRestart {
			status = waitingWidth
		}
	}
	id := max(4, len(highest.String())+2)
	name := longest + 5
	if len(list) == 0 {
		name = emptyName
	}
	restarts := "\u21ba"
	if !o.Unicode {
		restarts = "rst"
	}
	full := []column{
		{"id", id, idCell},
		{"name", name, nameCell},
		{"namespace", 13, namespaceCell},
		{"version", 9, versionCell},
		{"mode", 9, modeCell},
		{"pid", 10, pidCell},
		{"uptime", 8, uptimeCell},
		{restarts, 6, restartsCell},
		{"status", status, statusCell},
		{"cpu", 10, cpuCell},
		{"mem", 10, memoryCell},
		{"user", 10, userCell},
		{"watching", 10, watchingCell},
	}
	condensed := []column{
		{"id", id, idCell},
		{"name", name, nameCell},
		{"mode", 10, modeCell},
		{restarts, 6, restartsCell},
		{"status", status, statusCell},
		{"cpu", 10, cpuCell},
		{"memory", 10, memoryCell},
	}
	mini := []column{
		{"id", id, idCell},
		{"name", name, nameCell},
		{"status", status, statusCell},
		{"cpu", 8, cpuCell},
		{"mem", 10, memoryCell},
	}
	least := longest + 2
	for _, layout := range []struct {
		columns []column
		name    int // what PM2 cuts names to: the layout is chosen as if they were
	}{
		{full, fullName},
		{condensed, condensedMax},
		{mini, miniMax},
		// Below what PM2 can show at all, columns are left out and names cut further.
		{mini, 8},
		{mini[:4], 8},
		{mini[:3], 6},
		{mini[:2], 3},
	} {
		if t.use(layout.columns, min(name, layout.name), least) {
			return t
		}
	}
	return t
}

// use takes a layout if it fits with a name column of that width, and then gives the name the room that is left.
func (t *table) use(columns []column, name, least int) bool {
	rest := 1
	for _, c := range columns {
		rest += c.width + 1
	}
	rest -= columns[1].width
	if rest+name > t.Width {
		// A short word for the longest status is better than fewer columns.
		i := statusAt(columns)
		if i < 0 || columns[i].width == statusWidth || rest+name-(waitingWidth-statusWidth) > t.Width {
			return false
		}
		columns[i].width = statusWidth
		rest -= waitingWidth - statusWidth
	}
	columns[1].width = max(name, min(least, t.Width-rest))
	t.columns = columns
	return true
}

func statusAt(columns []column) int {
	for i := range columns {
		if columns[i].cell == statusCell {
			return i
		}
	}
	return -1
}
