package story

import (
	"container/heap"
	"sync"
	"time"
)

// moment is how long before its end something in the story happens.
type moment = time.Duration

func days(n float64) moment    { return moment(n * float64(24*time.Hour)) }
func hours(n float64) moment   { return moment(n * float64(time.Hour)) }
func minutes(n float64) moment { return moment(n * float64(time.Minute)) }

// clock is the time of the story. The simulator reads it while it answers.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// forward moves the clock, never back.
func (c *clock) forward(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now = to
	}
}

// entry is something that is to happen.
type entry struct {
	at    time.Time
	order int // of those at the same time
	do    func() error
}

// agenda is what is to happen, the next first.
type agenda struct {
	entries []entry
	made    int
}

func (a *agenda) Len() int { return len(a.entries) }
func (a *agenda) Less(i, j int) bool {
	x, y := a.entries[i], a.entries[j]
	return x.at.Before(y.at) || x.at.Equal(y.at) && x.order < y.order
}
func (a *agenda) Swap(i, j int) { a.entries[i], a.entries[j] = a.entries[j], a.entries[i] }
func (a *agenda) Push(x any)    { a.entries = append(a.entries, x.(entry)) }
func (a *agenda) Pop() any {
	last := a.entries[len(a.entries)-1]
	a.entries = a.entries[:len(a.entries)-1]
	return last
}

// at plans something for a moment before the end.
func (t *teller) at(ago moment, do func() error) { t.on(t.Until.Add(-ago), do) }

// after plans something for a while from now on.
func (t *teller) after(d time.Duration, do func() error) { t.on(t.clock.Now().Add(d), do) }

func (t *teller) on(at time.Time, do func() error) {
	t.agenda.made++
	heap.Push(&t.agenda, entry{at: at, order: t.agenda.made, do: do})
}

// run lets everything happen, one after the other, until the end. What would
// happen later is left to the portal and its people.
func (t *teller) run() error {
	for t.agenda.Len() > 0 && t.ctx.Err() == nil {
		next := heap.Pop(&t.agenda).(entry)
		if next.at.After(t.Until) {
			break
		}
		t.clock.forward(next.at)
		if err := next.do(); err != nil {
			return err
		}
	}
	t.clock.forward(t.Until)
	return t.ctx.Err()
}
