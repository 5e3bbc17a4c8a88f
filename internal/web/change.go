package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/db"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/views"
)

// change is a page on which an operation is asked for. The first of its
// operations is the one that it opens with; the form chooses among them.
type change struct {
	path       string // like /clusters/:id/settings
	operations []portal.OperationID
}

// changes are the pages that are nothing but such a form.
var changes = []change{
	{"/clusters/:id/settings", []portal.OperationID{portal.UpdateCluster}},
	{"/clusters/:id/upgrade", []portal.OperationID{portal.UpgradeCluster}},
	{"/clusters/:id/pools/new", []portal.OperationID{portal.CreateNodePool}},
	{"/clusters/:id/pools/:pool/change", []portal.OperationID{portal.UpdateNodePool}},
	{"/clusters/:id/pools/:pool/delete", []portal.OperationID{portal.DeleteNodePool}},
	{"/clusters/:id/pools/:pool/recycle", []portal.OperationID{portal.RecycleNodePool}},
	{"/clusters/:id/pools/:pool/nodes/:node/delete", []portal.OperationID{portal.DeleteNode}},
	{"/clusters/:id/delete", []portal.OperationID{portal.DeleteCluster, portal.DeleteClusterSelective, portal.DeleteClusterDangerous}},
	{"/clusters/:id/lease", []portal.OperationID{portal.ExtendLease}},
	{"/quotas/ask", []portal.OperationID{portal.RaiseQuota}},
	{"/admin/registries", []portal.OperationID{portal.AddRegistry, portal.RemoveRegistry, portal.AddRegistries, portal.RemoveRegistries}},
}

// Pages that show more than a form to ask with.
var (
	create = change{"/clusters/new", []portal.OperationID{portal.CreateCluster}}
	lint   = change{"/clusters/:id/diagnostics", []portal.OperationID{portal.RunClusterlint}}
	access = change{"/clusters/:id/access", []portal.OperationID{portal.GetKubeconfig, portal.GetCredentials}}
)

// ask is what the address and the form that was sent ask for.
func (ch change) ask(c *gin.Context) request.SubmitInput {
	return ch.with(c, portal.Form(c.Request.PostForm))
}

// with is what the address and, once it was filled in, the form ask for. Forms
// that choose an operation which is not the page's get the page's first.
func (ch change) with(c *gin.Context, form portal.Form) request.SubmitInput {
	a := request.SubmitInput{
		Operation: ch.operations[0], Like: query(c, "like"), LikeRequest: likeRequest(c), Template: query(c, "template"), ClusterID: db.Text(c.Param("id")), PoolID: db.Text(c.Param("pool")), NodeID: db.Text(c.Param("node")), Form: form,
		Team: query(c, "team"), Wanted: wanted(c),
	}
	if chosen := portal.OperationID(form.Get("operation")); slices.Contains(ch.operations, chosen) {
		a.Operation = chosen
	}
	return a
}

// wanted is what the form for a larger quota is opened with.
func wanted(c *gin.Context) map[string]string {
	typed := map[string]string{}
	for _, field := range portal.RaiseFields() {
		typed[field] = query(c, field)
	}
	return typed
}

// likeRequest is the number of the request that a form for a new cluster is opened
// with, one that no request has for anything that is no number.
func likeRequest(c *gin.Context) int64 {
	typed := query(c, "request")
	if n, ok := portal.ParseNumber[int64](typed, 1, portal.MaxNumber); ok || typed == "" {
		return n
	}
	return -1
}

// open shows the form as it is first.
func (s *Server) open(ch change) personal {
	return func(c *gin.Context, v viewer) error {
		ask, err := s.opened(c, v, ch)
		if err != nil {
			return err
		}
		return s.showChange(c, v, http.StatusOK, ask, nil)
	}
}

// submit makes a request of the form.
func (s *Server) submit(ch change) personal {
	return func(c *gin.Context, v viewer) error {
		ask := ch.ask(c)
		if ask.Form.Get("action") == "look" { // the plan could not be shown before
			return s.showChange(c, v, http.StatusOK, ask, nil)
		}
		if chosen := ask.Form.Get("operation"); chosen != "" && len(ch.operations) > 1 && chosen != string(ask.Operation) {
			return s.showChange(c, v, http.StatusUnprocessableEntity, ask, portal.Invalid(portal.FieldError{Field: "operation", Message: "Choose what is to be done."}))
		}
		r, err := s.Requests.Submit(c.Request.Context(), v.actor, ask)
		if err == nil {
			return s.flash(c, views.RequestPath(r.Number), saidOfRequest(c.Request.Context(), r, "sent"))
		}
		if !formProblem(err) {
			return err
		}
		renewForm(&ask, err)
		return s.showChange(c, v, status(err), ask, err)
	}
}

// renewForm makes the form ready to be sent once more after a conflict: as one of
// its own, with the target as it is now.
func renewForm(ask *request.SubmitInput, err error) {
	if portal.Is(err, portal.KindConflict) {
		ask.Live = true
		ask.Form.Set("submit_key", uuid.Must(uuid.NewV7()).String())
	}
}

// formProblem reports whether an error is told on the form itself, with what
// was typed still there.
func formProblem(err error) bool {
	return slices.Contains([]portal.Kind{portal.KindInvalid, portal.KindConflict, portal.KindUnavailable, portal.KindDenied, portal.KindLimited}, portal.KindOf(err))
}

// plan renews the plan while the form is filled in.
func (s *Server) plan(ch change) personal {
	return func(c *gin.Context, v viewer) error {
		d, err := s.Requests.Plan(c.Request.Context(), v.actor, ch.ask(c))
		return s.showPlan(c, d, err)
	}
}

// showPlan renders the plan of a form by itself, or why there is none.
func (s *Server) showPlan(c *gin.Context, d portal.Draft, err error) error {
	problem := ""
	if err != nil {
		if !formProblem(err) {
			return err
		}
		problem = message(err)
	}
	s.render(c, http.StatusOK, views.PlanUpdate(d, problem))
	return nil
}

func (s *Server) showChange(c *gin.Context, v viewer, code int, ask request.SubmitInput, problem error) error {
	p, code, err := s.changePage(c, v, code, ask, problem)
	if err != nil {
		return err
	}
	s.render(c, code, views.Change(p))
	return nil
}

// changePage plans what is asked for and says what is wrong with it. The form
// keeps what was typed; only what it was opened with is renewed.
func (s *Server) changePage(c *gin.Context, v viewer, code int, ask request.SubmitInput, problem error) (views.ChangePage, int, error) {
	d, err := s.Requests.Plan(c.Request.Context(), v.actor, ask)
	return s.plannedPage(c, v, code, d, err, problem)
}

// plannedPage is the page of a form that was planned, or could not be.
func (s *Server) plannedPage(c *gin.Context, v viewer, code int, d portal.Draft, err, problem error) (views.ChangePage, int, error) {
	if err != nil {
		if !formProblem(err) {
			return views.ChangePage{}, code, err
		}
		problem, code = err, status(err)
	}
	if seen := d.Form.Get("seen"); c.Request.Method == http.MethodGet && seen != "" {
		d.ETag = seen // what was typed before a fresh sign-in was typed for that
	}
	p := views.ChangePage{
		Page: s.page(c, v, changeTitle(d)), Draft: d, Action: strings.TrimSuffix(c.Request.URL.Path, "/plan"),
		Faults: portal.FieldErrorsOf(problem), Ready: err == nil || portal.Is(err, portal.KindInvalid),
	}
	if problem == nil {
		p.Faults = operation.OpeningErrors(d)
	}
	p.Before = operation.Before(d)
	p.MoreOpen = d.Operation == portal.CreateCluster && operation.MoreChanged(d.Form) || slices.ContainsFunc(p.Faults, func(f portal.FieldError) bool { return slices.Contains(operation.MoreFields(), f.Field) })
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if d.Cluster.ID != "" {
		p.Tabs, err = s.tabs(c, d.Cluster, true)
		return p, code, err
	}
	if p.Tabs.Freshness, err = s.freshness(c); err == nil && d.Operation == portal.CreateCluster && d.Revises.ID == "" {
		p.Templates, err = s.Templates.List(c.Request.Context(), v.actor)
	}
	return p, code, err
}

// changeTitle names what the form is about.
func changeTitle(d portal.Draft) string {
	title := d.Operation.Title()
	switch {
	case d.Operation == portal.RaiseQuota:
		return "Ask for a larger quota"
	case d.Operation.Deletes():
		return "Delete cluster"
	case d.Operation.Risk() == portal.RiskAccount:
		return "Registries"
	case d.Operation == portal.RecycleNodePool:
		return "Recycle nodes of pool " + d.Pool.Name
	case d.Node.ID != "":
		return title + " " + d.Node.Name
	case d.Pool.ID != "":
		return title + " " + d.Pool.Name
	}
	return title
}
