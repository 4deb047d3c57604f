package supervisor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestDiskBeginsWhileWhatIsWishedIsBeingDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{dies: time.Second}})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"})
		before := f.disk.syncs.Load()
		stopped := make(chan struct{})
		go func() { // ends with the stop
			defer close(stopped)
			f.do(app.VerbStop, "a")
		}()
		time.Sleep(time.Second / 2)
		synctest.Wait()
		assert.Equal(t, app.Stopping, f.get(0).Status)
		assert.Equal(t, before+1, f.disk.syncs.Load(), "the wish is durable before it has come true")
		<-stopped
		assert.Equal(t, before+1, f.disk.syncs.Load(), "and not once more")
	})
}

func TestManyWishesShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{dies: time.Second}})
		defer f.close()
		for i := range 20 {
			f.start(app.Spec{Name: fmt.Sprint("a", i), Script: "/a"})
		}
		before := f.disk.syncs.Load()
		f.do(app.VerbStop, "all")
		assert.Equal(t, before+1, f.disk.syncs.Load())
	})
}
