package pm2

import (
	"math"
	"strconv"
	"time"

	"weaver/app"
)

// Uptime writes a time span as PM2's lists do: one unit, which changes at twice its size ("119s", "2m", "47h", "59D",
// "23M", "2Y"). Months have 30 days and years 365.
func Uptime(d time.Duration) string { return string(appendUptime(nil, d)) }

func appendUptime(dst []byte, d time.Duration) []byte {
	s := int64(max(d, 0) / time.Second)
	const minute, hour, day = 60, 3600, 86400
	unit, name := int64(1), byte('s')
	switch {
	case s >= 2*365*day:
		unit, name = 365*day, 'Y'
	case s >= 2*30*day:
		unit, name = 30*day, 'M'
	case s >= 2*day:
		unit, name = day, 'D'
	case s >= 2*hour:
		unit, name = hour, 'h'
	case s >= 2*minute:
		unit, name = minute, 'm'
	}
	return append(strconv.AppendInt(dst, s/unit, 10), name)
}

// Memory writes an amount of memory as PM2's lists do: "0b", "51.5mb".
func Memory(b app.Bytes) string { return string(appendMemory(nil, b)) }

func appendMemory(dst []byte, b app.Bytes) []byte {
	if b < 1024 {
		return append(strconv.AppendInt(dst, int64(b), 10), 'b')
	}
	units := [...]string{"kb", "mb", "gb", "tb"}
	i, scale := 0, int64(1024)
	for i < len(units)-1 && int64(b) >= scale*1024 {
		i, scale = i+1, scale*1024
	}
	// Tenths, rounded half up, without floating point: this runs for every row of every list.
	whole, rest := int64(b)/scale, int64(b)%scale
	tenths := (rest*10 + scale/2) / scale
	if tenths == 10 {
		whole, tenths = whole+1, 0
	}
	dst = strconv.AppendInt(dst, whole, 10)
	dst = append(dst, '.', byte('0'+tenths))
	return append(dst, units[i]...)
}

// CPU writes a percentage as PM2's lists do: "0%", "12.3%".
func CPU(percent float64) string { return string(appendCPU(nil, percent)) }

func appendCPU(dst []byte, percent float64) []byte {
	return append(appendNumber(dst, roundCPU(percent)), '%')
}

// roundCPU keeps one decimal, as PM2's daemon does before it tells anyone.
func roundCPU(percent float64) float64 {
	if math.IsNaN(percent) || math.IsInf(percent, 0) {
		return 0
	}
	return math.Round(percent*10) / 10
}
