package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"weaver/pm2"
)

// webMonitor serves what PM2's HTTP monitor does, for --web: the machine and the processes as JSON at /. It listens on
// PM2_API_IPADDR, else everywhere.
func (c *call) webMonitor() (stop func(), err error) {
	port := c.last("web")
	if port == nil {
		return func() {}, nil
	}
	if *port == "" {
		*port = first(c.env.Getenv("PM2_API_PORT"), c.env.Getenv("PM2_WEB_PORT"), "9615")
	}
	if n, err := strconv.Atoi(*port); err != nil || n < 0 || n > 65535 {
		return nil, &usageError{message: "option `--web' needs a port, not " + *port}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(first(c.env.Getenv("PM2_API_IPADDR"), "0.0.0.0"), *port))
	if err != nil {
		return nil, c.cannot("", "serve the process monitor", err)
	}
	s := &http.Server{Handler: http.HandlerFunc(c.monitor), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.out.note("weaver: the process monitor ended: %v", err)
		}
	}()
	return func() { s.Close(); <-done }, nil
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (c *call) monitor(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	if r.URL.Path != "/" || r.Method != http.MethodGet {
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"err":"404"}`))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	list, err := c.client.List(ctx, true, "")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		json.NewEncoder(w).Encode(map[string]string{"err": err.Error()})
		return
	}
	if c.env.Getenv("PM2_WEB_STRIP_ENV_VARS") == "true" {
		for i := range list {
			spec := *list[i].Spec
			spec.Env, spec.WatchConfig = nil, nil
			list[i].Spec = &spec
		}
	}
	host, _ := os.Hostname() // "" is what is known
	system := map[string]any{"hostname": host, "uptime": uptime()}
	monit := map[string]any{}
	if stats, err := c.client.Host(ctx); err == nil {
		monit["loadavg"] = []float64{stats.Load1}
		monit["total_mem"], monit["free_mem"] = stats.MemoryTotal, stats.MemoryTotal-stats.MemoryUsed
		monit["cpu"] = stats.CPU
	}
	json.NewEncoder(w).Encode(map[string]any{
		"system_info": system, "monit": monit,
		"processes": json.RawMessage(pm2.AppendJList(nil, list, c.recordOptions())),
	})
}

// uptime is that of the machine, in seconds; 0 where it cannot be told.
func uptime() float64 {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	for i, b := range data {
		if b == ' ' {
			seconds, _ := strconv.ParseFloat(string(data[:i]), 64)
			return seconds
		}
	}
	return 0
}
