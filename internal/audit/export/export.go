// Package export writes events of the audit trail as files that other programs read:
// spreadsheets, log pipelines, data warehouses, auditors without a portal. What of
// the trail is written says an audit.Selection, who may have it whoever calls.
// docs/audit.md describes the formats; it changes with them.
package export

import (
	"context"
	"io"

	"doksportal/internal/audit"
)

// Format is a form in which events are exported.
type Format struct {
	Name        string // in addresses and flags
	Label       string // for people
	About       string // what it is for, in a few words
	Extension   string // of a file, with its dot
	ContentType string

	encoder func(io.Writer) encoder                   // nil: a bundle
	line    func([]byte, audit.Entry) ([]byte, error) // appends an event as a line by itself; nil where an event is none
}

// encoder writes events one after the other, and what follows the last one.
type encoder interface {
	encode(e audit.Entry) error
	close() error
}

// Formats are all formats, in the order in which people choose from them.
var Formats = []Format{
	{Name: "csv", Label: "CSV", About: "for a spreadsheet", Extension: ".csv", ContentType: "text/csv; charset=utf-8", encoder: newCSV},
	lines(Format{Name: "jsonl", Label: "JSON Lines", About: "one event a line", Extension: ".jsonl"}, appendJSON),
	lines(Format{Name: "ocsf", Label: "OCSF", About: "API Activity, for a SIEM", Extension: ".ocsf.jsonl"}, appendOCSF),
	{Name: "parquet", Label: "Parquet", About: "for a data warehouse", Extension: ".parquet", ContentType: "application/vnd.apache.parquet", encoder: newParquet},
	{Name: "bundle", Label: "Bundle with proofs", About: "to verify without a portal", Extension: ".bundle.jsonl", ContentType: linesType},
}

// Named is the format of a name, false where there is none.
func Named(name string) (Format, bool) {
	for _, f := range Formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// Proven reports whether the format proves its events, and so has only those that are
// under a checkpoint.
func (f Format) Proven() bool { return f.encoder == nil }

// Streams reports whether each event is a line by itself, see Line.
func (f Format) Streams() bool { return f.line != nil }

// Line is an event as one line, without its end, of a format that Streams.
func (f Format) Line(e audit.Entry) ([]byte, error) { return f.line(nil, e) }

// Write writes a selection. Signers are those of the trail, for the format that is
// Proven. What was written is of no use unless it returns nil. Its errors are those of
// Selection.Each and Selection.WriteBundle, and of w.
func (f Format) Write(ctx context.Context, w io.Writer, s *audit.Selection, signers ...audit.Signer) error {
	if f.encoder == nil {
		return s.WriteBundle(ctx, w, signers...)
	}
	e := f.encoder(w)
	if err := s.Each(ctx, e.encode); err != nil {
		return err
	}
	return e.close()
}
