//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	groupIPC = "Messages of a Node program"

	subParent = "a Node parent" // child_process.fork, with a listener that does nothing
	subReader = "a bare reader" // drops what comes, unread: what Node's sender can do at most

	ipcSpeed    = 5
	readerShare = 0.95 // of what a program can send to who does nothing else
)

// talkProgram sends as many messages as it is asked for, as fast as they are taken, and tells how long that took. All
// have been taken when a later one has been written, less what fits into a socket.
const talkProgram = `const n = +process.env.N
const talk = () => {
  const begin = process.hrtime.bigint()
  let sent = 0
  const more = () => {
    while (sent < n) { sent++; if (!process.send({type: 'process:msg', data: {i: sent, text: 'some words'}}, sent === n ? end : undefined)) { if (sent < n) setImmediate(more); return } }
  }
  const end = () => { require('fs').writeFileSync(process.env.OUT + '.tmp', String(process.hrtime.bigint() - begin)); require('fs').renameSync(process.env.OUT + '.tmp', process.env.OUT) }
  more()
}
process.on('message', talk)
setInterval(() => { if (require('fs').existsSync(process.env.GO)) { require('fs').unlinkSync(process.env.GO); talk() } }, 20)`

// parentProgram is the least that a parent in Node does.
const parentProgram = `require('child_process').fork(process.argv[2]).on('message', () => {})`

// hearProgram tells when it has got as many messages as it was to.
const hearProgram = `let n = 0
process.on('message', m => { if (++n % +process.env.N === 0) require('fs').writeFileSync(process.env.OUT, 'all') })`

// tellProgram sends messages through the npm client, several at a time, each time a line comes on its stdin.
const tellProgram = `const pm2 = require(process.env.PM2_MODULE), n = +process.env.N
pm2.connect(err => {
  if (err) throw err
  pm2.list((err, list) => {
    if (err) throw err
    const id = list[0].pm_id
    process.stdin.on('data', () => {
      let sent = 0
      const next = err => { if (err) throw err; if (sent < n) { sent++; pm2.sendDataToProcessId({id, type: 'process:msg', topic: 'x', data: {i: sent, text: 'some words'}}, next) } }
      for (let i = 0; i < 32; i++) next()
    }).on('end', () => process.exit())
    console.log('there')
  })
})`

// talk is a program that talks, and how to have it do so.
type talk struct {
	n          int
	begin, out string
}

// newTalk says where in dir a program finds out what to do.
func newTalk(n int, dir string) *talk {
	return &talk{n, filepath.Join(dir, "start"), filepath.Join(dir, "took")}
}

func (t *talk) env() map[string]string {
	return map[string]string{"N": strconv.Itoa(t.n), "GO": t.begin, "OUT": t.out}
}

// measure has it send once.
func (t *talk) measure() (float64, error) {
	if err := os.WriteFile(t.begin, nil, 0o600); err != nil {
		return 0, err
	}
	text, err := t.await()
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseFloat(text, 64)
	return ns / 1e9 / float64(t.n), err
}

// await waits for what the program has to tell.
func (t *talk) await() (string, error) {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(t.out)
		if err != nil || len(text) == 0 {
			continue
		}
		os.Remove(t.out)
		return string(text), nil
	}
	return "", errors.New("the messages were not taken in two minutes")
}

// messages measures how fast a daemon takes what a program sends, and how fast it passes on what programs are sent.
func (b *bench) messages() error {
	if !b.wants("ipc", "ipc-to", "ipc-flood", "ipc-flood-memory") {
		return nil
	}
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no node on PATH")
	}
	all := b.managers(b.dirs.home, "messages", true)
	defer func() { endAll(all) }()
	if b.wants("ipc") {
		if err := b.taken(all); err != nil {
			return err
		}
	}
	if b.wants("ipc-flood", "ipc-flood-memory") {
		if err := b.flooded(all); err != nil {
			return err
		}
	}
	if b.wants("ipc-to") {
		return b.passedOn(all)
	}
	return nil
}

func (b *bench) taken(all []*manager) error {
	dir := b.dirs.path("talk")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	script, parent := filepath.Join(dir, "talk.js"), filepath.Join(dir, "parent.js")
	if err := errors.Join(os.WriteFile(script, []byte(talkProgram), 0o600), os.WriteFile(parent, []byte(parentProgram), 0o600)); err != nil {
		return err
	}
	var subjects []*subject
	for _, m := range all {
		t := newTalk(b.scale.messages, filepath.Dir(m.home))
		file, err := m.apps("talk", service{Name: "talk", Script: script, Interpreter: "node", Mode: "fork", Env: t.env()})
		if err == nil {
			err = m.do("start", file)
		}
		if err != nil {
			b.skip("messages, "+m.name, err)
			continue
		}
		subjects = append(subjects, &subject{name: m.name, measure: t.measure})
	}
	for name, run := range map[string]func(*exec.Cmd) error{subParent: (*exec.Cmd).Start, subReader: dropped} {
		below := filepath.Join(dir, strconv.Itoa(len(subjects)))
		if err := os.Mkdir(below, 0o700); err != nil {
			return err
		}
		t := newTalk(b.scale.messages, below)
		cmd := exec.Command("node", script)
		if name == subParent {
			cmd = exec.Command("node", parent, script)
		}
		cmd.Env = cleanEnviron()
		for k, v := range t.env() {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
		if err := run(cmd); err != nil {
			return err
		}
		defer func() {
			killTree([]int{cmd.Process.Pid})
			cmd.Wait()
		}()
		subjects = append(subjects, &subject{name: name, measure: t.measure})
	}
	row := interleave(2*b.scale.presses, time.Minute, subjects...)
	row.speed(ipcSpeed, subPM2, subPM2)
	row.speed(1, "floor", subParent)
	row.speed(readerShare, "floor", subReader)
	row.Note = "As the program sees it: until its last message has left. " + subReader +
		" looks at nothing: what it does not reach over PM2 is what Node takes to send a message, with whatever reader"
	b.add(row, "ipc", groupIPC, "process.send of 70 bytes, back to back", perMessage)
	return nil
}

// dropped starts a program whose messages are read and dropped.
func dropped(cmd *exec.Cmd) error {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel")
	defer theirs.Close()
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = append(cmd.Env, "NODE_CHANNEL_FD=3")
	if err := cmd.Start(); err != nil {
		ours.Close()
		return err
	}
	go func() { // ends with the program
		defer ours.Close()
		io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{ours}, make([]byte, 64<<10))
	}()
	return nil
}

// passedOn measures sendDataToProcessId of the npm client, which asks for one at a time.
func (b *bench) passedOn(all []*manager) error {
	if b.pm2Path == "" {
		return errNoPM2
	}
	module, err := filepath.EvalSymlinks(b.pm2Path)
	if err != nil {
		return err
	}
	module = filepath.Dir(filepath.Dir(module))
	var subjects []*subject
	for _, m := range all {
		hear, tell := m.path("hear.js"), m.path("tell.js")
		if err := errors.Join(os.WriteFile(hear, []byte(hearProgram), 0o600), os.WriteFile(tell, []byte(tellProgram), 0o600)); err != nil {
			return err
		}
		t := newTalk(b.scale.messages/5, filepath.Dir(m.home))
		if err := m.do("delete", "talk"); err != nil && b.wants("ipc") {
			return err
		}
		file, err := m.apps("hear", service{Name: "hear", Script: hear, Interpreter: "node", Mode: "fork", Env: t.env()})
		if err == nil {
			err = m.do("start", file)
		}
		if err != nil {
			return err
		}
		cmd := exec.Command("node", tell)
		cmd.Env = append(cleanEnviron(), "PM2_HOME="+m.home, "PM2_MODULE="+module, "N="+strconv.Itoa(t.n))
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		defer cmd.Wait()
		defer in.Close()
		if _, err := out.Read(make([]byte, 100)); err != nil {
			return fmt.Errorf("the npm client says nothing: %w", err)
		}
		subjects = append(subjects, &subject{name: m.name, measure: func() (float64, error) {
			begin := time.Now()
			if _, err := io.WriteString(in, "go\n"); err != nil {
				return 0, err
			}
			_, err := t.await()
			return time.Since(begin).Seconds() / float64(t.n), err
		}})
	}
	row := interleave(2*b.scale.presses, time.Minute, subjects...)
	row.speed(1, subPM2, subPM2)
	row.Note = "Asked for by npm's client, 32 at a time: a question and an answer each, most of the time its own"
	b.add(row, "ipc-to", groupIPC, "sendDataToProcessId", perMessage)
	return nil
}
