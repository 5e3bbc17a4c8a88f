package crash

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// away is how long the portal is away after it was killed, as the rows of the database
// have it.
const away = 2 * time.Minute

// atOnce is how many executions are cut off by one kill: all.
const atOnce = 16

// few are operations that stand for all where looking for a lost call goes on.
func few() []operation {
	return slices.DeleteFunc(slices.Clone(operations), func(o operation) bool {
		return !slices.Contains([]portal.OperationID{portal.CreateCluster, portal.CreateNodePool, portal.UpdateNodePool, portal.DeleteCluster, portal.AddRegistries}, o.id)
	})
}

// TestEveryBoundary kills the portal at each boundary of each operation.
func TestEveryBoundary(t *testing.T) {
	long(t)
	for _, b := range boundaries {
		walked := operations
		if b.after != "" {
			walked = few()
		}
		for group := range slices.Chunk(walked, atOnce) {
			t.Run(b.name+"/"+group[0].slug(), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, dbtest.URL(t), group...)
				if b.after != "" {
					s.killAt(by(b.after))
				}
				s.killAt(b)
				s.end()
				s.checkAll(b)
			})
		}
	}
}

// killAt runs the portal until all executions are at a boundary, kills it, and lets it be
// away for a while.
func (s *site) killAt(b boundary) {
	s.t.Helper()
	p := s.serve()
	if g := s.holdAt(b, len(s.jobs)); g.count() < len(s.jobs) {
		s.t.Fatalf("only %d of %d executions come to %q:\n%s\n%s", g.count(), len(s.jobs), b.name, s.states(), p.log.String())
	}
	s.bury(p)
}

// holdAt waits until so many executions are held at a boundary, or there are no others
// that could come there.
func (s *site) holdAt(b boundary, n int) *gate {
	s.t.Helper()
	g := newGate(b, n)
	s.gate = g
	s.wire.set(g)
	s.cloud.set(g)
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline) && !s.ended(); s.hurry() {
		select {
		case <-g.reached:
			return g
		case <-time.After(200 * time.Millisecond):
		}
	}
	return g
}

// bury kills the portal, breaks its connections, and lets it be away for a while.
func (s *site) bury(p *process) {
	s.t.Helper()
	p.kill()
	s.release(false)
	s.wire.cut()
	s.passWhileDead(away)
}

// release ends holding executions: what is held goes on, or its connections break.
func (s *site) release(open bool) {
	s.wire.set(nil)
	s.cloud.set(nil)
	if s.gate != nil {
		s.gate.decide(open)
	}
	s.gate = nil
}

// hurry has what waits for its time go on at once.
func (s *site) hurry() {
	s.t.Helper()
	for _, j := range s.jobs {
		if r := s.read(j.request.ID); r.State == portal.Unknown {
			if lost, ok := r.LostAttempt(); ok && lost.Looks > 0 {
				s.passGrace()
				break
			}
		}
	}
	s.wake()
}

// end runs the portal until all executions have ended.
func (s *site) end() {
	s.t.Helper()
	p := s.serve()
	p.ready()
	s.awaitEnd(p)
	p.stop()
}

// awaitEnd waits until all executions have ended, with their steps taken at once.
func (s *site) awaitEnd(p *process) {
	s.t.Helper()
	for begun := time.Now(); !s.ended(); s.hurry() {
		if time.Since(begun) > patience {
			s.t.Fatalf("not all end:\n%s\n%s", s.states(), p.log.String())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// checkAll holds what has become of the executions that were cut off at a boundary.
func (s *site) checkAll(b boundary) {
	s.t.Helper()
	for _, j := range s.jobs {
		if _, effects := s.cloud.counts(string(j.id)); (effects == 1) != b.done {
			s.t.Errorf("%s was done %d times", j.id, effects)
		}
	}
	s.checkTruth()
}

// checkTruth holds that what the portal says of all executions is true.
func (s *site) checkTruth() {
	s.t.Helper()
	s.sync()
	for _, j := range s.jobs {
		s.check(j)
	}
	s.checkTrail()
}

func (s *site) ended() bool {
	s.t.Helper()
	return !slices.ContainsFunc(s.jobs, func(j *job) bool {
		state := s.read(j.request.ID).State
		return !state.Final() && state != portal.Stale // which is no end for what was to be carried out
	})
}

// states says where the requests are.
func (s *site) states() string {
	var b strings.Builder
	for _, j := range s.jobs {
		r := s.read(j.request.ID)
		b.WriteString(string(j.id) + ": " + string(r.State) + " " + r.Reason + "\n")
	}
	return b.String()
}

// check holds that an execution has happened once or not at all, and that all that the
// portal says of it is true.
func (s *site) check(j *job) {
	s.t.Helper()
	r := s.read(j.request.ID)
	calls, effects := s.cloud.counts(string(j.id))
	if calls > 1 || effects > 1 {
		s.t.Errorf("%s was sent %d times and done %d times", j.id, calls, effects)
	}
	want, usage := portal.Failed, before
	if effects == 1 {
		want, usage = portal.Succeeded, j.usage
	}
	if r.State != want {
		s.t.Errorf("%s, done %d times, %s: %s", j.id, effects, r.State, r.Reason)
	}
	if is := s.world(j); is != (effects == 1) {
		s.t.Errorf("%s, done %d times, is to be seen at DigitalOcean: %t", j.id, effects, is)
	}
	used, err := store.TeamUsage(context.Background(), s.pool, j.team.ID)
	must(s.t, err)
	if used.Nodes() != usage {
		s.t.Errorf("%s: the team uses %d nodes, want %d", j.id, used.Nodes(), usage)
	}
	held, err := store.Reserved(context.Background(), s.pool, r.ID)
	must(s.t, err)
	if len(held) > 0 {
		s.t.Errorf("%s still holds %v", j.id, held)
	}
	s.checkEvents(j, r)
}

// world reports whether an operation is to be seen at DigitalOcean as it should be once
// it is done.
func (s *site) world(j *job) bool {
	s.t.Helper()
	all, err := s.do.ListClusters(context.Background())
	must(s.t, err)
	if j.id == portal.RunClusterlint {
		run, err := s.do.GetClusterlint(context.Background(), j.cluster, "")
		return err == nil && !run.CompletedAt.IsZero()
	}
	mine := slices.DeleteFunc(all, func(c doapi.Cluster) bool {
		if j.id == portal.CreateCluster {
			return !slices.Contains(c.Tags, j.request.RequestTag())
		}
		return c.ID != j.cluster
	})
	switch len(mine) {
	case 0:
		return j.done(doapi.Cluster{})
	case 1:
		return j.done(mine[0])
	}
	s.t.Errorf("%d clusters for %s", len(mine), j.id)
	return false
}

// checkEvents holds that the trail tells the whole execution, once.
func (s *site) checkEvents(j *job, r portal.Request) {
	s.t.Helper()
	rows, err := s.pool.Query(context.Background(), `SELECT kind FROM events WHERE request_id = $1 AND kind <> ALL ($2) ORDER BY id`, r.ID, []portal.EventKind{portal.EventSubmitted, portal.EventApprovedBy})
	must(s.t, err)
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[portal.EventKind])
	must(s.t, err)
	end := map[portal.State]portal.EventKind{portal.Succeeded: portal.EventSucceeded, portal.Failed: portal.EventFailed}[r.State]
	want := []portal.EventKind{portal.EventIntent, portal.EventOutcome, end}
	if len(r.Attempts) == 1 && r.Attempts[0].Outcome == portal.OutcomeUnknown && r.State == portal.Succeeded {
		want = slices.Insert(want, 2, portal.EventOutcome) // lost, and found
	}
	if !slices.Equal(kinds, want) {
		s.t.Errorf("%s: on the trail are %v, want %v", j.id, kinds, want)
	}
}

// checkTrail verifies the trail, and that all of it is signed and anchored.
func (s *site) checkTrail() {
	s.t.Helper()
	address := s.setting("PORTAL_AUDIT_ANCHORS")
	reader, err := anchor.OpenReader(address, anchor.Options{Now: time.Now})
	must(s.t, err)
	report, err := audit.Verify(context.Background(), s.pool, audit.VerifyOptions{Keys: []string{s.key.Public}, Now: time.Now(),
		Anchors: []audit.AnchorNotes{{Name: address, Live: true, Notes: reader.Checkpoints(context.Background())}}})
	must(s.t, err)
	if !report.OK() || report.Waiting > 0 || report.Covered != report.Events {
		s.t.Errorf("the trail: %+v", report)
	}
}
