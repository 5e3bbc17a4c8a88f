package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/views"
	"doksportal/views/ui"
)

// queue shows what waits to be sent to DigitalOcean and what is under way there, and lets
// admins pause that.
func (s *Server) queue(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showQueue(c, v, http.StatusOK, typed, nil)
}

func (s *Server) showQueue(c *gin.Context, v viewer, code int, typed portal.Form, problem error) error {
	p := views.QueuePage{Page: s.page(c, v, "Queue"), Reason: typed.Typed(pauses.FieldReason), Faults: portal.FieldErrorsOf(problem)}
	p.Path = "/admin/queue"
	if problem == nil && p.Reason == "" { // a page that renews itself would lose what is typed, and what is said of it
		p.Live = []string{string(events.Requests)}
	}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	s.render(c, code, views.Queue(p))
	return nil
}

// pauseExecution keeps everything from being sent.
func (s *Server) pauseExecution(c *gin.Context, v viewer) error {
	typed := portal.Form(c.Request.PostForm)
	err := s.Pauses.Pause(c.Request.Context(), v.actor, typed.Typed(pauses.FieldReason))
	switch {
	case err != nil && formProblem(err):
		return s.showQueue(c, v, status(err), typed, err)
	case err != nil:
		return err
	}
	return s.flash(c, "/admin/queue", ui.ToastProps{Text: "Execution is paused. Nothing more is sent to DigitalOcean until an admin resumes it."})
}

// resumeExecution has what waits be sent again.
func (s *Server) resumeExecution(c *gin.Context, v viewer) error {
	err := s.Pauses.Resume(c.Request.Context(), v.actor)
	switch {
	case err != nil && formProblem(err):
		return s.showQueue(c, v, status(err), nil, err)
	case err != nil:
		return err
	}
	return s.flash(c, "/admin/queue", ui.ToastProps{Text: "Execution is resumed."})
}
