package request

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Comment keeps what somebody who may see a request says about it, without
// deciding. key is a UUID that was made with the form, so that sending it twice
// makes one comment. It returns KindInvalid without a text.
func (s *Service) Comment(ctx context.Context, a portal.Actor, number int64, key, text string) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		var f faults
		f.checkText("text", "a comment", text, maxComment, true)
		if err := f.err(); err != nil {
			return err
		}
		if _, err := uuid.Parse(key); err != nil {
			return portal.E(portal.KindInvalid, "this form is incomplete; open it again", err)
		}
		c := portal.Comment{ID: key, Author: a.Person(), Text: strings.TrimSpace(text), CreatedAt: s.Now()}
		if news, err := store.InsertComment(ctx, tx, r.ID, c); err != nil || !news {
			return err
		}
		return Record(ctx, tx, r, Step{
			At: c.CreatedAt, Actor: c.Author, Kind: portal.EventCommented,
			Summary: a.Name + " commented on " + describe(r), Data: map[string]any{"comment": c.Text},
		})
	})
}
