package crash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
)

// wire stands between a portal and Postgres. It understands as much of the protocol as
// it takes to know what each connection has sent since BEGIN, and holds connections at a
// boundary.
type wire struct {
	listener net.Listener
	target   string // the socket of Postgres

	mu     sync.Mutex
	gate   *gate // nil: everything passes
	closed bool
	conns  map[net.Conn]bool
	frozen chan struct{} // closed when what the portal says goes on; nil: it goes on now
}

// socket is the name that Postgres gives its socket.
const socket = ".s.PGSQL.5432"

// newWire listens on a socket in dir for what is meant for Postgres' in target.
func newWire(dir, target string) (*wire, error) {
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, target: filepath.Join(target, socket), conns: map[net.Conn]bool{}}
	go w.accept()
	return w, nil
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", w.target)
		if err != nil || !w.keep(client, server) {
			_ = client.Close() // Postgres is away
			continue
		}
		c := &connection{wire: w, client: client, server: server, prepared: map[string]string{}}
		go c.forward()
		go c.back()
	}
}

func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.closed {
			_ = c.Close()
			continue
		}
		w.conns[c] = true
	}
	return !w.closed
}

// set has connections stop at a boundary from now on; nil lets everything pass.
func (w *wire) set(g *gate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = g
}

func (w *wire) at() *gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gate
}

// freeze has Postgres hear nothing, as if it were stopped, until what it returns is called.
func (w *wire) freeze() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	frozen := make(chan struct{})
	w.frozen = frozen
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.frozen = nil
		close(frozen)
	}
}

// thaw waits until the wire is not frozen.
func (w *wire) thaw() {
	w.mu.Lock()
	frozen := w.frozen
	w.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

// cut breaks all connections. New ones are taken.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

func (w *wire) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	_ = w.listener.Close()
	w.cut()
}

// connection is one of the portal's to Postgres.
type connection struct {
	wire           *wire
	client, server net.Conn
	prepared       map[string]string // SQL by the name of the statement
	tx             transaction

	mu       sync.Mutex
	withheld *gate // of which Postgres' answer shows that the boundary is reached; nil: none
}

func (c *connection) close() { _, _ = c.client.Close(), c.server.Close() }

// Messages of a client. See "Message Formats" in Postgres' manual.
const (
	query = 'Q'
	parse = 'P'
	bind  = 'B'
	ready = 'Z' // the server's
)

// forward passes on what the portal says.
func (c *connection) forward() {
	defer c.close()
	if err := c.startup(); err != nil {
		return
	}
	for {
		kind, message, err := read(c.client)
		if err != nil {
			return
		}
		g := c.boundary(kind, message[head:])
		switch {
		case g != nil && g.answered:
			c.mu.Lock()
			c.withheld = g
			c.mu.Unlock()
		case g != nil && !g.hold():
			return
		}
		c.wire.thaw()
		if _, err := c.server.Write(message); err != nil {
			return
		}
	}
}

// startup passes on the first message, which has no kind.
func (c *connection) startup() error {
	c.wire.thaw()
	length := make([]byte, 4)
	if _, err := io.ReadFull(c.client, length); err != nil {
		return err
	}
	if _, err := c.server.Write(length); err != nil {
		return err
	}
	_, err := io.CopyN(c.server, c.client, int64(binary.BigEndian.Uint32(length))-4)
	return err
}

// back passes on what Postgres says, but for what is withheld.
func (c *connection) back() {
	defer c.close()
	for {
		kind, message, err := read(c.server)
		if err != nil {
			return
		}
		c.mu.Lock()
		g := c.withheld
		c.mu.Unlock()
		switch {
		case g == nil:
			if _, err := c.client.Write(message); err != nil {
				return
			}
		case kind == ready:
			_ = g.hold() // what was withheld is lost
			return
		}
	}
}

// boundary notes what a message says, and returns the gate that it has come to.
func (c *connection) boundary(kind byte, body []byte) *gate {
	switch kind {
	case parse:
		name, sql := text(&body), text(&body)
		c.prepared[name] = sql
	case bind:
		text(&body)
		s := sent{sql: c.prepared[text(&body)], args: string(body)}
		c.tx = append(c.tx, s)
		if g := c.wire.at(); g != nil && g.statement != "" && strings.Contains(s.sql, g.statement) && g.enter() {
			return g
		}
	case query:
		sql := strings.ToLower(text(&body))
		if strings.HasPrefix(sql, "begin") {
			c.tx = nil
		}
		if g := c.wire.at(); sql == "commit" && g != nil && g.commit != nil && g.commit(c.tx) && g.enter() {
			return g
		}
	}
	return nil
}

// head is the length of a message's kind and length.
const head = 5

// read returns a message, with its head.
func read(r io.Reader) (kind byte, message []byte, err error) {
	var begin [head]byte
	if _, err := io.ReadFull(r, begin[:]); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint32(begin[1:])) - 4
	if length < 0 || length > 1<<30 {
		return 0, nil, errors.New("not a message of Postgres")
	}
	message = make([]byte, head+length)
	copy(message, begin[:])
	_, err = io.ReadFull(r, message[head:])
	return message[0], message, err
}

// text takes a string from the front of a message.
func text(body *[]byte) string {
	before, after, _ := bytes.Cut(*body, []byte{0})
	*body = after
	return string(before)
}

// gate holds an execution at a boundary until it is decided how it goes on.
type gate struct {
	boundary
	want int // executions; later ones pass

	mu      sync.Mutex
	entered int
	waiting int
	reached chan struct{} // closed when so many wait
	decided chan struct{}
	open    bool // once it is decided: what is held goes on; else its connections break
}

func newGate(b boundary, want int) *gate {
	return &gate{boundary: b, want: want, reached: make(chan struct{}), decided: make(chan struct{})}
}

// enter reports whether there is room for one more.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entered++
	return g.entered <= g.want
}

// hold waits, and reports whether what is held goes on.
func (g *gate) hold() bool {
	g.mu.Lock()
	if g.waiting++; g.waiting == g.want {
		close(g.reached)
	}
	g.mu.Unlock()
	<-g.decided
	return g.open
}

// decide lets what is held go on, or breaks it off.
func (g *gate) decide(open bool) {
	g.open = open
	close(g.decided)
}

// count is how many wait.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}
