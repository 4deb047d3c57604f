package axon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEverybodyGetsEveryMessageInOrder(t *testing.T) {
	active := make(chan bool, 8)
	p := &Publisher{Active: func(on bool) { active <- on }}
	path := listen(t, p.Serve)
	p.Publish("early", []byte("1")) // to nobody
	a, ra := dial(t, path)
	b, rb := dial(t, path)
	require.True(t, <-active)
	require.Eventually(t, func() bool { return p.count.Load() == 2 }, 60*time.Second, time.Millisecond)
	for i := range 500 {
		p.Publish("log:out", fmt.Appendf(nil, `{"n":%d}`, i))
	}
	for _, r := range []*Reader{ra, rb} {
		for i := range 500 {
			m, err := r.Read()
			require.NoError(t, err)
			require.Equal(t, Message{Text("log:out"), JSON(fmt.Appendf(nil, `{"n":%d}`, i))}, m)
		}
	}
	a.Close()
	b.Close()
	assert.False(t, <-active, "nobody listens any more")
	assert.False(t, p.Subscribed())
	assert.Empty(t, active, "no more news than that")
}

func TestASlowSubscriberMissesWholeMessages(t *testing.T) {
	p := &Publisher{}
	path := listen(t, p.Serve)
	_, slow := dial(t, path)
	require.Eventually(t, p.Subscribed, 60*time.Second, time.Millisecond)
	text := strings.Repeat("x", 100<<10)
	const n = 200 // 20 MB: more than the socket and the queue hold
	for i := range n {
		p.Publish("t", fmt.Appendf(nil, `{"n":%d,"text":%q}`, i, text))
	}
	p.Publish("end", []byte("null"))
	got := 0
	for {
		m, err := slow.Read()
		require.NoError(t, err, "the stream stays whole")
		topic, _ := TextOf(m[0])
		if topic == "end" {
			break
		}
		_, ok := JSONOf(m[1])
		require.True(t, ok)
		got++
	}
	assert.Less(t, got, n, "what waits is bounded")
	assert.Positive(t, got)
}
