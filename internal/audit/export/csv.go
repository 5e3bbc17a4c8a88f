package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/names"
)

// column is a column of a CSV file.
type column struct {
	name  string
	value func(e audit.Entry) string
}

// columns are those of the file, in their order. One that is added goes to the end,
// where spreadsheets that count them do not mind.
var columns = []column{
	{"number", func(e audit.Entry) string { return numberOf(e) }},
	{"at", func(e audit.Entry) string { return timeText(e.At) }},
	{"recorded_at", func(e audit.Entry) string { return timeText(e.RecordedAt) }},
	{"kind", func(e audit.Entry) string { return string(e.Kind) }},
	{"outcome", func(e audit.Entry) string { return string(e.Result) }},
	{"actor_name", func(e audit.Entry) string { return e.Actor.Name }},
	{"actor_email", func(e audit.Entry) string { return e.Origin.Email }},
	{"summary", func(e audit.Entry) string { return e.Summary }},
	{"reason", func(e audit.Entry) string { return e.Reason }},
	{"team", func(e audit.Entry) string { return e.TeamName }},
	{"request", func(e audit.Entry) string { return positive(e.RequestNumber) }},
	{"revision", func(e audit.Entry) string { return positive(int64(e.Revision)) }},
	{"operation", func(e audit.Entry) string { return string(e.Operation) }},
	{"environment", func(e audit.Entry) string { return string(e.Environment) }},
	{"target_kind", func(e audit.Entry) string { return string(e.Target.Kind) }},
	{"target_id", func(e audit.Entry) string { return e.Target.ID }},
	{"target_name", func(e audit.Entry) string { return e.Target.Name }},
	{"clusters", func(e audit.Entry) string { return list(e.Clusters) }},
	{"issuer", func(e audit.Entry) string { return e.Actor.Issuer }},
	{"subject", func(e audit.Entry) string { return e.Actor.Subject }},
	{"actor_roles", func(e audit.Entry) string { return list(e.Origin.Roles) }},
	{"actor_groups", func(e audit.Entry) string { return list(e.Origin.Groups) }},
	{"address", func(e audit.Entry) string { return e.Origin.Address }},
	{"user_agent", func(e audit.Entry) string { return e.Origin.UserAgent }},
	{"session", func(e audit.Entry) string { return e.Origin.Session }},
	{"http_request", func(e audit.Entry) string { return e.Origin.HTTPRequest }},
	{"team_id", func(e audit.Entry) string { return e.TeamID }},
	{"request_id", func(e audit.Entry) string { return e.RequestID }},
	{"id", func(e audit.Entry) string { return e.ID }},
	{"data", func(e audit.Entry) string { return names.Shown(string(e.Details)) }}, // in JSON an escape is what it stands for
}

// csvEncoder writes CSV as RFC 4180 has it, its first line the names of the columns.
type csvEncoder struct {
	out  *csv.Writer
	line []string
}

func newCSV(w io.Writer) encoder {
	e := &csvEncoder{out: csv.NewWriter(w)}
	e.out.UseCRLF = true
	for _, c := range columns {
		e.line = append(e.line, c.name)
	}
	_ = e.out.Write(e.line) // what is wrong is told with the next line
	return e
}

func (e *csvEncoder) encode(entry audit.Entry) error {
	for i, c := range columns {
		e.line[i] = names.Cell(c.value(entry))
	}
	return e.out.Write(e.line)
}

func (e *csvEncoder) close() error {
	e.out.Flush()
	return e.out.Error()
}

// timeText is a time in UTC, to the microsecond.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// numberOf is the number of an event, empty while it has none.
func numberOf(e audit.Entry) string {
	if e.Number < 0 {
		return ""
	}
	return strconv.FormatInt(e.Number, 10)
}

// positive is a number, empty for none.
func positive(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// list is a list as JSON, empty for none: what is in it may have any character.
func list[T ~string](l []T) string {
	if len(l) == 0 {
		return ""
	}
	text, _ := json.Marshal(l) // of texts, which never fails
	return string(text)
}
