package spawn

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// looks returns what sweep sees, one look after the other; the last stays.
func looks(all ...census) func() (census, error) {
	return func() (census, error) {
		c := all[0]
		if len(all) > 1 {
			all = all[1:]
		}
		return c, nil
	}
}

func treeOf(pids ...int) (c census) {
	for i, pid := range pids {
		c.tree = append(c.tree, member{pid: pid, start: 1, depth: len(pids) - i})
	}
	return c
}

func TestSweepSignalsEachOnceUntilNobodyIsNew(t *testing.T) {
	doubtful := treeOf(3)
	doubtful.unsure = true
	rows := []struct {
		name   string
		passes int
		looks  []census
		want   []int
		err    error
	}{
		{"nobody", 9, []census{{}}, nil, os.ErrProcessDone},
		{"forked meanwhile", 9, []census{treeOf(2, 1), treeOf(3, 2), treeOf(4, 3), treeOf(4)}, []int{2, 1, 3, 4}, nil},
		{"as often as asked", 2, []census{treeOf(2, 1), treeOf(3), treeOf(4)}, []int{2, 1, 3}, nil},
		{"a gap is the end", 9, []census{treeOf(1), {}, treeOf(2)}, []int{1}, nil},
		{"doubt is not", 9, []census{doubtful, doubtful, treeOf(4, 3), treeOf(3)}, []int{3, 4}, nil},
		{"nobody after doubt", 9, []census{{unsure: true}, {}}, nil, os.ErrProcessDone},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var got []int
			err := sweep(row.passes, looks(row.looks...), func(m member) error {
				got = append(got, m.pid)
				return nil
			})
			assert.Equal(t, row.want, got)
			assert.Equal(t, row.err, err)
		})
	}
}

func TestSweepTellsTheFirstErrorAfterAllWereTried(t *testing.T) {
	refused := errors.New("refused")
	tried := 0
	err := sweep(2, looks(treeOf(3, 2, 1)), func(m member) error {
		tried++
		switch m.pid {
		case 3:
			return os.ErrProcessDone
		case 2:
			return refused
		}
		return errors.New("later")
	})
	assert.EqualError(t, err, "signal process 2: refused")
	assert.ErrorIs(t, err, refused)
	assert.Equal(t, 3, tried)
	err = sweep(2, func() (census, error) { return census{}, refused }, nil)
	assert.ErrorIs(t, err, refused)
}

// Another process with the same pid is another member.
func TestSweepKnowsMembersByStartTimeToo(t *testing.T) {
	var got []uint64
	_ = sweep(3, looks(census{tree: []member{{pid: 1, start: 1}}}, census{tree: []member{{pid: 1, start: 2, depth: 5}}}), func(m member) error {
		got = append(got, m.start)
		return nil
	})
	assert.Equal(t, []uint64{1, 2}, got)
}
