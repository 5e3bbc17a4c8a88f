package web

import (
	"bytes"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/views"
)

func (s *Server) access(c *gin.Context, v viewer) error {
	ask, err := s.opened(c, v, access)
	if err != nil {
		return err
	}
	return s.showAccess(c, v, http.StatusOK, ask, nil)
}

// askAccess asks for access, and hands it out at once where no approval is
// needed.
func (s *Server) askAccess(c *gin.Context, v viewer) error {
	ask := access.ask(c)
	r, err := s.Requests.Submit(c.Request.Context(), v.actor, ask)
	switch {
	case err == nil && r.CanCollect(v.actor):
		return s.handOut(c, v, r)
	case err == nil:
		return s.flash(c, views.RequestPath(r.Number), saidOfRequest(c.Request.Context(), r, "sent"))
	case formProblem(err):
		renewForm(&ask, err)
		return s.showAccess(c, v, status(err), ask, err)
	}
	return err
}

func (s *Server) showAccess(c *gin.Context, v viewer, code int, ask request.SubmitInput, problem error) error {
	cluster, team, err := s.Requests.VisibleCluster(c.Request.Context(), v.actor, ask.ClusterID)
	if err != nil {
		return err
	}
	p := views.AccessPage{Page: s.page(c, v, "Access to "+cluster.Name)}
	if v.actor.MemberOf(team) && cluster.GoneAt.IsZero() {
		if p.Form, code, err = s.changePage(c, v, code, ask, problem); err != nil {
			return err
		}
	}
	if p.Tabs, err = s.tabs(c, cluster, v.actor.MemberOf(team)); err != nil {
		return err
	}
	if p.User, err = s.Requests.ClusterUser(c.Request.Context(), v.actor, cluster.ID); err != nil {
		p.UserFault = message(err)
	}
	s.render(c, code, views.Access(p))
	return nil
}

// collect hands out what an approved request asks for.
func (s *Server) collect(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	r, err := s.Requests.VisibleRequest(c.Request.Context(), v.actor, n)
	if err != nil {
		return err
	}
	return s.handOut(c, v, r)
}

// handOut fetches a secret and streams it to its reader. Nothing on the way may
// keep it.
func (s *Server) handOut(c *gin.Context, v viewer, r portal.Request) error {
	lasting(c)
	secret, err := s.Executor.Collect(c.Request.Context(), v.actor, r.Number)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	if r.Operation == portal.GetCredentials {
		s.render(c, http.StatusOK, views.Credentials(views.CredentialsPage{Page: s.page(c, v, "Credentials"), Request: r, Secret: secret}))
		return nil
	}
	c.DataFromReader(http.StatusOK, int64(len(secret.Kubeconfig)), "application/yaml", bytes.NewReader(secret.Kubeconfig), map[string]string{
		"Content-Disposition": mime.FormatMediaType("attachment", map[string]string{"filename": kubeconfigName(r.TargetName)}),
	})
	return nil
}

// kubeconfigName is a name for the file that harms no file system.
func kubeconfigName(cluster string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(cluster))
	return "kubeconfig-" + strings.Trim(safe[:min(len(safe), 63)], "-") + ".yaml"
}
