package crash

import "strings"

// boundary is a place in the execution of a request at which a process can die, as it
// is seen from outside of the process.
type boundary struct {
	name string // as in docs/execution.md
	step string // of the execution, as it is drawn there, that leads to it; empty: none
	// exactly one of these says where it is
	commit    func(transaction) bool // the COMMIT of such a transaction
	statement string                 // a statement that has this in it
	call      place                  // the call to DigitalOcean

	answered bool // the COMMIT has reached Postgres, whose answer is not read; else it does not reach it
	after    string
	done     bool // DigitalOcean does what it is asked for, if the process is killed here
}

// place is where a call to DigitalOcean is.
type place int

// The places, in their order.
const (
	nowhere  place = iota
	received       // DigitalOcean has read it and has done nothing
	done           // DigitalOcean has done it and has not answered
	halfway        // half of the answer has been sent
)

// boundaries are all that there are, in their order. Those with an after come only after
// the process has died at that one before.
var boundaries = []boundary{
	{name: "intent not committed", step: "P->>D: everything is checked again, and the intent to call is written", commit: intent, done: true},
	{name: "intent committed", step: "D-->>P: the intent is committed: attempt 1 is under way", commit: intent, answered: true},
	{name: "intent under a checkpoint", step: "P->>D: the intent is signed, and anchored", statement: "SELECT number FROM event_log WHERE event_id ="},
	{name: "call received", step: "P->>C: the one call", call: received},
	{name: "call done", step: "C->>C: what was asked for", call: done, done: true},
	{name: "answer cut off", step: "C-->>P: its answer", call: halfway, done: true},
	{name: "outcome not committed", step: "P->>D: the outcome is written", commit: outcome, done: true},
	{name: "outcome committed", step: "D-->>P: the outcome is committed, and the request settles", commit: outcome, answered: true, done: true},
	{name: "end not committed", step: "P->>C: looks until the effect is complete", commit: moves("succeeded"), done: true},
	{name: "end committed", step: "D-->>P: the end is committed", commit: moves("succeeded"), answered: true, done: true},
	{name: "lost not committed", after: "call done", commit: outcome, done: true},
	{name: "lost committed", after: "call done", commit: outcome, answered: true, done: true},
	{name: "found not committed", after: "call done", commit: found, done: true},
	{name: "found committed", after: "call done", commit: found, answered: true, done: true},
	{name: "failure not committed", after: "call received", commit: moves("failed")},
	{name: "failure committed", after: "call received", commit: moves("failed"), answered: true},
}

// transaction is what a connection has sent since BEGIN.
type transaction []sent

// sent is a statement with its arguments as they went over the wire.
type sent struct{ sql, args string }

func (tx transaction) has(sql, arg string) bool {
	for _, s := range tx {
		if strings.Contains(s.sql, sql) && strings.Contains(s.args, arg) {
			return true
		}
	}
	return false
}

func intent(tx transaction) bool  { return tx.has("INSERT INTO executions", "") }
func outcome(tx transaction) bool { return tx.has("UPDATE executions SET outcome", "") }

// moves are the transactions that move a request to a state.
func moves(state string) func(transaction) bool {
	return func(tx transaction) bool { return tx.has("UPDATE requests SET state", state) }
}

// found is the transaction by which a request goes on whose answer was lost.
func found(tx transaction) bool { return moves("settling")(tx) && !outcome(tx) }

// by returns a boundary by its name.
func by(name string) boundary {
	for _, b := range boundaries {
		if b.name == name {
			return b
		}
	}
	panic("no boundary " + name)
}
