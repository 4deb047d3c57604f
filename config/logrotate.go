package config

import (
	"fmt"
	"strconv"
	"strings"

	"weaver/app"
)

// LogRotate is the section of the module whose work weaver does itself.
const LogRotate = "pm2-logrotate"

// Rotate returns the settings of weaver's own that a setting of pm2-logrotate means; none for those that have nothing to
// set: weaver looks at each write, and has no modules that it treats otherwise.
func Rotate(key, value string) (map[string]string, error) {
	value = strings.TrimSpace(value)
	switch key {
	case "max_size":
		if value == "" {
			value = "10M"
		}
		size, err := app.ParseBytes(strings.ToUpper(value))
		if err != nil {
			return nil, fmt.Errorf("%s:%s: %q is no size like 512K, 10M or 1G", LogRotate, key, clip(value))
		}
		return map[string]string{"log.max_size": strconv.FormatInt(int64(size), 10)}, nil
	case "retain":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			n = 0 // "all"
		}
		return map[string]string{"log.keep": strconv.Itoa(n)}, nil
	case "compress":
		on := value == "true" || value == "1" || value == "yes"
		return map[string]string{"log.compress": strconv.FormatBool(on)}, nil
	case "dateFormat":
		return map[string]string{"log.date_format": value}, nil
	case "rotateInterval":
		return map[string]string{"log.rotate_at": value}, nil
	}
	return nil, nil
}
