package procstat

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// actors are what a re-executed test binary can do.
var actors = map[string]func(){}

func TestMain(m *testing.M) {
	if role := os.Getenv("WEAVER_PROCSTAT_TEST"); role != "" {
		actors[role]()
		return
	}
	goleak.VerifyTestMain(m)
}
