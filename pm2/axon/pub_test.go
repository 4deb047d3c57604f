package axon

import (
	"context"
	"fmt"
	"net"
	"runtime"
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

// TestWhoeverHasConnectedHears: what is published after Settle reaches those who connected before, however late they are accepted.
func TestWhoeverHasConnectedHears(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells connections apart by a name without a file")
	}
	p := &Publisher{}
	known, held := make(chan struct{}), make(chan struct{})
	path := listen(t, func(ctx context.Context, l net.Listener) error {
		p.settling.serves(l.Addr())
		close(known)
		<-held // they stand in the queue
		return p.Serve(ctx, l)
	})
	var readers []*Reader
	for range 3 {
		_, r := dial(t, path)
		readers = append(readers, r)
	}
	<-known
	require.False(t, p.Subscribed())
	go close(held)
	p.Settle(t.Context())
	p.Publish("axm:reply", []byte(`1`))
	for _, r := range readers {
		m, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, Message{Text("axm:reply"), JSON([]byte(`1`))}, m)
	}
}

// TestSettlingIsNoSubscription: it switches nothing on.
func TestSettlingIsNoSubscription(t *testing.T) {
	p := &Publisher{Active: func(bool) { t.Error("somebody listens") }}
	listen(t, p.Serve)
	for range 10 {
		p.Settle(t.Context())
	}
	require.False(t, p.Subscribed())
}
