package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/auditors"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

const (
	accessPage        = "/audit/access"
	accessRows        = 100 // people on a page
	mostAccessReviews = 100 // that are listed
)

// accessToday shows who may do what.
func (s *Server) accessToday(c *gin.Context, v viewer) error {
	if err := s.recordReading(c, v, url.Values{"access": {"now"}}); err != nil {
		return err
	}
	p := views.AccessTodayPage{Page: s.page(c, v, "Access review"), Now: s.Now()}
	f := queryForm(c)
	err := s.atOneMoment(c.Request.Context(), func(tx pgx.Tx) (err error) {
		if p.Snapshot, err = s.Auditors.Access(c.Request.Context(), tx); err != nil {
			return err
		}
		var before portal.AccessSnapshot
		if p.Last, before, err = s.Auditors.Since(c.Request.Context(), tx); err != nil {
			return err
		}
		if p.Last != nil {
			p.Changes = portal.AccessChanges(before, p.Snapshot)
			p.Left = stillThere(p.Last.Marks, p.Snapshot)
		}
		if p.Since, err = changedSince(c.Request.Context(), tx, f.Typed("seen"), p.Snapshot); err != nil {
			return err
		}
		if p.Due, err = s.Auditors.AccessDue(c.Request.Context(), tx); err != nil {
			return err
		}
		p.Reviews, err = store.AccessReviews(c.Request.Context(), tx, mostAccessReviews)
		return err
	})
	if err != nil {
		return err
	}
	p.People = pageOfPeople(f, p.Snapshot, accessPage)
	if p.CanReview() {
		if p.People.Seen, err = s.keepReading(c.Request.Context(), p.Snapshot); err != nil {
			return err
		}
		tick(&p.People, f.All(auditors.FieldMarked))
		p.People.Before = marksByKey(p.Last)
	}
	s.render(c, http.StatusOK, views.AccessToday(p))
	return nil
}

// atOneMoment reads what belongs together.
func (s *Server) atOneMoment(ctx context.Context, read func(pgx.Tx) error) error {
	return db.Wrap(pgx.BeginTxFunc(ctx, s.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, read))
}

// keepReading keeps what a page shows to who may sign it, and returns its digest.
func (s *Server) keepReading(ctx context.Context, snapshot portal.AccessSnapshot) (string, error) {
	digest := snapshot.Digest()
	return digest, store.KeepAccessReading(ctx, s.Pool, digest, snapshot, s.Now())
}

// changedSince is what changed since a page showed who may do what, by its digest.
func changedSince(ctx context.Context, q store.Querier, seen string, now portal.AccessSnapshot) ([]portal.AccessChange, error) {
	if seen == "" || seen == now.Digest() {
		return nil, nil
	}
	before, err := store.AccessReading(ctx, q, seen)
	if portal.Is(err, portal.KindNotFound) {
		return nil, nil
	}
	return portal.AccessChanges(before, now), err
}

// stillThere is what those may do who should lose access.
func stillThere(marks []portal.AccessMark, now portal.AccessSnapshot) []views.AccessLeft {
	var list []views.AccessLeft
	for _, m := range marks {
		p, _ := now.FindPerson(portal.AccessPerson{Issuer: m.Issuer, Subject: m.Subject}.Key())
		list = append(list, views.AccessLeft{AccessMark: m, Rights: p.Rights})
	}
	return list
}

func marksByKey(r *portal.AccessReview) map[string]portal.AccessMark {
	marks := map[string]portal.AccessMark{}
	if r != nil {
		for _, m := range r.Marks {
			marks[portal.AccessPerson{Issuer: m.Issuer, Subject: m.Subject}.Key()] = m
		}
	}
	return marks
}

// pageOfPeople is the page of the people that an address asks for.
func pageOfPeople(f portal.Form, snapshot portal.AccessSnapshot, path string) views.AccessPeople {
	p := views.AccessPeople{Path: path, Name: f.Typed("name"), People: snapshot.People, Number: 1}
	if name := strings.ToLower(p.Name); name != "" {
		p.People = slices.DeleteFunc(slices.Clone(snapshot.People), func(a portal.AccessPerson) bool {
			return !strings.Contains(strings.ToLower(a.Name), name) && !strings.Contains(strings.ToLower(a.Email), name)
		})
	}
	p.Found = len(p.People)
	p.Last = max(1, (p.Found+accessRows-1)/accessRows)
	if n, ok := portal.ParseNumber(f.Typed("page"), 1, p.Last); ok {
		p.Number = n
	}
	p.People = p.People[min(p.Found, (p.Number-1)*accessRows):min(p.Found, p.Number*accessRows)]
	return p
}

// tick ticks people in the list, and keeps those that are on other pages.
func tick(p *views.AccessPeople, keys []string) {
	p.CanMark, p.Marked = true, map[string]bool{}
	for _, key := range keys {
		shown := slices.ContainsFunc(p.People, func(a portal.AccessPerson) bool { return a.Key() == key })
		if !p.Marked[key] && !shown && len(p.Elsewhere) < portal.MostAccessMarks {
			p.Elsewhere = append(p.Elsewhere, key)
		}
		p.Marked[key] = true
	}
}

// chooseSignature asks for the signature under a review.
func (s *Server) chooseSignature(c *gin.Context, v viewer) error {
	form, err := s.typed(c, v)
	if err != nil {
		return err
	}
	if form == nil {
		form = queryForm(c)
		form["mark_shown"] = form.All(auditors.FieldMarked)
	}
	return s.showSignature(c, v, http.StatusOK, form, nil)
}

// signAccess signs a review.
func (s *Server) signAccess(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	after, _ := portal.ParseNumber(f.Get(auditors.FieldReviewAfter), 0, portal.MaxVersion) // what it is not is no review
	in := auditors.SignAccessInput{Seen: f.Get("seen"), After: after, Note: f.Typed(auditors.FieldNote)}
	marked, reasons := f.All(auditors.FieldMarked), f.All(auditors.FieldMarkReason)
	for i, key := range f.All(auditors.FieldMarkShown) {
		if slices.Contains(marked, key) && i < len(reasons) {
			in.Marks = append(in.Marks, auditors.MarkInput{Key: key, Reason: reasons[i]})
		}
	}
	err := s.Auditors.SignAccess(c.Request.Context(), v.actor, in)
	switch {
	case err != nil && formProblem(err):
		return s.showSignature(c, v, status(err), f, err)
	case err != nil:
		return err
	}
	return s.flash(c, accessPage, ui.ToastProps{Text: "The review of access is signed.", Next: views.AccessReviewPath(after + 1), Label: "Show"})
}

// showSignature shows the form with what was typed, what is wrong with it, and what has
// changed of access since its reader saw it.
func (s *Server) showSignature(c *gin.Context, v viewer, code int, f portal.Form, problem error) error {
	if err := auditors.CanSignAccess(v.actor); err != nil {
		return err
	}
	ctx := c.Request.Context()
	p := views.SignAccessPage{Page: s.page(c, v, "Sign the review of access"), Note: f.Typed(auditors.FieldNote), Faults: portal.FieldErrorsOf(problem)}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	now, err := s.Auditors.Access(ctx, s.Pool)
	if err != nil {
		return err
	}
	last, before, err := s.Auditors.Since(ctx, s.Pool)
	if err != nil {
		return err
	}
	p.People = len(now.People)
	if last != nil {
		p.After, p.Changes = last.Number, len(portal.AccessChanges(before, now))
	}
	if p.Since, err = changedSince(ctx, s.Pool, f.Get("seen"), now); err != nil {
		return err
	}
	if p.Seen, err = s.keepReading(ctx, now); err != nil {
		return err
	}
	p.Marks = markedPeople(f, now)
	s.render(c, code, views.SignAccess(p))
	return nil
}

// markedPeople are those whom a form asks about, with what was typed.
func markedPeople(f portal.Form, now portal.AccessSnapshot) []views.MarkedPerson {
	marked, reasons := f.All(auditors.FieldMarked), f.All(auditors.FieldMarkReason)
	var list []views.MarkedPerson
	for i, key := range f.All(auditors.FieldMarkShown) {
		person, known := now.FindPerson(key)
		if !known || len(list) > portal.MostAccessMarks || slices.ContainsFunc(list, func(m views.MarkedPerson) bool { return m.Key() == key }) {
			continue
		}
		m := views.MarkedPerson{AccessPerson: person, On: slices.Contains(marked, key)}
		if i < len(reasons) {
			m.Reason = reasons[i]
		}
		list = append(list, m)
	}
	return list
}

// accessReviewOf is the review of the address, with its snapshot.
func (s *Server) accessReviewOf(c *gin.Context) (r portal.AccessReview, snapshot portal.AccessSnapshot, err error) {
	number, ok := portal.ParseNumber(c.Param("review"), 1, portal.MaxVersion)
	if !ok {
		return r, snapshot, portal.E(portal.KindNotFound, "there is no such review of access")
	}
	if r, err = store.AccessReview(c.Request.Context(), s.Pool, number); err != nil {
		return r, snapshot, err
	}
	snapshot, err = store.AccessSnapshot(c.Request.Context(), s.Pool, number)
	return r, snapshot, err
}

// accessReview shows a review that was signed.
func (s *Server) accessReview(c *gin.Context, v viewer) error {
	r, snapshot, err := s.accessReviewOf(c)
	if err != nil {
		return err
	}
	if err := s.recordReading(c, v, url.Values{"access": {strconv.Itoa(r.Number)}}); err != nil {
		return err
	}
	p := views.AccessReviewPage{Page: s.page(c, v, "Review of access"), Review: r, Snapshot: snapshot, People: pageOfPeople(queryForm(c), snapshot, views.AccessReviewPath(r.Number))}
	if r.Number > 1 {
		before, err := store.AccessSnapshot(c.Request.Context(), s.Pool, r.Number-1)
		if err != nil {
			return err
		}
		p.Changes = portal.AccessChanges(before, snapshot)
	}
	s.render(c, http.StatusOK, views.AccessReview(p))
	return nil
}
