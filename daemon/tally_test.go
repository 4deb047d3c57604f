package daemon

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"weaver/app"
	"weaver/service"
)

// Services that come and go under ever new names are not remembered for ever, whether somebody scrapes or not.
func TestTallyForgetsWhatIsGone(t *testing.T) {
	var all tally
	most := 0
	for i := range 5 * forgotten {
		e := app.Event{Kind: app.EventOnline, ID: app.ID(i), Name: fmt.Sprint("job-", i)}
		if all.add(&e) {
			all.keep([]service.Service{{Name: e.Name}})
		}
		most = max(most, len(all.pasts))
	}
	assert.LessOrEqual(t, most, 2*forgotten)
	assert.NotNil(t, all.of(fmt.Sprint("job-", 5*forgotten-1)))
	assert.Nil(t, all.of("job-0"))
}
