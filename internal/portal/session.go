package portal

import (
	"strings"
	"time"
)

// Session is one browser in which a person is signed in.
type Session struct {
	ID         string // says which session it is; nobody can use it by this
	Person     Person
	Agent      string // what the browser calls itself
	Address    string // or network, that its owner signed in from
	SignedInAt time.Time
	SeenAt     time.Time // to the minute
	Current    bool      // the one of who asks
}

// What browsers and systems put into what they call themselves, the first that is
// there counts: most of them also name those that they once wanted to be.
var (
	browserMarks = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}
	systemMarks = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Macintosh", "macOS"},
		{"Linux", "Linux"},
	}
)

// Browser says in plain words what the session is in, like "Firefox on Windows".
func (s Session) Browser() string {
	browser, system := marked(s.Agent, browserMarks), marked(s.Agent, systemMarks)
	switch {
	case browser == "" && system == "":
		return "An unknown browser"
	case browser == "":
		return "A browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

func marked(agent string, marks [][2]string) string {
	for _, m := range marks {
		if strings.Contains(agent, m[0]) {
			return m[1]
		}
	}
	return ""
}
