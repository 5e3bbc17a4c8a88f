package pgembed

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a program in the background.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *tail
}

// background starts a program that ends with this one. The kernel sends the
// signal for that when the thread that started the program ends, so a thread
// of its own waits as long as the program runs.
func (r *runner) background(cmd *exec.Cmd) (*process, error) {
	r.prepare(cmd)
	p := &process{cmd: cmd, done: make(chan struct{}), log: &tail{}}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(p.done)
		}
	}()
	return p, <-started
}

// stop asks for a fast shutdown, then for an immediate one, which the next
// start recovers from.
func (p *process) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := p.cmd.Process.Signal(signal); err != nil {
			return nil // it has ended already
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(stopFor):
		}
	}
	return fmt.Errorf("the private Postgres (process %d) does not end", p.cmd.Process.Pid)
}

// lastWords is the end of what the program said.
func (p *process) lastWords() string { return p.log.String() }

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 2000

// Write keeps what fits.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = t.b[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
