package web

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/audit"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
)

func (s *Server) request(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showRequest(c, v, http.StatusOK, typed, nil)
}

// back shows the request whose form stands on its page.
func (s *Server) back(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	if _, err := s.Requests.VisibleRequest(c.Request.Context(), v.actor, n); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, views.RequestPath(n))
	return nil
}

// requestAction does something to a request, with what was typed.
type requestAction func(ctx context.Context, a portal.Actor, number int64, f portal.Form) error

// requestActions are what the forms on a request's page do, by their addresses.
func (s *Server) requestActions() map[string]requestAction {
	r := s.Requests
	return map[string]requestAction{
		"review": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return r.Review(ctx, a, request.ReviewInput{
				Number: n, Decision: portal.ReviewDecision(f.Get("decision")), Comment: f.Typed("comment"), Revision: revision(f), Digest: f.Get("digest")})
		},
		"withdraw": func(ctx context.Context, a portal.Actor, n int64, _ portal.Form) error { return r.Withdraw(ctx, a, n) },
		"stop": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return r.Stop(ctx, a, n, f.Typed("stop_reason"))
		},
		"resend": func(ctx context.Context, a portal.Actor, n int64, _ portal.Form) error { return r.Resend(ctx, a, n) },
		"choose": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return s.Executor.Choose(ctx, a, n, f.Get("cluster"))
		},
		"remind": func(ctx context.Context, a portal.Actor, n int64, _ portal.Form) error { return r.Remind(ctx, a, n) },
		"comment": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return r.Comment(ctx, a, n, f.Get("key"), f.Typed("text"))
		},
		"break-glass": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return r.BreakGlass(ctx, a, n, revision(f), f.Get("digest"), f.Typed("break_glass_reason"))
		},
		"break-glass-review": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) error {
			return r.ReviewBreakGlass(ctx, a, n, f.Get("digest"), f.Typed("break_glass_comment"))
		},
	}
}

// revision is the one that a form was opened with, 0 when it does not say.
func revision(f portal.Form) int {
	n, _ := portal.ParseNumber(f.Get("revision"), 1, portal.MaxVersion)
	return n
}

// act does what a form on a request's page asks for, and shows the page. What
// is wrong with it is told there, with what was typed.
func (s *Server) act(action string, do requestAction) personal {
	return func(c *gin.Context, v viewer) error {
		n, err := number(c)
		if err != nil {
			return err
		}
		form := portal.Form(c.Request.PostForm)
		err = do(c.Request.Context(), v.actor, n, form)
		switch {
		case err == nil:
			return s.flash(c, views.RequestPath(n), saidOfAct(action, n, form))
		case portal.Is(err, portal.KindInvalid), portal.Is(err, portal.KindConflict):
			return s.showRequest(c, v, status(err), form, err)
		}
		return err
	}
}

func (s *Server) showRequest(c *gin.Context, v viewer, code int, typed portal.Form, problem error) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	r, err := s.Requests.VisibleRequest(ctx, v.actor, n)
	if err != nil {
		return err
	}
	p := views.RequestPage{Page: s.page(c, v, "Request #"+strconv.FormatInt(n, 10)), Request: r, Typed: typed, Revision: r.Revision, Digest: r.Digest, Now: s.Now()}
	if digest := typed.Get("digest"); c.Request.Method == http.MethodGet && digest != "" {
		p.Revision, p.Digest = revision(typed), digest // what was typed before a fresh sign-in was typed about that
	}
	p.Path, p.Live = views.RequestPath(n), []string{string(events.Request(r.ID))}
	p.CommentKey = uuid.Must(uuid.NewV7()).String()
	mandates, err := s.mandates(ctx, v)
	if err != nil {
		return err
	}
	s.mayDo(&p, v.actor, mandates)
	if p.CanReview {
		if err := request.RefuseGains(ctx, s.Pool, r, v.actor, p.StandsIn.Delegator.Identity, s.Now()); err != nil {
			if !portal.Is(err, portal.KindForbidden) {
				return err
			}
			p.CanReview, p.WhyNot = false, message(err)
		}
	}
	if err := r.CheckIntact(); err != nil && (r.State == portal.Pending || r.State == portal.Approved || p.CanReviewBreakGlass) {
		p.CanReview, p.CanBreakGlass, p.CanReviewBreakGlass, p.WhyNot, problem = false, false, false, message(err), cmp.Or(problem, err)
	}
	p.CanCopy = r.Params.Create != nil && r.State.Final() && len(v.memberTeams()) > 0
	p.Own, p.SeesCluster = v.actor.Identity == r.Requester.Identity, v.actor.CanSee(r.Team)
	if p.Faults = portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if problem != nil {
		p.Live = nil // a page that renews itself would say nothing of it
	}
	if err := s.aboutRequest(ctx, v.actor, &p); err != nil {
		return err
	}
	if err := s.aroundRequest(ctx, v, &p); err != nil {
		return err
	}
	s.render(c, code, views.Request(p))
	return nil
}

// mayDo says what the reader may do with the request of a page.
func (s *Server) mayDo(p *views.RequestPage, a portal.Actor, mandates []portal.Mandate) {
	r := p.Request
	word, refusal := r.WordOf(a, mandates, s.Now())
	p.StandsIn = word.Delegation
	if refusal != nil && r.State == portal.Pending {
		p.WhyNot = message(refusal)
	}
	p.CanReview, p.CanWithdraw, p.CanRevise = refusal == nil, r.CanWithdraw(a), r.CanRevise(a)
	p.CanCollect, p.CanStop = r.CanCollect(a), r.StopRefusal(a) == nil
	p.CanBreakGlass, p.CanReviewBreakGlass = r.BreakGlassRefusal(a) == nil, r.BreakGlassReviewRefusal(a) == nil
	p.CanRemind = r.RemindRefusal(s.Now()) == nil && refusal != nil
	p.CanResend, p.CanChoose = r.ResendRefusal(a) == nil, r.ChooseRefusal(a) == nil
	p.Early = r.State == portal.Approved && s.Now().Before(r.StartsAt)
}

// aboutRequest reads what belongs to the request of a page.
func (s *Server) aboutRequest(ctx context.Context, a portal.Actor, p *views.RequestPage) error {
	const most = 200
	r := &p.Request
	var err error
	if !r.State.Final() {
		if r.Plan.Related, err = request.RelatedRequests(ctx, s.Pool, a, *r); err != nil {
			return err
		}
	}
	if p.Comments, err = store.Comments(ctx, s.Pool, r.ID, most); err != nil {
		return err
	}
	if p.Revisions, err = store.Revisions(ctx, s.Pool, r.ID); err != nil {
		return err
	}
	if p.Trail, err = audit.OfRequest(ctx, s.Pool, r.Number); err != nil {
		return err
	}
	p.Late, err = s.Trail.Late(ctx, p.Trail)
	return err
}
