package export

import (
	"bytes"
	"encoding/json"
	"io"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

const linesType = "application/x-ndjson; charset=utf-8"

// lines is a format of which each event is a line.
func lines(f Format, line func([]byte, audit.Entry) ([]byte, error)) Format {
	f.ContentType, f.line = linesType, line
	f.encoder = func(w io.Writer) encoder { return &lineEncoder{out: w, append: line} }
	return f
}

type lineEncoder struct {
	out    io.Writer
	append func([]byte, audit.Entry) ([]byte, error)
	line   []byte
}

func (l *lineEncoder) encode(e audit.Entry) (err error) {
	if l.line, err = l.append(l.line[:0], e); err != nil {
		return err
	}
	l.line = append(l.line, '\n')
	_, err = l.out.Write(l.line)
	return err
}

func (l *lineEncoder) close() error { return nil }

// record is an event as JSON Lines have it, with the names of docs/audit.md. What is
// empty is left out.
type record struct {
	Number      *int64             `json:"number,omitempty"` // none while it waits for it
	ID          string             `json:"id"`
	RecordedAt  string             `json:"recorded_at"`
	At          string             `json:"at"`
	Kind        portal.EventKind   `json:"kind"`
	Outcome     portal.EventResult `json:"outcome"`
	Issuer      string             `json:"issuer"`
	Subject     string             `json:"subject"`
	ActorName   string             `json:"actor_name"`
	ActorEmail  string             `json:"actor_email,omitempty"`
	ActorRoles  []portal.Role      `json:"actor_roles,omitempty"`
	ActorGroups []string           `json:"actor_groups,omitempty"`
	Session     string             `json:"session,omitempty"`
	Address     string             `json:"address,omitempty"`
	UserAgent   string             `json:"user_agent,omitempty"`
	HTTPRequest string             `json:"http_request,omitempty"`
	TeamID      string             `json:"team_id,omitempty"`
	Team        string             `json:"team,omitempty"`
	RequestID   string             `json:"request_id,omitempty"`
	Request     int64              `json:"request,omitempty"`
	Revision    int                `json:"revision,omitempty"`
	Operation   portal.OperationID `json:"operation,omitempty"`
	Environment portal.Environment `json:"environment,omitempty"`
	TargetKind  portal.TargetKind  `json:"target_kind,omitempty"`
	TargetID    string             `json:"target_id,omitempty"`
	TargetName  string             `json:"target_name,omitempty"`
	Clusters    []string           `json:"clusters,omitempty"`
	Summary     string             `json:"summary"`
	Reason      string             `json:"reason,omitempty"`
	Data        json.RawMessage    `json:"data,omitempty"`
}

// appendJSON appends an event as one line of JSON.
func appendJSON(dst []byte, e audit.Entry) ([]byte, error) {
	r := record{
		ID: e.ID, RecordedAt: timeText(e.RecordedAt), At: timeText(e.At), Kind: e.Kind, Outcome: e.Result,
		Issuer: e.Actor.Issuer, Subject: e.Actor.Subject, ActorName: e.Actor.Name, ActorEmail: e.Origin.Email, ActorRoles: e.Origin.Roles, ActorGroups: e.Origin.Groups,
		Session: e.Origin.Session, Address: e.Origin.Address, UserAgent: e.Origin.UserAgent, HTTPRequest: e.Origin.HTTPRequest,
		TeamID: e.TeamID, Team: e.TeamName, RequestID: e.RequestID, Request: e.RequestNumber, Revision: e.Revision, Operation: e.Operation, Environment: e.Environment,
		TargetKind: e.Target.Kind, TargetID: e.Target.ID, TargetName: e.Target.Name, Clusters: e.Clusters, Summary: e.Summary, Reason: e.Reason, Data: details(e),
	}
	if e.Number >= 0 {
		r.Number = &e.Number
	}
	return appendLine(dst, r)
}

// details are what else an event says, nil for nothing.
func details(e audit.Entry) json.RawMessage {
	if string(e.Details) == "{}" {
		return nil
	}
	return e.Details
}

// appendLine appends a value as JSON without characters that HTML alone minds.
func appendLine(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	out := json.NewEncoder(b)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
