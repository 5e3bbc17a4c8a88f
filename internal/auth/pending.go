package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
)

// pending is a sign-in that has been sent to the provider and not come back.
// Each has a row and a cookie of its own, so that several tabs can sign in at
// the same time, and so that one answer can be taken once, by one browser.
type pending struct {
	Nonce    string  `json:"nonce"`
	Verifier string  `json:"verifier"`
	Return   string  `json:"return"`
	StepUp   *stepUp `json:"step_up"` // nil: anybody may sign in, however long ago
}

func newPending(back string) pending {
	if kept, err := json.Marshal(back); err != nil || len(kept) > maxReturn {
		back = "/"
	}
	return pending{Nonce: randomText(), Verifier: oauth2.GenerateVerifier(), Return: LocalPath(back)}
}

// maxReturn bounds, in bytes as it is kept, the address to return to. Anybody can have one
// kept without signing in.
const maxReturn = 2 << 10

// Bounds of what is kept of those who have left for the provider. Beyond them
// the oldest goes first. A person means one who has to sign in again, with what
// they typed.
const (
	maxOfNetwork = 500
	maxOfPerson  = 20
	maxOfAll     = 20_000
)

type networkKey struct{}

// From says which network a request comes from, by which sign-ins under way are
// bounded. Without it that is the other end of the connection.
func From(r *http.Request, network string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), networkKey{}, network))
}

// holder is whom a sign-in under way counts for, and how many of theirs are
// kept.
func (p pending) holder(r *http.Request) (string, int) {
	if p.StepUp != nil {
		return "person " + p.StepUp.Who.Issuer + " " + p.StepUp.Who.Subject, maxOfPerson
	}
	return "network " + networkOf(r), maxOfNetwork
}

// networkOf is where a request comes from, as From has said.
func networkOf(r *http.Request) string {
	network, ok := r.Context().Value(networkKey{}).(string)
	if !ok {
		if network, _, _ = net.SplitHostPort(r.RemoteAddr); network == "" {
			network = r.RemoteAddr
		}
	}
	return network
}

// maxPending bounds the sign-ins under way of one browser, because all their
// cookies go into each of its requests.
const maxPending = 5

// randomText is at least 256 random bits as text.
func randomText() string { return rand.Text() + rand.Text() }

// cookieOf names the cookie of the sign-in with this state.
func (a *Auth) cookieOf(state string) string {
	const enough = 12 // characters to tell a browser's sign-ins apart
	return a.cookie.Name + "-in-" + state[:min(enough, len(state))]
}

// keep remembers a sign-in for the browser of r.
func (a *Auth) keep(w http.ResponseWriter, r *http.Request, state string, p pending) error {
	secret := randomText()
	data, err := a.seal.Close(p, state)
	if err != nil {
		return err
	}
	holder, most := p.holder(r)
	_, err = a.Pool.Exec(r.Context(), `WITH kept AS (INSERT INTO sessions (token_hash, data, holder, created_at, last_used_at, expires_at)
			VALUES (@hash, @data, @holder, @now, @now, @expires))
		DELETE FROM sessions WHERE token_hash IN (
			SELECT token_hash FROM sessions WHERE issuer = '' AND holder = @holder ORDER BY created_at DESC OFFSET @most FOR UPDATE SKIP LOCKED)
		OR token_hash IN (
			SELECT token_hash FROM sessions WHERE issuer = '' ORDER BY created_at DESC OFFSET @all FOR UPDATE SKIP LOCKED)`,
		pgx.StrictNamedArgs{"hash": hashOf(state + secret), "data": data, "holder": holder, "now": a.Now(), "expires": a.Now().Add(pendingFor),
			"most": most - 1, "all": maxOfAll - 1}) // the statement does not see the new one
	if err != nil {
		return db.Wrap(err)
	}
	a.dropOldest(w, r)
	a.giveCookie(w, a.cookieOf(state), secret, pendingFor)
	return nil
}

// dropOldest makes room for one more sign-in. Browsers send their oldest
// cookies first.
func (a *Auth) dropOldest(w http.ResponseWriter, r *http.Request) {
	var names []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, a.cookieOf("")) {
			names = append(names, c.Name)
		}
	}
	for len(names) >= maxPending {
		a.forgetCookie(w, names[0])
		names = names[1:]
	}
}

// take returns the sign-in that the browser of r began with this state, false
// when there is none. Nobody gets it a second time.
func (a *Auth) take(w http.ResponseWriter, r *http.Request, state string) (pending, bool, error) {
	cookie, err := r.Cookie(a.cookieOf(state))
	if err != nil {
		return pending{}, false, nil
	}
	a.forgetCookie(w, cookie.Name)
	var p pending
	ok, err := a.unseal(r.Context(), takeKept, state+cookie.Value, state, &p)
	return p, ok, err
}

// peek returns the sign-in that the browser of r began with this state, and
// leaves it where it is.
func (a *Auth) peek(r *http.Request, state string) (pending, bool, error) {
	cookie, err := r.Cookie(a.cookieOf(state))
	if err != nil {
		return pending{}, false, nil
	}
	var p pending
	ok, err := a.unseal(r.Context(), readKept, state+cookie.Value, state, &p)
	return p, ok, err
}

// Rows that belong to nobody's session are not found as sessions.
const (
	readKept = `SELECT data FROM sessions WHERE token_hash = @hash AND issuer = '' AND expires_at > @now`
	takeKept = `DELETE FROM sessions WHERE token_hash = @hash AND issuer = '' AND expires_at > @now RETURNING data`
)

// unseal opens what is kept under a name, false when nothing is.
func (a *Auth) unseal(ctx context.Context, sql, name, owner string, v any) (bool, error) {
	data, err := db.One(ctx, a.Pool, pgx.RowTo[[]byte], sql, pgx.StrictNamedArgs{"hash": hashOf(name), "now": a.Now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = a.seal.Open(data, owner, v)
	return err == nil, err
}
