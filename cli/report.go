package cli

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"weaver/api"
	"weaver/logs"
	"weaver/pm2"
)

// runReport prints what a report of a fault needs, in PM2's form.
func runReport(c *call) error {
	list, err := c.processes(false, nil)
	if err != nil {
		return err
	}
	var b strings.Builder
	section := func(title string, rows [][2]string) {
		b.WriteString("--- " + title + " " + strings.Repeat("-", 75-len(title)) + "\n")
		for _, r := range rows {
			fmt.Fprintf(&b, "%-20s : %s\n", r[0], r[1])
		}
	}
	rule := strings.Repeat("=", 79) + "\n"
	name := "weaver"
	if c.home.PM2 {
		name = "PM2"
	}
	b.WriteString("\n\n\n```\n")
	section(name+" report", [][2]string{{"Date", time.Now().Format("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)")}})
	b.WriteString(rule)
	ping, err := c.client.Ping(c.ctx)
	if err == nil {
		section("Daemon", [][2]string{
			{"weaverd version", ping.Version},
			{"pid", fmt.Sprint(ping.PID)},
			{"anchor", fmt.Sprint(ping.AnchorPID)},
			{"home", ping.Home},
			{"durable", fmt.Sprint(ping.Durable, " ", ping.Problem)},
			{"uptime", pm2.Uptime(time.Duration(ping.UptimeMS) * time.Millisecond)},
		})
	} else {
		section("Daemon", [][2]string{{"state", "not running"}})
	}
	host, _ := os.Hostname() // "" is what is known
	b.WriteString(rule)
	section("CLI", [][2]string{
		{"weaver version", c.env.Version},
		{"called as", program(c.env)},
		{"go version", runtime.Version()},
		{"user", first(c.env.Getenv("USER"), c.env.Getenv("LOGNAME"))},
		{"uid", fmt.Sprint(os.Getuid())},
		{"gid", fmt.Sprint(os.Getgid())},
	})
	b.WriteString(rule)
	section("System info", [][2]string{
		{"arch", runtime.GOARCH}, {"platform", runtime.GOOS}, {"hostname", host}, {"cpus nb", fmt.Sprint(runtime.NumCPU())}, {"home", c.env.Getenv("HOME")},
	})
	b.WriteString(rule)
	section(name+" list", nil)
	b.Write(pm2.AppendTable(nil, list, pm2.TableOptions{Unicode: true, Now: time.Now()}))
	b.WriteString(rule)
	section("Daemon logs", nil)
	b.WriteString(c.home.DaemonLog() + " last 20 lines:\n")
	lines, err := logs.Tail(c.home.DaemonLog(), 20, logs.TailOptions{})
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	for _, l := range lines {
		b.WriteString("PM2        | " + l + "\n")
	}
	b.WriteString("```\n\n\n")
	c.out.data(b.String())
	return nil
}

// runSysinfos prints the machine's figures as PM2 does, as a JavaScript object or as a tree.
func runSysinfos(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	stats, err := c.client.Host(c.ctx)
	if err != nil && !api.IsDown(err) {
		return err
	}
	type metric struct {
		name  string
		value pm2.Value
		unit  string
	}
	percent := 0.0
	if stats.MemoryTotal > 0 {
		percent = float64(stats.MemoryUsed) / float64(stats.MemoryTotal) * 100
	}
	metrics := []metric{
		{"CPU Usage", pm2.Number(round1(stats.CPU)), "%"},
		{"RAM Usage", pm2.Number(round1(percent)), "%"},
		{"RAM Total", pm2.Number(int64(stats.MemoryTotal)), "b"},
		{"RAM Available", pm2.Number(int64(stats.MemoryTotal - stats.MemoryUsed)), "b"},
		{"Load Average", pm2.Number(stats.Load1), ""},
	}
	var all pm2.Object
	var tree strings.Builder
	for i, m := range metrics {
		var o pm2.Object
		o.Set("value", m.value)
		o.Set("type", pm2.String("metric"))
		o.Set("unit", pm2.String(m.unit))
		o.Set("historic", pm2.Bool(true))
		all.Set(m.name, pm2.Of(&o))
		branch, stem := "├─ ", "│  "
		if i == len(metrics)-1 {
			branch, stem = "└─ ", "   "
		}
		tree.WriteString(branch + m.name + "\n")
		for j, member := range o.Members() {
			twig := "├─ "
			if j == o.Len()-1 {
				twig = "└─ "
			}
			tree.WriteString(stem + twig + member.Key + ": " + strings.Trim(pm2.Inspect(member.Value), "'") + "\n")
		}
	}
	switch {
	case c.out.json:
		return c.out.value(stats)
	case c.bool("tree"):
		c.out.data(tree.String() + "\n")
	default:
		c.out.data(pm2.Inspect(pm2.Of(&all)))
	}
	return nil
}

func round1(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }
