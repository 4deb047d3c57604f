package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"weaver/api"
	"weaver/config/home"
	"weaver/daemon/anchor"
	"weaver/supervisor"
	"weaver/supervisor/journal"
)

const (
	// proofTime bounds how long an executable may take to show that it works.
	proofTime = 10 * time.Second
	// becameTime bounds how long the anchor may take to be replaced.
	becameTime = 5 * time.Second
)

// CheckFlag has weaverd show that it understands the state in a copy of a home, and say its version.
const CheckFlag = "--check-state"

// CheckState reads the state of a home, which is a copy: opening it may change it.
func CheckState(dir string) error {
	h := home.At(dir)
	if _, err := os.Stat(h.Journal()); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	j, found, err := journal.Open(journal.Options{Files: journal.Dir(h.Journal())})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	defer j.Close()
	if found.Torn > 0 {
		return fmt.Errorf("read the state: %d bytes of it make no sense", found.Torn)
	}
	return errors.Join(supervisor.Check(found.Values)...)
}

// update has another weaverd take over, and the weaver beside it take the anchor's place. Each first shows that it works. When
// this answers, the anchor has been replaced and the supervisor is about to leave: who asked then looks whether the new one is
// there, or the old one again because it was not to be started.
func (d *daemon) update(w http.ResponseWriter, r *http.Request) error {
	var req api.UpdateRequest
	if err := read(r, &req); err != nil {
		return err
	}
	op := d.operation(r, "update", req.Weaverd)
	defer op.end()
	if !d.updating.TryLock() {
		return &api.Error{Kind: api.Conflict, Message: "an update is under way"}
	}
	res, err := d.prepare(op.ctx, req.Weaverd)
	if err != nil {
		d.updating.Unlock() // otherwise this was the last
		return op.failed(&api.Error{Kind: api.Failed, Message: err.Error(), Hint: "supervision goes on with " + d.opts.Version})
	}
	d.log.Info("update", zap.String("from", res.From), zap.String("to", res.To), zap.String("weaverd", req.Weaverd))
	err = op.answer(w, res)
	http.NewResponseController(w).Flush() // the peer may be gone; the update goes on
	close(d.leaving)
	return err
}

// noteRollback puts it into the audit log that the update before this supervisor failed: when it was asked for it was only begun.
func (d *daemon) noteRollback() {
	if last := d.link.hello.Last; strings.HasPrefix(last, "the update to ") {
		d.record(&auditEntry{At: time.Now(), actor: unknownActor, Act: "update", Failures: 1, Error: last})
	}
}

// prepare does all of an update that can be refused.
func (d *daemon) prepare(ctx context.Context, weaverd string) (res api.UpdateResult, err error) {
	switch {
	case !d.link.present() || d.link.gone():
		return res, errors.New("update the supervisor: it has no anchor that would start the new one")
	case d.link.hello.Protocol < 2:
		return res, errors.New("update the supervisor: its anchor is too old for it: weaver kill, then start it again")
	case !filepath.IsAbs(weaverd):
		return res, fmt.Errorf("update to %s: not an absolute path", weaverd)
	}
	res = api.UpdateResult{From: d.opts.Version, PID: os.Getpid()}
	if res.To, err = d.prove(ctx, weaverd); err != nil {
		return res, fmt.Errorf("update to %s: %w", weaverd, err)
	}
	exe, err := os.Open(weaverd)
	if err != nil {
		return res, fmt.Errorf("update: %w", err)
	}
	defer exe.Close()
	front := filepath.Join(filepath.Dir(weaverd), "weaver")
	if _, err := os.Stat(front); err == nil {
		if err := d.updateAnchor(ctx, front); err != nil {
			return res, fmt.Errorf("update the anchor to %s: %w", front, err)
		}
		res.Anchor = true
	}
	if err := sendRights(d.link.file, anchor.MessageNext+" "+weaverd, []int{int(exe.Fd())}, tellPatience); err != nil {
		return res, fmt.Errorf("tell the anchor of %s: %w", weaverd, err)
	}
	return res, nil
}

// prove has a weaverd read a copy of the state, and returns its version.
func (d *daemon) prove(ctx context.Context, weaverd string) (version string, err error) {
	dir, err := os.MkdirTemp("", "weaver-state")
	if err != nil {
		return "", fmt.Errorf("copy the state: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := d.journal.Sync(); err != nil {
		d.log.Warn("update while state is not durable", zap.Error(err))
	}
	if err := os.CopyFS(home.At(dir).Journal(), os.DirFS(d.home.Journal())); err != nil {
		return "", fmt.Errorf("copy the state: %w", err)
	}
	out, err := askOnce(ctx, weaverd, CheckFlag, dir)
	if err != nil {
		return "", err
	}
	version, ok := strings.CutPrefix(out, "ok ")
	if !ok {
		return "", fmt.Errorf("it is no weaverd: it said %.80q", out)
	}
	return version, nil
}

// updateAnchor has the anchor replaced by another weaver, in place.
func (d *daemon) updateAnchor(ctx context.Context, weaver string) error {
	if _, err := askOnce(ctx, weaver, "--version"); err != nil {
		return err
	}
	exe, err := os.Open(weaver)
	if err != nil {
		return err
	}
	defer exe.Close()
	for len(d.link.became) > 0 {
		<-d.link.became
	}
	if err := sendRights(d.link.file, anchor.MessageBecome, []int{int(exe.Fd())}, tellPatience); err != nil {
		return fmt.Errorf("tell the anchor: %w", err)
	}
	select {
	case why := <-d.link.became:
		if why != "" {
			return errors.New(why)
		}
		return nil
	case <-d.link.lost:
		return errors.New("it died of it") // and this process takes its place
	case <-time.After(becameTime):
		// It holds all that keeps the services safe, and does nothing: better that this process takes its place.
		if p, err := os.FindProcess(d.link.pid()); err == nil && p.Pid > 1 {
			p.Kill()
		}
		return fmt.Errorf("it has not answered within %v", becameTime)
	}
}

// askOnce runs a program that says one line.
func askOnce(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	cmd.Dir = "/"
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("run %s %s: no answer within %v", path, args[0], proofTime)
	case err != nil:
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return "", fmt.Errorf("run %s %s: %w: %.200s", path, args[0], err, text)
		}
		return "", fmt.Errorf("run %s %s: %w", path, args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
