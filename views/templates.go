package views

import (
	"net/url"
	"strings"

	"doksportal/internal/portal"
)

// templatePath is the form for a new cluster, opened with a template.
func templatePath(t portal.Template) string {
	return "/clusters/new?" + url.Values{"template": {t.ID}}.Encode()
}

// templateSettings says in a line what a template is for.
func templateSettings(p portal.CreateParams) string {
	parts := []string{p.Region, p.Version}
	if p.Environment != "" {
		parts = append(parts, string(p.Environment))
	}
	if p.HA {
		parts = append(parts, "high availability")
	}
	return strings.Join(parts, ", ")
}

// templatePools says of which sizes a template's nodes are, a line each.
func templatePools(p portal.CreateParams) []string {
	pools := make([]portal.PoolSummary, len(p.Pools))
	for i, pool := range p.Pools {
		pools[i] = portal.PoolSummary{Size: pool.Size, Count: pool.Count, AutoScale: pool.AutoScale}
	}
	return poolsText(pools)
}

// templateNameID is the id of the field for a template's new name. That of the one
// that was refused is what its fault leads to.
func templateNameID(t portal.Template, refused bool) string {
	if refused {
		return "template_name"
	}
	return "name-" + t.ID
}

func refusal(p TemplatesPage, refused bool) string {
	if refused {
		return fault(p.Faults, "template_name")
	}
	return ""
}

// retired says which version a form for a new cluster would have been opened with if
// it were still offered; empty when it is.
func retired(d portal.Draft) string {
	version := d.Like.Version + d.Template.Params.Version // of which at most one is there
	if p := d.LikeRequest.Params.Create; p != nil {
		version = p.Version
	}
	if version == "" || version == d.Form.Typed("version") {
		return ""
	}
	return "It was " + version + ", which DigitalOcean no longer offers for new clusters."
}
