package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/store"
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
	if problem == nil { // a page that renews itself would say nothing of it
		p.Live = []string{string(events.Requests), string(events.Inventory)} // as clusters come and go requests go on
	}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if err := s.readQueue(c.Request.Context(), &p); err != nil {
		return err
	}
	s.render(c, code, views.Queue(p))
	return nil
}

// How much of each section of the queue is shown, how far it is counted, and for how long
// failures are in it.
const (
	queueMost   = 50
	queueCount  = 100
	queueFailed = 7 * 24 * time.Hour
)

// readQueue reads the sections of the queue.
func (s *Server) readQueue(ctx context.Context, p *views.QueuePage) error {
	p.Now = s.Now()
	since := p.Now.Add(-queueFailed)
	var ids []string
	var ops []portal.OperationID
	for _, section := range []struct {
		name store.QueueSection
		into *views.QueueSection
	}{{store.QueueRunning, &p.Running}, {store.QueueWaiting, &p.Waiting}, {store.QueueUnknown, &p.Unknown}, {store.QueueFailed, &p.Failed}} {
		list, err := store.Queue(ctx, s.Pool, section.name, since, queueMost+1)
		if err != nil {
			return err
		}
		section.into.Count = len(list)
		if len(list) > queueMost {
			list = list[:queueMost]
			if section.into.Count, err = store.QueueCount(ctx, s.Pool, section.name, since, queueCount+1); err != nil {
				return err
			}
		}
		for _, r := range list {
			section.into.Rows = append(section.into.Rows, views.QueueRow{Request: r.Request, Attempt: r.Attempt, SentAt: r.SentAt})
			if section.name != store.QueueFailed {
				ids, ops = append(ids, r.ID), append(ops, r.Operation)
			}
		}
	}
	var err error
	if p.Usual, err = store.UsualTimes(ctx, s.Pool, slices.Compact(slices.Sorted(slices.Values(ops)))); err != nil {
		return err
	}
	p.Next, err = s.Queue.NextSteps(ctx, ids)
	return err
}

// takeStep has the next step of a request taken now.
func (s *Server) takeStep(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	err = s.Requests.Hasten(c.Request.Context(), v.actor, n)
	switch {
	case err != nil && formProblem(err):
		return s.showQueue(c, v, status(err), nil, err)
	case err != nil:
		return err
	}
	return s.flash(c, "/admin/queue", ui.ToastProps{Text: fmt.Sprintf("The next step of #%d is taken now.", n), Next: views.RequestPath(n), Label: "Open it"})
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
