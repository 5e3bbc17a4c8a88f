package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// process is a portal that runs.
type process struct {
	address string // host:port
	pages   templates
	texts   string // directory
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
}

// answersWithin is how long a portal may take to answer.
const answersWithin = time.Minute

// start starts a portal, and returns it when it answers.
func (d *dev) start(ctx context.Context) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	texts, err := os.MkdirTemp(filepath.Join(d.root, work), textsOf)
	if err != nil {
		return nil, err
	}
	p := &process{address: address, pages: maps.Clone(d.pages), texts: texts, done: make(chan struct{})}
	if err := d.pages.writeTexts(d.root, texts); err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(d.root, binary), "serve") // until stop
	p.cmd.Env = append(d.env, "PORTAL_LISTEN="+address, "TEMPL_DEV_MODE=true", "TEMPL_DEV_MODE_ROOT="+texts)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = d.root, os.Stdout, os.Stderr
	if err := p.run(); err != nil {
		return nil, err
	}
	if err := p.await(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// run starts the program so that it ends with this one, however this one does.
// The kernel sends the signal for that when the thread that started the program
// ends, so a thread of its own waits as long as the program runs.
func (p *process) run() error {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // it has said why it ended
			close(p.done)
		}
	}()
	return <-started
}

// await waits until the portal answers.
func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	for !p.answers(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the new portal is not responding: %w", ctx.Err())
		case <-p.done:
			return errors.New("the new portal has ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (p *process) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the portal, and forgets its texts.
func (p *process) stop() {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		select {
		case <-p.done:
		case <-time.After(answersWithin):
			_ = p.cmd.Process.Kill() // unless it has just ended
			<-p.done
		}
	}
	_ = os.RemoveAll(p.texts) // the next start would
}
