package views

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"doksportal/internal/portal"
)

// CaseFilePage is the case file of a request.
type CaseFilePage struct {
	Page
	portal.CaseFile
	Proof Proof
	Late  map[string]bool // ids of events that tell of another time than they were recorded at
	Now   time.Time
}

// CaseFilePath is the case file of a request.
func CaseFilePath(number int64) string { return "/audit/cases/" + strconv.FormatInt(number, 10) }

// timeline is the search for all events of the request.
func (p CaseFilePage) timeline() AuditForm {
	return AuditForm{Request: strconv.FormatInt(p.Request.Number, 10)}
}

// bundlePath is where the events are to be had with their proofs, as one file.
func (p CaseFilePage) bundlePath() string {
	q := p.timeline().Query()
	q.Set("format", "bundle")
	return "/audit/export?" + q.Encode()
}

// standing says what became of a revision.
func (p CaseFilePage) standing(number int) string {
	switch r := p.Request; {
	case number == p.Sent() && r.Operation.Own():
		return "carried out"
	case number == p.Sent():
		return "sent to DigitalOcean"
	case number == r.Revision && !r.State.Final():
		return "current"
	case number == r.Revision:
		return "the last"
	}
	return "replaced"
}

// saw says what somebody saw of a request who decided on a digest of a revision.
func (p CaseFilePage) saw(number int, digest string) string {
	v, ok := p.Revision(number)
	switch {
	case !ok:
		return "a revision that is not in this file"
	case v.Digest != digest:
		return "not the digest of this revision"
	case number == p.Sent() && p.Request.Operation.Own():
		return "the one that was carried out"
	case number == p.Sent():
		return "the one that was sent"
	case p.Sent() > 0:
		return "not the one that was sent"
	case number == p.Request.Revision:
		return "the last one"
	}
	return "replaced afterwards"
}

// signedIn says how long before an event its actor had signed in.
func (p CaseFilePage) signedIn(e portal.CaseEvent) string {
	at, known := p.SignIns[e.ID]
	if !known {
		return ""
	}
	if e.At.Sub(at) < time.Minute {
		return "signed in less than a minute before"
	}
	return "signed in " + portal.RoughDuration(e.At.Sub(at)) + " before"
}

// circumstances are what the trail has of somebody who decided, as they were then.
func (p CaseFilePage) circumstances(e portal.CaseEvent) string {
	var parts []string
	for _, part := range []struct{ what, text string }{
		{"e-mail ", e.Origin.Email}, {"roles: ", joined(e.Origin.Roles)}, {"groups: ", strings.Join(e.Origin.Groups, ", ")}, {"", p.signedIn(e)}, {"from ", e.Origin.Address},
	} {
		if part.text != "" {
			parts = append(parts, part.what+part.text)
		}
	}
	return strings.Join(parts, "; ")
}

// reviewsOf are the reviews of a revision.
func (p CaseFilePage) reviewsOf(number int) (list []portal.Review) {
	for _, v := range p.Request.Reviews {
		if v.Revision == number {
			list = append(list, v)
		}
	}
	return list
}

// breakGlassesOf are those of a revision.
func (p CaseFilePage) breakGlassesOf(number int) (list []portal.BreakGlass) {
	for _, g := range p.Request.BreakGlasses {
		if g.Revision == number {
			list = append(list, g)
		}
	}
	return list
}

// numbers are those of the first and the last event on the trail, and how many have none
// yet. Without any that has one, first is negative.
func (p CaseFilePage) numbers() (first, last int64, waiting int) {
	first, last = -1, -1
	for _, e := range p.Events {
		switch {
		case e.Number < 0:
			waiting++
		case first < 0:
			first, last = e.Number, e.Number
		default:
			first, last = min(first, e.Number), max(last, e.Number)
		}
	}
	return first, last, waiting
}

// doRequest is by what DigitalOcean's support finds a call.
func doRequest(a portal.Attempt, e portal.CaseEvent) string {
	return cmp.Or(a.DORequestID, e.DORequestID)
}

// identity is whom the identity provider calls so.
func identity(id portal.Identity) string { return id.Subject + " of " + id.Issuer }
