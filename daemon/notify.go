package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// initSystem is the one that started the anchor, if it wants to hear: sd_notify(3). Its zero value hears nothing.
type initSystem struct {
	socket string
	every  time.Duration // how often it wants to know that we live; 0 is not at all
}

// findInit reads what systemd put into the environment, which the anchor passed on.
func findInit(getenv func(string) string) initSystem {
	s := initSystem{socket: getenv("NOTIFY_SOCKET")}
	if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && s.socket != "" {
		s.every = time.Duration(us) * time.Microsecond / 3
	}
	return s
}

func (s initSystem) tell(text string) error {
	if s.socket == "" {
		return nil
	}
	name := s.socket
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the init system: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		return fmt.Errorf("tell the init system: %w", err)
	}
	return nil
}

// ready says that the services are started. The main process is the anchor: it outlives us.
func (s initSystem) ready(processes int) error {
	return s.tell(fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=%d processes", os.Getppid(), processes))
}

// lives tells the init system that we live, as long as alive returns true, until ctx ends.
func (s initSystem) lives(ctx context.Context, log *zap.Logger, alive func() bool) {
	if s.every <= 0 {
		return
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !alive() {
				continue
			}
			if err := s.tell("WATCHDOG=1"); err != nil {
				log.Warn("watchdog", zap.Error(err))
			}
		case <-ctx.Done():
			return
		}
	}
}
