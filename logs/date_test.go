package logs

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The golden files hold what dayjs itself answered, as lines of [time, format, result].
func TestDatesAreDayjs(t *testing.T) {
	for zone, file := range map[string]string{"Europe/Paris": "europe-paris", "America/St_Johns": "america-st_johns"} {
		t.Run(zone, func(t *testing.T) {
			loc, err := time.LoadLocation(zone)
			require.NoError(t, err)
			f, err := os.Open(filepath.Join("testdata", "dayjs-"+file+".jsonl"))
			require.NoError(t, err)
			defer f.Close()
			n := 0
			for in := bufio.NewScanner(f); in.Scan(); n++ {
				var row [3]string
				require.NoError(t, json.Unmarshal(in.Bytes(), &row))
				at, err := time.Parse(time.RFC3339Nano, row[0])
				require.NoError(t, err)
				require.Equal(t, row[2], FormatDate(at.In(loc), row[1]), "%s as %q", row[0], row[1])
			}
			require.Greater(t, n, 60)
		})
	}
}

func FuzzFormatDate(f *testing.F) {
	for _, s := range []string{"", "YYYY-MM-DD_HH-mm-ss", "[YYYY]", "[", "[]", "SSSS", "日本[x]ZZZ"} {
		f.Add(s, int64(1700000000123))
	}
	f.Fuzz(func(t *testing.T, format string, ms int64) {
		at := time.UnixMilli(ms % (1 << 46)).UTC()
		got := FormatDate(at, format)
		require.Equal(t, got, string(compileDate(format).append(nil, at)))
		if !strings.ContainsAny(format, "YMDdHhaAmsSZ[") && format != "" {
			require.Equal(t, format, got, "what has no tokens stands for itself")
		}
		if format != "" && !strings.Contains(format, "]") {
			require.Equal(t, format+got, FormatDate(at, "["+format+"]"+format))
		}
	})
}
