package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/templates"
	"doksportal/views"
	"doksportal/views/ui"
)

const templatesPage = "/clusters/templates"

// nameTemplate asks what the template of a form for a new cluster is to be called.
// Where the form itself is faulty it comes back instead.
func (s *Server) nameTemplate(c *gin.Context, v viewer, form portal.Form, problem error) error {
	ctx := c.Request.Context()
	kept, err := s.Templates.Read(ctx, v.actor, form)
	if err != nil {
		if !formProblem(err) {
			return err
		}
		return s.showChange(c, v, status(err), create.ask(c), err)
	}
	p := views.NameTemplatePage{
		Page: s.page(c, v, "Save as template"), Team: kept.TeamName, Keeps: operation.TemplateChanges(kept),
		Name: form.Typed("template_name"), Replace: form.On("replace_template"), Faults: portal.FieldErrorsOf(problem), Form: portal.Form(known(c.Request.PostForm)),
	}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	list, err := s.Templates.List(ctx, v.actor)
	if err != nil {
		return err
	}
	for _, t := range list {
		p.CanReplace = p.CanReplace || t.TeamID == kept.TeamID
		if t.ID == form.Get("template") && t.TeamID == kept.TeamID && !form.Has("template_name") {
			p.Name = t.Name // that the form was opened with
		}
	}
	code := http.StatusOK
	if problem != nil {
		code = status(problem)
	}
	s.render(c, code, views.NameTemplate(p))
	return nil
}

// saveTemplate keeps a form for a new cluster as a template, and shows the form as it
// was.
func (s *Server) saveTemplate(c *gin.Context, v viewer, form portal.Form) error {
	t, err := s.Templates.Save(c.Request.Context(), v.actor, templates.Input{Form: form, Name: form.Typed("template_name"), Replace: form.On("replace_template")})
	switch {
	case err != nil && formProblem(err):
		return s.nameTemplate(c, v, form, err)
	case err != nil:
		return err
	}
	delete(form, "template_name")
	delete(form, "replace_template")
	form.Set("template", t.ID)
	p, code, err := s.changePage(c, v, http.StatusOK, create.ask(c), nil)
	if err != nil {
		return err
	}
	p.Said = ui.ToastProps{Text: "Team " + t.TeamName + " has the template “" + t.Name + "” now. Nothing is requested yet.", Next: templatesPage, Label: "All templates"}
	s.render(c, code, views.Change(p))
	return nil
}

// templates lists the templates of the reader's teams.
func (s *Server) templates(c *gin.Context, v viewer) error {
	return s.showTemplates(c, v, http.StatusOK, views.TemplatesPage{})
}

func (s *Server) showTemplates(c *gin.Context, v viewer, code int, p views.TemplatesPage) error {
	if len(v.memberTeams()) == 0 {
		return portal.E(portal.KindForbidden, "only members of a team have templates")
	}
	p.Page = s.page(c, v, "Templates")
	p.Path = templatesPage
	var err error
	if p.List, err = s.Templates.List(c.Request.Context(), v.actor); err != nil {
		return err
	}
	s.render(c, code, views.Templates(p))
	return nil
}

func (s *Server) renameTemplate(c *gin.Context, v viewer) error {
	id, err := pathID(c, "template")
	if err != nil {
		return err
	}
	name := c.Request.PostForm.Get("template_name")
	err = s.Templates.Rename(c.Request.Context(), v.actor, id, name)
	switch {
	case portal.Is(err, portal.KindInvalid):
		return s.showTemplates(c, v, status(err), views.TemplatesPage{Renamed: id, Name: name, Faults: portal.FieldErrorsOf(err)})
	case err != nil:
		return err
	}
	return s.flash(c, templatesPage, ui.ToastProps{Text: "The template is renamed."})
}

func (s *Server) deleteTemplate(c *gin.Context, v viewer) error {
	id, err := pathID(c, "template")
	if err != nil {
		return err
	}
	if err := s.Templates.Delete(c.Request.Context(), v.actor, id); err != nil {
		return err
	}
	return s.flash(c, templatesPage, ui.ToastProps{Text: "The template is deleted. Clusters that were created from it stay as they are."})
}
