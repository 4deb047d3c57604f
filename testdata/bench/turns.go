//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// hooksProgram is loaded before weaver's preload, and knows what that hangs into a server.
const hooksProgram = `const dc = require('diagnostics_channel'), ph = require('perf_hooks')
const hooks = global.hooks = { on: true, kept: [], all: [], delays: [] }
const change = (ch, how, f) => { const own = ch[how]; delete ch[how]; ch[how](f); ch[how] = own }
hooks.turn = (on) => {
  if (on === hooks.on) return
  hooks.on = on
  for (const [ch, f] of hooks.all) change(ch, on ? 'subscribe' : 'unsubscribe', f)
  for (const h of hooks.delays) on ? h.enable() : h.disable()
}
for (const name of ['http.server.request.start', 'http.server.response.finish']) {
  const ch = dc.channel(name)
  hooks.kept.push(ch)
  ch.subscribe = (f) => { hooks.all.push([ch, f]); if (hooks.on) change(ch, 'subscribe', f) }
  ch.unsubscribe = (f) => { hooks.all = hooks.all.filter((h) => h[0] !== ch || h[1] !== f); if (hooks.on) change(ch, 'unsubscribe', f) }
}
const monitor = ph.monitorEventLoopDelay
ph.monitorEventLoopDelay = (o) => { const h = monitor(o); hooks.delays.push(h); return h }`

// turnsProgram serves, with those hooks for one moment and without for another, and tells what CPU a request took in each.
const turnsProgram = `let n = 0, from = 0, cpu = null
const costs = { true: [], false: [] }
require('http').createServer((_, s) => { n++; s.end('hello\n') }).listen(+process.env.PORT, '127.0.0.1')
const next = () => {
  const used = process.cpuUsage(cpu), done = n - from
  if (cpu && done > 20) costs[hooks.on].push((used.user + used.system) / done / 1e6)
  hooks.turn(Math.random() < 0.5)
  cpu = process.cpuUsage(); from = n
  setTimeout(next, 60)
}
setTimeout(next, 2000)
process.on('SIGUSR2', () => {
  const fs = require('fs')
  fs.writeFileSync(process.env.OUT + '.tmp', JSON.stringify({ on: costs.true, off: costs.false, hooks: hooks.all.length })); fs.renameSync(process.env.OUT + '.tmp', process.env.OUT)
})`

// hooked measures what a request costs a server with the preload's hooks and without, in one process by turns: two processes of the
// same program differ by more than that.
func (b *bench) hooked(m *manager) error {
	early, script := m.path("hooks.js"), m.path("turns.js")
	if err := errors.Join(os.WriteFile(early, []byte(hooksProgram), 0o600), os.WriteFile(script, []byte(turnsProgram), 0o600)); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	t := newTalk(1, m.path(""))
	t.out += "-turns"
	env := t.env()
	env["PORT"], env["NODE_OPTIONS"] = strconv.Itoa(port), "--require "+early
	if err := b.startPreloaded(m, []service{{Name: "turns", Script: script, Interpreter: "node", Mode: "fork", Env: env}}, port); err != nil {
		return err
	}
	for range 4 * b.scale.presses {
		if _, err := press(port, 8, b.scale.press, true); err != nil {
			return err
		}
	}
	out, err := m.output("pid", "turns")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		return fmt.Errorf("ask turns.js for its figures: %w", err)
	}
	text, err := t.await()
	if err != nil {
		return err
	}
	var costs struct {
		On, Off series
		Hooks   int
	}
	if err := json.Unmarshal([]byte(text), &costs); err != nil {
		return err
	}
	if costs.Hooks == 0 || len(costs.On) < 4 || len(costs.Off) < 4 {
		return fmt.Errorf("turns.js had %d hooks, and %d turns with them and %d without", costs.Hooks, len(costs.On), len(costs.Off))
	}
	row := &row{Note: "The quieter half of turns of 60 ms in one process, by the CPU time of that; without: nothing listens to Node's diagnostics"}
	row.add(subWeaver, costs.On.quieter(), nil)
	row.add(subWithout, costs.Off.quieter(), nil)
	row.speed(preloadShare, "floor", subWithout)
	b.add(row, "preload-requests", groupPreload, "requests to node:http, 8 connections kept, a second of its CPU", perRequest)
	return nil
}

// quieter is the half of the measurements which others disturbed least.
func (s series) quieter() series {
	return slices.Sorted(slices.Values(s))[:(len(s)+1)/2]
}
