package dosim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes requests for an operation go wrong. POST /_sim/faults takes it as
// JSON when the simulator has its admin routes.
type Fault struct {
	Operation string        `json:"operation"` // e.g. "create_cluster"; "*" is every one
	Times     int           `json:"times"`     // how many requests; 1 when 0, no end when negative
	Page      string        `json:"page"`      // only this page of a list
	Delay     time.Duration `json:"delay"`     // nanoseconds; before anything else happens
	Kind      FaultKind     `json:"kind"`
	Status    int           `json:"status"`  // for FaultStatus
	ID        string        `json:"id"`      // of the error, for FaultStatus
	Message   string        `json:"message"` // of the error, for FaultStatus

	frozen *world // for FaultStale
}

// FaultKind is what goes wrong.
type FaultKind string

// The kinds. The first three do nothing but fail; after lost, cut, rubbish and
// done-error the operation has been done.
const (
	FaultDelay     FaultKind = ""           // nothing but the delay
	FaultStatus    FaultKind = "status"     // a refusal with Status, ID and Message
	FaultReset     FaultKind = "reset"      // the connection breaks before anything is done
	FaultLost      FaultKind = "lost"       // done, but the connection breaks before the answer
	FaultCut       FaultKind = "cut"        // done, but the connection breaks in the middle of the answer
	FaultRubbish   FaultKind = "rubbish"    // done, but the answer is no JSON
	FaultDoneError FaultKind = "done-error" // done, but the answer is a 500
	FaultStale     FaultKind = "stale"      // a read answers from what there was when the fault was asked for
)

var faultKinds = []FaultKind{FaultDelay, FaultStatus, FaultReset, FaultLost, FaultCut, FaultRubbish, FaultDoneError, FaultStale}

// check tells what is wrong with a fault that somebody wrote by hand.
func (f Fault) check() error {
	i := slices.IndexFunc(operations, func(op Operation) bool { return op.Name == f.Operation })
	switch {
	case i < 0 && f.Operation != "*":
		return fmt.Errorf("there is no operation %q", f.Operation)
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("there is no kind of fault %q", f.Kind)
	case f.Kind == FaultStatus && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("a fault of kind status needs a status between 200 and 599")
	case f.Kind == FaultStale && i >= 0 && operations[i].Method != http.MethodGet:
		return fmt.Errorf("%s reads nothing that could be stale", f.Operation)
	case f.Kind == FaultDelay && f.Delay <= 0:
		return fmt.Errorf("a fault without a kind needs a delay")
	}
	return nil
}

// ParseFault reads a fault in the form OPERATION,KEY=VALUE,…, the keys being
// kind, times, page, delay (e.g. 2s), status, id and message. For instance
// "create_cluster,kind=status,status=503,times=2".
func ParseFault(spec string) (Fault, error) {
	operation, rest, _ := strings.Cut(spec, ",")
	f := Fault{Operation: operation}
	for pair := range strings.SplitSeq(rest, ",") {
		if err := f.set(pair); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
		}
	}
	if err := f.check(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
	}
	return f, nil
}

func (f *Fault) set(pair string) (err error) {
	key, value, _ := strings.Cut(pair, "=")
	switch key {
	case "kind":
		f.Kind = FaultKind(value)
	case "page":
		f.Page = value
	case "id":
		f.ID = value
	case "message":
		f.Message = value
	case "times":
		f.Times, err = strconv.Atoi(value)
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	default:
		err = fmt.Errorf("there is no key %q", key)
	}
	return err
}

// Inject makes requests go wrong from now on.
func (s *Sim) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Kind == FaultStale {
		f.frozen = s.world.copy()
	}
	s.faults = append(s.faults, f)
}

// copy returns the world as it is now, with the same clock.
func (w *world) copy() *world {
	frozen := &world{now: w.now, speed: w.speed}
	content, err := w.snapshot()
	if err == nil {
		err = frozen.restore(content)
	}
	if err != nil {
		panic(err) // a snapshot can always be restored
	}
	return frozen
}

// Heal ends all faults.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// receive notes a request and returns the fault that it meets, if any.
func (s *Sim) receive(operation string, r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	i := slices.IndexFunc(s.faults, func(f Fault) bool {
		return (f.Operation == operation || f.Operation == "*") && (f.Page == "" || f.Page == r.URL.Query().Get("page"))
	})
	if i < 0 {
		return Fault{}
	}
	fault := s.faults[i]
	if s.faults[i].Times--; s.faults[i].Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return fault
}

func (f Fault) wait(ctx context.Context) {
	if f.Delay == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(f.Delay):
	}
}

// refusal is the answer of FaultStatus.
func (f Fault) refusal(w http.ResponseWriter) error {
	if f.Status == http.StatusTooManyRequests {
		w.Header().Set("retry-after", "1")
	}
	return refused(f.Status, f.ID, f.Message)
}

// write sends the answer to a request that was done, or spoils it.
func (f Fault) write(w http.ResponseWriter, a answer) {
	switch f.Kind {
	case FaultLost:
		panic(http.ErrAbortHandler)
	case FaultCut:
		a.cut(w)
	case FaultRubbish:
		answer{status: a.withBody(), contentType: "text/html", body: []byte("<html>bad gateway</html>")}.write(w)
	case FaultDoneError:
		refuse(w, refused(http.StatusInternalServerError, "server_error", "Unexpected server-side error"))
	default:
		a.write(w)
	}
}

// withBody is the answer's status, or another one that allows for a body.
func (a answer) withBody() int {
	if a.status == http.StatusNoContent {
		return http.StatusOK
	}
	return a.status
}

// cut sends half of an answer, and breaks the connection.
func (a answer) cut(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+1))
	w.WriteHeader(a.withBody())
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
