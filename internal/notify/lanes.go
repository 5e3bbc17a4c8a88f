package notify

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// How many targets are written to at the same time: in all, of one owner, which
// is a person or a team, and at one host. So neither the channels of one nor a
// host that is not responding keep others waiting.
const (
	atOnce      = 16
	ownersMost  = 4
	hostsMost   = 8
	lookEvery   = time.Second
	newLanesFor = 40 * time.Second // in which a round begins with further lanes; jobs may take 60
)

// lane is what is delivered one after another: all mail to people, or the
// deliveries of one channel.
type lane struct {
	id    string
	owner string // empty for mail to people
	host  string // as its channel is labelled; empty for mail to people
}

// dueLanes are the lanes that have something to send now, mail or webhooks,
// those first that have waited longest.
func (s *Service) dueLanes(ctx context.Context, mail bool) ([]lane, error) {
	type row struct{ Lane, Owner, Label string }
	due, err := db.All(ctx, s.Pool, pgx.RowToStructByName[row], `
		SELECT d.lane, coalesce(c.team_id::text, c.issuer || ' ' || c.subject, '') AS owner, coalesce(c.label, '') AS label
		FROM deliveries d LEFT JOIN channels c ON c.id = d.channel_id
		WHERE d.state IN `+waiting+` AND d.next_at <= @now AND (coalesce(c.kind, @mail) = @mail) = @is_mail
		GROUP BY d.lane, c.id ORDER BY min(d.next_at), d.lane`,
		pgx.StrictNamedArgs{"now": s.Now(), "mail": portal.ChannelMail, "is_mail": mail})
	lanes := make([]lane, len(due))
	for i, r := range due {
		host, _, _ := strings.Cut(r.Label, " ") // the label shows a bit of the path after it
		lanes[i] = lane{id: r.Lane, owner: r.Owner, host: host}
	}
	return lanes, err
}

// drainAll drains the lanes that are due, and those that become due while
// others are slow.
func (s *Service) drainAll(ctx context.Context, mail bool) error {
	var errs error
	// What is in begun is under way, or has failed and waits for the next round.
	begun, owners, hosts, under := map[string]bool{}, map[string]int{}, map[string]int{}, 0
	type result struct {
		lane
		failed bool
		err    error
	}
	done := make(chan result)
	enough := time.After(newLanesFor)
	for more := true; more || under > 0; {
		if more {
			due, err := s.dueLanes(ctx, mail)
			errs = errors.Join(errs, err)
			more = err == nil && ctx.Err() == nil
			for _, l := range due {
				if begun[l.id] || under == atOnce || l.owner != "" && (owners[l.owner] == ownersMost || hosts[l.host] == hostsMost) {
					continue
				}
				begun[l.id] = true
				under++
				owners[l.owner]++
				hosts[l.host]++
				go func() {
					failed, err := s.drain(ctx, l.id)
					done <- result{l, failed, err}
				}()
			}
		}
		if under == 0 {
			break
		}
		select {
		case r := <-done:
			errs = errors.Join(errs, r.err)
			begun[r.id] = r.failed || r.err != nil
			under--
			owners[r.owner]--
			hosts[r.host]--
		case <-time.After(lookEvery):
		case <-enough:
			more = false
		}
	}
	return errs
}
