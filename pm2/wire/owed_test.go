package wire

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/pm2/axon"
)

// TestWhatAProgramSaysWaitsForTheAnswer to who made it speak, and not for other programs' or for ever.
func TestWhatAProgramSaysWaitsForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o owed
		var answered []func()
		call := axon.Call{Answered: func(f func()) { answered = append(answered, f) }}
		o.wait(7)
		o.answer(call, 7, false)
		o.answer(call, 7, true)
		o.answer(call, 8, false)
		o.wait(9)
		var said atomic.Bool
		go func() { o.wait(7); said.Store(true) }()
		synctest.Wait()
		assert.False(t, said.Load())
		answered[0]()
		answered[2]()
		synctest.Wait()
		assert.False(t, said.Load(), "two asked")
		answered[1]()
		synctest.Wait()
		assert.True(t, said.Load())
		assert.Empty(t, o.calls)

		o.answer(call, 7, false)
		o.wait(7) // who asked does not take the answer
		answered[3]()
		o.answer(axon.Call{}, 7, true) // nobody is to be answered
		assert.Empty(t, o.calls)

		c := &reading{}
		call.Conn = c
		o.answer(call, 7, true)
		answered[4]()
		said.Store(false)
		go func() { o.wait(7); said.Store(true) }()
		time.Sleep(patience / 2)
		synctest.Wait()
		assert.False(t, said.Load(), "it is written, and not read")
		c.read.Store(true)
		time.Sleep(glance)
		synctest.Wait()
		assert.True(t, said.Load())
		assert.Empty(t, o.written)

		call.Conn = &reading{} // never
		o.answer(call, 7, true)
		answered[5]()
		before := time.Now()
		for range 100 {
			o.wait(7)
		}
		assert.Equal(t, patience, time.Since(before), "who does not read holds up one message, not each")
	})
}

// reading is a connection whose peer reads late.
type reading struct {
	net.Conn
	read atomic.Bool
}

func (r *reading) Taken() bool { return r.read.Load() }
