package procstat

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Connected counts who is connected to a listening socket: of TCP by its port, of Unix by its path. A connection that its
// program has closed does not count any more.
func Connected(network string, port int, path string) (int, error) {
	if network == "unix" {
		return countLines([]string{"/proc/net/unix"}, func(fields []string) bool {
			const connected = "03"
			return len(fields) > 7 && fields[5] == connected && fields[7] == path
		})
	}
	suffix := ":" + strings.ToUpper(fmt.Sprintf("%04x", port))
	return countLines([]string{"/proc/net/tcp", "/proc/net/tcp6"}, func(fields []string) bool {
		if len(fields) < 4 || !strings.HasSuffix(fields[1], suffix) {
			return false
		}
		state, err := strconv.ParseUint(fields[3], 16, 8)
		const established, handshake, closeWait = 1, 3, 8
		return err == nil && (state == established || state == handshake || state == closeWait)
	})
}

// countLines counts the lines of kernel tables that are meant. A table that there is not has none; all missing is an error.
func countLines(tables []string, meant func(fields []string) bool) (n int, err error) {
	read := false
	for _, name := range tables {
		f, openErr := os.Open(name)
		if openErr != nil {
			err = openErr
			continue
		}
		read = true
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if meant(strings.Fields(lines.Text())) {
				n++
			}
		}
		f.Close()
	}
	if !read {
		return 0, err
	}
	return n, nil
}
