package story

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// wish is a request before it is made.
type wish struct {
	operation portal.OperationID
	who       string
	cluster   *place
	pool      string // name of the pool; empty: none, or the first
	fill      func(c portal.Cluster, f portal.Form)
	why       string
	ending
}

// ending is what becomes of a request that needs an approval; of the others only
// fault and then matter.
type ending struct {
	kind    outcome
	decided time.Duration                         // after it was made; zero: by the way
	words   string                                // of who decides or fails it
	reply   string                                // of the requester, who has it planned again
	chat    []string                              // comments: by an approver, by the requester, in turn
	change  func(c portal.Cluster, f portal.Form) // what is planned differently
	fault   dosim.Fault                           // that the call meets
	then    func(r portal.Request) error          // once it has succeeded
	errand  *errand                               // not nil: what usually becomes of such
	place   *place                                // that is busy meanwhile; nil: none
}

// outcome is how a request ends.
type outcome int

const (
	succeeds       outcome = iota
	waits                  // nobody decides until the end of the story
	isRefused              // by an approver
	isTakenBack            // by its requester
	isForgotten            // it expires
	isChanged              // an approver wants it differently, and gets it
	isChallenged           // an approver wants it differently, and waits for that
	isHalfApproved         // by the first of two
	isUncollected          // approved, and what it hands out is not fetched
	isStopped              // after it was approved
	isBroken               // an admin does without the approvals
	isFaulty               // DigitalOcean refuses it, or its answer gets lost
)

// make has somebody open the form, fill it in and send it.
func (t *teller) make(w wish) (portal.Request, error) {
	r, err := t.send(t.requests, w)
	if err != nil {
		return r, err
	}
	if w.ending.place = w.cluster; w.cluster != nil {
		w.cluster.busy = true
	}
	t.endings[r.ID] = w.ending
	t.decide(r)
	return r, nil
}

// send is make without what becomes of it.
func (t *teller) send(requests *request.Service, w wish) (portal.Request, error) {
	in, c, err := t.input(w)
	if err != nil {
		return portal.Request{}, err
	}
	who := t.actor(w.who)
	d, err := requests.Plan(t.ctx, who, in)
	if err != nil {
		return portal.Request{}, fmt.Errorf("story: %s opens %s %s: %w", w.who, w.operation, c.Name, err)
	}
	in.Form = d.Form
	in.Form.Set("justification", w.why)
	in.Form.Set("submit_key", t.key())
	if w.fill != nil {
		w.fill(c, in.Form)
	}
	if later, err := time.ParseDuration(in.Form.Get("start_at")); err == nil { // how long after the end of the story
		in.Form.Set("start_at", t.Until.Add(later).UTC().Format("2006-01-02T15:04"))
	}
	in.Form.Set("typed_name", d.TargetName)
	r, err := requests.Submit(t.ctx, who, in)
	if err != nil {
		return r, fmt.Errorf("story: %s wants to %s %s: %w", w.who, w.operation, d.TargetName, err)
	}
	return r, nil
}

// input is what the request is about.
func (t *teller) input(w wish) (in request.SubmitInput, c portal.Cluster, err error) {
	in.Operation = w.operation
	if w.cluster == nil {
		return in, c, nil
	}
	if c, err = t.cluster(w.cluster); err != nil {
		return in, c, err
	}
	in.ClusterID = c.ID
	i := max(0, slices.IndexFunc(c.Pools, func(p portal.Pool) bool { return p.Name == w.pool }))
	in.PoolID = c.Pools[i].ID
	if w.operation == portal.DeleteNode {
		in.NodeID = c.Pools[i].Nodes[0].ID
	}
	return in, c, nil
}

// key is a form's, the same each time.
func (t *teller) key() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], t.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], t.random.Uint64())
	id[6] = 0x40 | id[6]&0x0f // version 4
	return id.String()
}

// jobs has requests carried out as the job queue would.
type jobs struct{ t *teller }

// Enqueue makes the first step a moment after the transaction.
func (j jobs) Enqueue(_ context.Context, _ pgx.Tx, requestID string) error {
	j.t.after(2*time.Second, func() error { return j.t.step(requestID) })
	return nil
}

// Wake leaves a request to its time: steps are not due by the clock of the queue.
func (j jobs) Wake(context.Context, pgx.Tx, string) error { return nil }

// nobody has no request carried out.
type nobody struct{}

// Enqueue leaves it at that.
func (nobody) Enqueue(context.Context, pgx.Tx, string) error { return nil }

// Wake leaves it at that.
func (nobody) Wake(context.Context, pgx.Tx, string) error { return nil }

// step takes a request one step on, and plans the next one.
func (t *teller) step(id string) error {
	e := t.endings[id]
	if e.fault.Operation != "" {
		t.sim.Inject(e.fault)
	}
	wait, err := t.executor.Step(t.ctx, id)
	if e.fault.Operation != "" {
		t.sim.Heal()
		e.fault = dosim.Fault{}
		t.endings[id] = e
	}
	if err != nil {
		return err
	}
	if wait >= 0 {
		t.after(max(wait, time.Second), func() error { return t.step(id) })
		return nil
	}
	return t.over(id)
}

// over is what follows when a request has ended.
func (t *teller) over(id string) error {
	e := t.endings[id]
	delete(t.endings, id)
	if e.place != nil {
		e.place.busy = false
	}
	if e.then == nil {
		return nil
	}
	r, err := store.RequestByID(t.ctx, t.Pool, id)
	if err != nil || r.State != portal.Succeeded {
		return err
	}
	return e.then(r)
}

// number reads a request as it is now.
func (t *teller) number(n int64) (portal.Request, error) {
	return store.RequestByNumber(t.ctx, t.Pool, n)
}

// expire is the portal's task, which the story runs when something is due.
func (t *teller) expire() error { return t.requests.Expire(t.ctx) }

// freshen reads everything from DigitalOcean, and then looks which requests are
// out of date.
func (t *teller) freshen() error {
	if err := t.syncer.Sync(t.ctx); err != nil {
		return err
	}
	return t.requests.Freshen(t.ctx)
}
