package dosim

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// node is a node of a pool, with the times of what happens to it. A node that
// replaces another one may be made in the future.
type node struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // not shown before it is ready
	CreatedAt time.Time `json:"created_at"`
	ReadyAt   time.Time `json:"ready_at"`
	DrainAt   time.Time `json:"drain_at,omitzero"`
	DeleteAt  time.Time `json:"delete_at,omitzero"` // zero while it is to stay
	GoneAt    time.Time `json:"gone_at,omitzero"`
}

// state is the node's state, "" when it is not there.
func (n *node) state(now time.Time) string {
	switch {
	case now.Before(n.CreatedAt) || reached(now, n.GoneAt):
		return ""
	case reached(now, n.DeleteAt):
		return deleting
	case reached(now, n.DrainAt):
		return "draining"
	case now.Before(n.ReadyAt):
		return provisioning
	}
	return running
}

// updated is when the node's state changed last.
func (n *node) updated(now time.Time) time.Time {
	last := n.CreatedAt
	for _, at := range []time.Time{n.ReadyAt, n.DrainAt, n.DeleteAt} {
		if reached(now, at) && at.After(last) {
			last = at
		}
	}
	return last
}

func (p *pool) newNode(created, ready time.Time) *node {
	name := p.Name + "-" + strings.ToLower(rand.Text()[:5])
	return &node{ID: newID(), Name: name, CreatedAt: created, ReadyAt: ready}
}

// grow adds a node that is made from a time on.
func (w *world) grow(p *pool, at time.Time) *node {
	n := p.newNode(at, at.Add(w.scale(nodeFor)))
	p.Nodes = append(p.Nodes, n)
	return n
}

// retire lets a node go at a time.
func (w *world) retire(n *node, at time.Time, drain bool) {
	n.DeleteAt = at
	if drain {
		n.DrainAt = at
		n.DeleteAt = at.Add(w.scale(drainingFor))
	}
	n.GoneAt = n.DeleteAt.Add(w.scale(nodeDeletingFor))
}

// staying returns the nodes that nobody has let go.
func (p *pool) staying() []*node {
	return slices.DeleteFunc(slices.Clone(p.Nodes), func(n *node) bool { return !n.DeleteAt.IsZero() })
}

// resize makes nodes, or lets the youngest ones go, until there are as many as
// wanted.
func (w *world) resize(p *pool, count int) {
	p.Count = count
	staying := p.staying()
	for range count - len(staying) {
		w.grow(p, w.now())
	}
	for _, n := range staying[min(count, len(staying)):] {
		w.retire(n, w.now(), true)
	}
}

func (w *world) deleteNode(r *http.Request) (any, error) {
	c, p, err := w.changeablePool(r)
	if err != nil {
		return nil, err
	}
	n, err := p.node(r.PathValue("node_id"))
	if err != nil {
		return nil, err
	}
	w.retire(n, w.now(), !flag(r, "skip_drain"))
	if flag(r, "replace") {
		w.grow(p, n.GoneAt)
	} else {
		p.Count--
	}
	c.touch(w.now())
	return nil, nil
}

func (w *world) recyclePool(r *http.Request) (any, error) {
	c, p, err := w.changeablePool(r)
	if err != nil {
		return nil, err
	}
	var params struct {
		Nodes []string `json:"nodes"`
	}
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	if len(params.Nodes) == 0 {
		return nil, invalid("nodes cannot be empty")
	}
	slices.Sort(params.Nodes)
	var nodes []*node
	for _, id := range slices.Compact(params.Nodes) {
		n, err := p.node(id)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		w.retire(n, w.now(), true)
		w.grow(p, n.GoneAt)
	}
	c.touch(w.now())
	return nil, nil
}

// node returns the node called id that is to stay.
func (p *pool) node(id string) (*node, error) {
	staying := p.staying()
	i := slices.IndexFunc(staying, func(n *node) bool { return n.ID == id })
	if i < 0 {
		return nil, notFound("node not found")
	}
	return staying[i], nil
}
