package crash

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
	"doksportal/internal/web/webtest"
)

// The connection breaks at each COMMIT, before it or so that its answer is lost, and the
// portal lives on.
func TestCommitsThatBreak(t *testing.T) {
	long(t)
	for _, b := range boundaries {
		if b.commit == nil || b.after != "" {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, dbtest.URL(t), few()...)
			p := s.serve()
			s.hold(b, p)
			s.release(false)
			s.conclude()
			s.awaitEnd(p)
			p.stop()
			s.checkAll(b)
		})
	}
}

// conclude lets the time pass for which nothing is concluded of a call that was cut off.
func (s *site) conclude() {
	s.t.Helper()
	s.pass(2*callFor, `UPDATE executions SET intent_at = intent_at - @d::interval`)
}

// Postgres ends while all calls are on their way, comes back when they have long been
// answered, and nothing is lost.
func TestPostgresRestarted(t *testing.T) {
	long(t)
	dir := t.TempDir() // where it comes back at the same socket
	start := func() *pgembed.Server {
		t.Helper()
		server, err := pgembed.Start(t.Context(), pgembed.Config{Dir: dir})
		must(t, err)
		t.Cleanup(func() { _ = server.Stop() })
		return server
	}
	server := start()
	must(t, db.Migrate(t.Context(), server.URL(), jobs.Migrate, db.Runtime(server.RuntimeURL())))
	s := newSite(t, server.RuntimeURL(), few()...)
	p := s.serve()
	s.hold(by("call done"), p)
	must(t, server.Stop())
	ready := s.setting("PORTAL_BASE_URL") + "/readyz"
	eventually(t, "it says that the database is away", func() bool { return statusOf(ready) == http.StatusServiceUnavailable })
	s.release(true)
	eventually(t, "what came of the calls cannot be written", func() bool { return strings.Count(p.log.String(), "step of a request failed") >= len(s.jobs) })
	start()
	s.pool.Reset() // this process' own connections are gone, too
	back := time.Now()
	eventually(t, "it is ready again", func() bool { return statusOf(ready) == http.StatusOK })
	if took := time.Since(back); took > 10*time.Second {
		t.Errorf("it was ready again only after %s", took)
	}
	s.conclude()
	s.awaitEnd(p)
	p.stop()
	s.checkAll(by("call done"))
}

// While Postgres takes connections and answers nothing, as when it is stopped or its disk
// hangs, nobody waits for long, and what has become of calls is found out afterwards.
func TestPostgresPaused(t *testing.T) {
	long(t)
	s := newSite(t, dbtest.URL(t), few()...)
	p := s.serve()
	s.hold(by("call done"), p)
	reader := webtest.SignIn(t, s.setting("PORTAL_BASE_URL"), "reader")
	end := s.wire.freeze()
	s.release(true)
	begun := time.Now()
	reader.Get("/clusters").WantStatus(http.StatusServiceUnavailable)
	if took := time.Since(begun); took > 2*callFor {
		t.Errorf("people waited for %s", took)
	}
	eventually(t, "the outcomes are given up", func() bool { return strings.Count(p.log.String(), "step of a request failed") >= len(s.jobs) })
	end()
	s.conclude()
	s.awaitEnd(p)
	p.stop()
	s.checkAll(by("call done"))
}

// While Postgres can write nothing, nothing is sent, and what has become of calls is found
// out afterwards.
func TestPostgresFull(t *testing.T) {
	long(t)
	for _, test := range []struct {
		boundary
		failures int // of each execution until it is clear that it does not go on
	}{
		{by("intent not committed"), 2},
		{by("call done"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, dbtest.URL(t), few()...)
			full := s.mayFill()
			p := s.serve()
			s.hold(test.boundary, p)
			full(true)
			s.release(test.call == done)
			eventually(t, "steps fail", func() bool {
				s.wake()
				return strings.Count(p.log.String(), "step of a request failed") >= test.failures*len(s.jobs)
			})
			for _, j := range s.jobs {
				if calls, _ := s.cloud.counts(string(j.id)); calls > 0 && test.call != done {
					t.Errorf("%s was sent without an intent", j.id)
				}
			}
			full(false)
			s.conclude()
			s.awaitEnd(p)
			p.stop()
			s.checkAll(test.boundary)
		})
	}
}

// mayFill returns what has the database refuse to write what an execution is written to,
// as when its disk is full, or write again.
func (s *site) mayFill() (full func(bool)) {
	s.t.Helper()
	owner := dbtest.Owner(s.t)
	do := func(sql string) {
		s.t.Helper()
		_, err := owner.Exec(context.Background(), sql)
		must(s.t, err)
	}
	do(`CREATE TABLE disk (is_full bool NOT NULL)`)
	do(`INSERT INTO disk VALUES (false)`)
	do(`CREATE FUNCTION refuse_full() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
		BEGIN
			IF (SELECT is_full FROM disk) THEN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END IF;
			RETURN NULL;
		END $$`)
	for _, table := range []string{"executions", "requests", "events"} {
		do(`CREATE TRIGGER full_disk AFTER INSERT OR UPDATE ON ` + table + ` EXECUTE FUNCTION refuse_full()`)
	}
	s.t.Cleanup(func() { do(`DROP TABLE disk; DROP FUNCTION refuse_full() CASCADE`) }) // the database is lent
	return func(is bool) {
		s.t.Helper()
		do(fmt.Sprintf(`UPDATE disk SET is_full = %t`, is))
		if !is {
			for _, table := range []string{"executions", "requests", "events"} { // or the trail takes them for the attack that they could be
				do(`DROP TRIGGER full_disk ON ` + table)
			}
		}
	}
}

// A call that takes its time is nobody else's: its replica gives signs of life meanwhile.
func TestSlowCall(t *testing.T) {
	long(t)
	s := newSite(t, dbtest.URL(t), few()...)
	p := s.serve()
	next := s.serve(s.elsewhere())
	s.hold(by("call done"), p)
	time.Sleep(soon - 5*time.Second)
	for _, j := range s.jobs {
		if r := s.read(j.request.ID); r.State != portal.Executing {
			t.Errorf("%s is %s", j.id, r.State)
		}
	}
	if said := p.log.String() + next.log.String(); strings.Contains(said, "no sign of life") {
		t.Errorf("it was taken over:\n%s", said)
	}
	s.release(true)
	s.awaitEnd(p)
	p.stop()
	next.stop()
	s.checkAll(by("call done"))
	for _, j := range s.jobs {
		if r := s.read(j.request.ID); r.Attempts[0].Outcome != portal.OutcomeAccepted {
			t.Errorf("the answer to %s is %s", j.id, r.Attempts[0].Outcome)
		}
	}
}
