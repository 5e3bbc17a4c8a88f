package crash

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// soon is how long it may take until what a killed process was doing is taken up again.
const soon = 30 * time.Second

// What was under way is taken up again soon, without anybody's help, by the portal that is
// started again or by another replica.
func TestTakenUpAgain(t *testing.T) {
	long(t)
	for name, replicas := range map[string]bool{"started again": false, "another replica": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, dbtest.URL(t), few()...)
			p := s.serve()
			s.hold(by("end not committed"), p)
			if replicas {
				s.serve(s.elsewhere()).ready()
			}
			p.kill()
			killed := time.Now()
			s.release(false)
			if !replicas {
				s.serve()
			}
			for !s.ended() {
				if time.Since(killed) > soon {
					t.Fatalf("not taken up again %s after the kill:\n%s", soon, s.states())
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("taken up again and ended %s after the kill", time.Since(killed).Round(100*time.Millisecond))
			for _, j := range s.jobs {
				s.check(j)
			}
		})
	}
}

// hold waits until all executions are held at a boundary, with nobody's help.
func (s *site) hold(b boundary, p *process) {
	s.t.Helper()
	g := newGate(b, len(s.jobs))
	s.gate = g
	s.wire.set(g)
	s.cloud.set(g)
	select {
	case <-g.reached:
	case <-time.After(patience):
		s.t.Fatalf("only %d of %d executions come to %q:\n%s\n%s", g.count(), len(s.jobs), b.name, s.states(), p.log.String())
	}
}

// elsewhere is where another replica listens.
func (s *site) elsewhere() string { return "PORTAL_LISTEN=" + freeAddress(s.t) }

// A replica that was paused for longer than a call may take comes back to what another
// has taken up. It sends nothing any more, and writes nothing.
func TestPausedReplica(t *testing.T) {
	long(t)
	for _, b := range []boundary{by("intent under a checkpoint"), by("call done")} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, dbtest.URL(t), few()...)
			paused := s.serve()
			s.hold(b, paused)
			paused.signal(syscall.SIGSTOP)
			begun := time.Now()
			g := s.gate
			s.wire.set(nil)
			s.cloud.set(nil)
			next := s.serve(s.elsewhere())
			time.Sleep(callFor + time.Second - time.Since(begun)) // it sees by its own clock that it is late
			s.pass(2*callFor, `UPDATE executions SET intent_at = intent_at - @d::interval`)
			s.until("the other replica has taken all up", func(r portal.Request) bool { return r.State != portal.Executing })
			g.decide(true)
			paused.signal(syscall.SIGCONT)
			s.gate = nil
			s.awaitEnd(next)
			paused.stop()
			next.stop()
			s.checkAll(b)
		})
	}
}

// callFor is how long a call may take, by internal/execute.
const callFor = 30 * time.Second

// until waits until something is true of all requests, with their steps taken at once.
func (s *site) until(what string, is func(portal.Request) bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		s.wake()
		return !slices.ContainsFunc(s.jobs, func(j *job) bool { return !is(s.read(j.request.ID)) })
	})
}
