package pm2

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

// The pairs were printed by PM2.
func TestMemory(t *testing.T) {
	for b, want := range map[app.Bytes]string{
		0: "0b", 1: "1b", 512: "512b", 1023: "1023b", 1024: "1.0kb", 1025: "1.0kb", 1536: "1.5kb", 52428800: "50.0mb",
		1048576: "1.0mb", 1048575: "1024.0kb", 1153433: "1.1mb", 157286400: "150.0mb", 1073741823: "1024.0mb",
		1073741824: "1.0gb", 1181116006: "1.1gb", 10737418240: "10.0gb", 1099511627776: "1.0tb", 51834880: "49.4mb",
		3088384: "2.9mb", math.MaxInt64: "8388608.0tb",
	} {
		assert.Equal(t, want, Memory(b), int64(b))
	}
}

func TestUptime(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0s", 999 * time.Millisecond: "0s", 1500 * time.Millisecond: "1s", 60 * time.Second: "60s",
		119*time.Second + 999*time.Millisecond: "119s", 120 * time.Second: "2m", 179 * time.Second: "2m",
		119*time.Minute + 59*time.Second: "119m", 120 * time.Minute: "2h", 47*time.Hour + 3599*time.Second: "47h",
		48 * time.Hour: "2D", 59 * day: "59D", 60 * day: "2M", 62 * day: "2M", 90 * day: "3M", 365 * day: "12M",
		700 * day: "23M", 729 * day: "24M", 730 * day: "2Y", 1100 * day: "3Y", -5 * time.Second: "0s",
	} {
		assert.Equal(t, want, Uptime(d), d)
	}
}

func TestCPU(t *testing.T) {
	for percent, want := range map[float64]string{
		0: "0%", 0.04: "0%", 0.05: "0.1%", 1: "1%", 12.34: "12.3%", 99.95: "100%", 250.5: "250.5%", 1000: "1000%",
		math.Inf(1): "0%", 0.3000000001: "0.3%",
	} {
		assert.Equal(t, want, CPU(percent), percent)
	}
	assert.Equal(t, "0%", CPU(math.NaN()))
}

func TestRuneWidth(t *testing.T) {
	for r, want := range map[rune]int{
		'a': 1, 'é': 1, '日': 2, '한': 2, 'ｶ': 1, 'Ａ': 2, '😀': 2, '\u0301': 0, '\u200d': 0, '\u20e3': 0, '①': 1, '☺': 1,
		'⚡': 2, '\u1160': 1, '\U0001F1E9': 2, '…': 1, '│': 1, '\U00020000': 2, '䷀': 2,
	} {
		assert.Equal(t, want, runeWidth(r), string(r))
	}
	for i := 1; i < len(wide); i++ {
		assert.Less(t, wide[i-1][1], wide[i][0], "the table is searched by halves")
	}
}
