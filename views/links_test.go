package views

import (
	"reflect"
	"strings"
	"testing"
)

func TestLinked(t *testing.T) {
	link := func(u string) textPart { return textPart{u, u} }
	for text, want := range map[string][]textPart{
		"":                                   nil,
		"none here":                          {{Text: "none here"}},
		"see https://a.example/x?y=1.":       {{Text: "see "}, link("https://a.example/x?y=1"), {Text: "."}},
		"(https://a.example)":                {{Text: "("}, link("https://a.example"), {Text: ")"}},
		"https://a.example/w_(x)":            {link("https://a.example/w_(x)")},
		"javascript:alert(1) ftp://x":        {{Text: "javascript:alert(1) ftp://x"}},
		"https://bank.example@evil.example/": {{Text: "https://bank.example@evil.example/"}},
		"https://аррӏе.example/":             {{Text: "https://аррӏе.example/"}},
		"https://evil.example/\u2003https://good.example": {link("https://evil.example/"), {Text: "\u2003"}, link("https://good.example")},
		"https://":                            {{Text: "https://"}},
		"http://a.example\nhttp://b.example ": {link("http://a.example"), {Text: "\n"}, link("http://b.example"), {Text: " "}},
	} {
		if got := linked(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSaidIsEscaped(t *testing.T) {
	var b strings.Builder
	if err := said(`<b>"x"</b> https://a.example/?q='"&lt=<script>`).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	want := `&lt;b&gt;&#34;x&#34;&lt;/b&gt; <a class="anchor break-all" rel="noopener noreferrer nofollow" href="https://a.example/?q=">https://a.example/?q=</a>&#39;&#34;&amp;lt=&lt;script&gt;`
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
}
