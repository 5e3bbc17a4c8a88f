package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
)

// Bounds of an event, in characters, and in bytes for its details. What is longer
// is cut, and the event says so.
const (
	mostSummary = 2000
	mostReason  = 4000
	mostWord    = 300 // of what browsers and providers call things
	mostDetails = 256 << 10
	mostGroups  = 50
)

type originKey struct{}

// origin is what a context knows of the connection that it belongs to.
type origin struct {
	portal.Origin
	who portal.Identity
}

// WithOrigin returns a context whose events say where they came from. What of o
// describes a person goes to events of who alone. The server of the pages calls it
// for each request that it serves.
func WithOrigin(ctx context.Context, who portal.Identity, o portal.Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin{Origin: o, who: who})
}

// WithGroups adds to a context of WithOrigin the groups by which its person may do
// what they may.
func WithGroups(ctx context.Context, groups []string) context.Context {
	o, _ := ctx.Value(originKey{}).(origin)
	o.Groups = groups
	return context.WithValue(ctx, originKey{}, o)
}

// originOf is where an event of actor comes from.
func originOf(ctx context.Context, actor portal.Identity) portal.Origin {
	o, _ := ctx.Value(originKey{}).(origin)
	if o.who != actor {
		o.Email, o.Roles, o.Groups, o.Session = "", nil, nil, ""
	}
	if len(o.Groups) > mostGroups {
		o.Groups = append(slices.Clone(o.Groups[:mostGroups]), fmt.Sprintf("and %d more", len(o.Groups)-mostGroups))
	}
	return o.Origin
}

// row is an event as the table has it, by the names of its columns.
func row(ctx context.Context, e portal.Event) (pgx.StrictNamedArgs, error) {
	info, known := e.Kind.Info()
	if e.Actor.IsZero() || e.At.IsZero() || !known {
		return nil, portal.E(portal.KindUnknown, "an event needs an actor, a time and a kind")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	data, err := details(e.Data)
	if err != nil {
		return nil, err
	}
	o := originOf(ctx, e.Actor.Identity)
	return pgx.StrictNamedArgs{
		"id": id, "at": e.At, "kind": e.Kind, "outcome": cmp.Or(e.Result, info.Result), "outlasts": info.Outlast, "behind": BehindAfter,
		"issuer": e.Actor.Issuer, "subject": e.Actor.Subject, "actor_name": word(e.Actor.Name), "actor_email": word(o.Email),
		"actor_roles": listOf(o.Roles), "actor_groups": listOf(o.Groups), "session": o.Session, "address": word(o.Address),
		"user_agent": names.Visible(db.Text(o.UserAgent), mostWord), "http_request": o.HTTPRequest,
		"team_id": e.TeamID, "request_id": e.RequestID, "revision": e.Revision,
		"operation": e.Operation, "environment": e.Environment,
		"target_kind": e.Target.Kind, "target_id": word(e.Target.ID), "target_name": word(e.Target.Name), "clusters": listOf(e.Clusters),
		"summary": cut(line(e.Summary), mostSummary), "reason": cut(names.Shown(db.Text(e.Reason)), mostReason), "data": data,
	}, nil
}

// line is a text on one line, all of which can be seen: what somebody broke could
// read as two events, and what turns the direction of writing as another one.
func line(text string) string {
	return names.Shown(strings.Join(strings.Fields(db.Text(text)), " "))
}

// word is line of what is short.
func word(text string) string { return cut(line(text), mostWord) }

// listOf is a list for a column that has none as an empty one.
func listOf[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = word(string(s))
	}
	return texts
}

// cut bounds a text and says when it was longer.
func cut(s string, most int) string {
	length := utf8.RuneCountInString(s)
	if length <= most {
		return s
	}
	return fmt.Sprintf("%s … (cut; %d characters)", string([]rune(s)[:most]), length)
}

// details writes what else an event says, and leaves out what takes most until it
// is small enough. In its place stands how large it was, and its SHA-256.
func details(data map[string]any) (string, error) {
	parts := make(map[string]json.RawMessage, len(data))
	total := 0
	for key, value := range data {
		text, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("details of an event: %w", err)
		}
		parts[key] = json.RawMessage(strings.ReplaceAll(string(text), `\u0000`, `\ufffd`)) // which Postgres would not read
		total += len(text)
	}
	for _, key := range slices.SortedFunc(maps.Keys(parts), func(a, b string) int { return cmp.Compare(len(parts[b]), len(parts[a])) }) {
		if total <= mostDetails {
			break
		}
		sum := sha256.Sum256(parts[key])
		total -= len(parts[key])
		parts[key] = json.RawMessage(fmt.Sprintf(`{"cut":%d,"sha256":%q}`, len(parts[key]), hex.EncodeToString(sum[:])))
	}
	text, err := json.Marshal(parts)
	return string(text), err
}
