package request

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// commentsAnHour bounds what one person writes on the trail.
const commentsAnHour = 60

// commentsARequest bounds what one person says about one request.
const commentsARequest = 30

// maxComment is how many characters a text has at most that people write about a
// request.
const maxComment = 1000

// checkText checks what was typed into the field for such a text.
func checkText(field, what, text string, required bool) error {
	if problem := names.CheckText(what, text, maxComment, required); problem != "" {
		return portal.Invalid(portal.FieldError{Field: field, Message: problem})
	}
	return nil
}

// commentID is the same for one person who sends one text twice, and for nobody
// else: a key that somebody else has seen must not make their comment vanish.
func commentID(requestID string, id portal.Identity, key, text string) string {
	name := strings.Join([]string{requestID, id.Issuer, id.Subject, key, strings.TrimSpace(text)}, "\x00")
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
}

// Comment keeps what somebody who may see a request says about it, without
// deciding. key is a UUID that was made with the form, so that sending it twice
// makes one comment. It returns KindInvalid without a text, and KindLimited to
// who has written too many within an hour, or on this request: many of one person
// would push what others say off the page.
func (s *Service) Comment(ctx context.Context, a portal.Actor, number int64, key, text string) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := checkText("text", "a comment", text, true); err != nil {
			return err
		}
		if _, err := uuid.Parse(key); err != nil {
			return portal.E(portal.KindInvalid, "this form is incomplete; open it again", err)
		}
		switch n, err := store.CommentsSince(ctx, tx, a.Identity, s.Now().Add(-time.Hour), commentsAnHour); {
		case err != nil:
			return err
		case n >= commentsAnHour:
			return portal.E(portal.KindLimited, fmt.Sprintf("you have written %d comments within an hour, which is the limit; try again later", n))
		}
		switch n, err := store.CommentsOn(ctx, tx, r.ID, a.Identity, commentsARequest); {
		case err != nil:
			return err
		case n >= commentsARequest:
			return portal.E(portal.KindLimited, fmt.Sprintf("you have written %d comments on this request, which is the limit", n))
		}
		c := portal.Comment{ID: commentID(r.ID, a.Identity, key, text), Author: a.Person(), Text: strings.TrimSpace(text), CreatedAt: s.Now()}
		if added, err := store.InsertComment(ctx, tx, r.ID, c); err != nil || !added {
			return err
		}
		return Record(ctx, tx, r, Step{
			At: c.CreatedAt, Actor: c.Author, Kind: portal.EventCommented,
			Summary: a.Name + " commented on " + describe(r), Said: c.Text,
		})
	})
}
