package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

const (
	reviewsPage     = "/audit/reviews"
	mostUnreviewed  = 20   // break-glasses that are shown
	mostUnusualADay = 1000 // events of a day that are shown
)

// reviews shows the days, and what of them waits for an auditor's look.
func (s *Server) reviews(c *gin.Context, v viewer) error {
	ctx := c.Request.Context()
	p := views.ReviewsPage{Page: s.page(c, v, "Daily reviews"), Now: s.Now()}
	var err error
	if p.BreakGlasses, err = store.UnreviewedBreakGlasses(ctx, s.Pool, s.Now(), mostUnreviewed); err != nil {
		return err
	}
	if p.Days, err = s.Auditors.ReviewDays(ctx, s.Pool); err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Reviews(p))
	return nil
}

// reviewDay shows what was unusual on a day.
func (s *Server) reviewDay(c *gin.Context, v viewer) error {
	note, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showReviewDay(c, v, http.StatusOK, note.Get("note"), nil)
}

func (s *Server) showReviewDay(c *gin.Context, v viewer, code int, note string, problem error) error {
	day, err := s.dayToReview(c)
	if err != nil {
		return err
	}
	p := views.ReviewDayPage{Page: s.page(c, v, "Review of "+day.Day.Format(views.DayLayout)), Day: day, Over: day.Day.Before(s.Now().UTC().Truncate(24 * time.Hour)),
		Note: note, Faults: portal.FieldErrorsOf(problem)}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if p.Events, err = store.UnusualBetween(c.Request.Context(), s.Pool, day.Day, day.Day.AddDate(0, 0, 1), mostUnusualADay); err != nil {
		return err
	}
	s.render(c, code, views.ReviewDay(p))
	return nil
}

// dayToReview is the day of the address.
func (s *Server) dayToReview(c *gin.Context) (portal.ReviewDay, error) {
	days, err := s.Auditors.ReviewDays(c.Request.Context(), s.Pool)
	if err != nil {
		return portal.ReviewDay{}, err
	}
	i := slices.IndexFunc(days, func(d portal.ReviewDay) bool { return d.Day.Format(time.DateOnly) == c.Param("day") })
	if i < 0 {
		return portal.ReviewDay{}, portal.E(portal.KindNotFound, "there is no such day to review")
	}
	return days[i], nil
}

// signDay signs a day off.
func (s *Server) signDay(c *gin.Context, v viewer) error {
	day, err := s.dayToReview(c)
	if err != nil {
		return err
	}
	form := portal.Form(c.Request.PostForm)
	found, ok := portal.ParseNumber(form.Get("seen"), 0, 1<<31-1)
	if !ok {
		return portal.E(portal.KindInvalid, "the form does not say how much you have seen; open the page again")
	}
	err = s.Auditors.SignDay(c.Request.Context(), v.actor, day.Day, found, form.Typed("note"))
	switch {
	case err != nil && formProblem(err):
		return s.showReviewDay(c, v, status(err), form.Typed("note"), err)
	case err != nil:
		return err
	}
	return s.flash(c, reviewsPage, ui.ToastProps{Text: day.Day.Format(views.DayLayout) + " is signed off."})
}

// signQuietDays signs off the days on which nothing was found.
func (s *Server) signQuietDays(c *gin.Context, v viewer) error {
	if err := s.Auditors.SignQuietDays(c.Request.Context(), v.actor); err != nil {
		return err
	}
	return s.flash(c, reviewsPage, ui.ToastProps{Text: "The days without unusual events are signed off."})
}
