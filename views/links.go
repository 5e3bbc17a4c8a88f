package views

import (
	"context"
	"io"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/a-h/templ"
)

// textPart is a piece of what somebody wrote; a link when URL is set.
type textPart struct{ Text, URL string }

var address = regexp.MustCompile(`https?://[^\s\p{Z}<>"“”]+`)

// linked splits a text into links and what is between them. Only addresses of the
// web are links, and none that pretends to lead elsewhere, by a user's name or by
// letters that look like others.
func linked(text string) []textPart {
	var parts []textPart
	rest := 0
	for _, at := range address.FindAllStringIndex(text, -1) {
		found := strings.TrimRight(text[at[0]:at[1]], ".,;:!?'")
		if strings.HasSuffix(found, ")") && !strings.Contains(found, "(") {
			found = strings.TrimRight(found, ").,;:!?'")
		}
		u, err := url.Parse(found)
		if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(u.Host, notASCII) {
			continue
		}
		if at[0] > rest {
			parts = append(parts, textPart{Text: text[rest:at[0]]})
		}
		parts = append(parts, textPart{Text: found, URL: found})
		rest = at[0] + len(found)
	}
	if rest < len(text) {
		parts = append(parts, textPart{Text: text[rest:]})
	}
	return parts
}

func notASCII(r rune) bool { return r > unicode.MaxASCII }

// said is what somebody wrote, with the addresses in it made links. It is no
// template, which would put spaces between the parts.
func said(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		for _, part := range linked(text) {
			shown := templ.EscapeString(part.Text)
			if part.URL != "" {
				shown = `<a class="anchor break-all" rel="noopener noreferrer nofollow" href="` + templ.EscapeString(part.URL) + `">` + shown + `</a>`
			}
			b.WriteString(shown)
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}
