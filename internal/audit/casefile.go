package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// OfCase returns the events of a request for its case file, oldest first: the first so
// many, and as many comments, which hide no others. cut says that there are more. Only
// who may read the trail may see them.
func OfCase(ctx context.Context, q db.Querier, requestID string, most int) (list []portal.CaseEvent, cut bool, err error) {
	found, err := db.All(ctx, q, readEvent, `SELECT `+listed+`, json_build_object(
			'digest', e.data -> 'digest', 'revision', e.data -> 'revision', 'for', e.data -> 'for', 'attempt', e.data -> 'attempt', 'outcome', e.data -> 'outcome',
			'do_request_id', e.data -> 'do_request_id', 'plan', e.data -> 'plan', 'justification', e.data -> 'justification') AS data
		FROM ((SELECT * FROM events WHERE request_id = @request::uuid AND kind <> @comment ORDER BY at, id LIMIT @most + 1)
			UNION ALL (SELECT * FROM events WHERE request_id = @request::uuid AND kind = @comment ORDER BY at, id LIMIT @most + 1)) e `+listedWith+`
		ORDER BY e.at, e.id`,
		pgx.StrictNamedArgs{"request": requestID, "comment": portal.EventCommented, "most": most})
	comments, others := 0, 0
	for _, e := range found {
		count := &others
		if e.Kind == portal.EventCommented {
			count = &comments
		}
		if *count++; *count > most {
			cut = true
			continue
		}
		list = append(list, caseEvent(e))
	}
	return list, cut, err
}

// caseEvent is an event with what its details say.
func caseEvent(e portal.Event) portal.CaseEvent {
	var says struct {
		Digest        string          `json:"digest"`
		Revision      int             `json:"revision"`
		For           portal.Person   `json:"for"`
		Attempt       int             `json:"attempt"`
		Outcome       portal.Outcome  `json:"outcome"`
		DORequestID   string          `json:"do_request_id"`
		Plan          json.RawMessage `json:"plan"`
		Justification string          `json:"justification"`
	}
	data, _ := json.Marshal(e.Data) // it was JSON
	_ = json.Unmarshal(data, &says) // what somebody has put there in another form says nothing
	e.Data = nil
	c := portal.CaseEvent{Event: e, Of: says.Revision, Digest: says.Digest, For: says.For.Identity, Attempt: says.Attempt, Outcome: says.Outcome,
		DORequestID: says.DORequestID, Plan: says.Plan, Justification: says.Justification}
	if c.Of == 0 {
		c.Of = e.Revision
	}
	return c
}

// SignIns returns, by the ids of events, when their actors had last signed in, of those
// who had within a time before. Who may call it is as with Search.
func SignIns(ctx context.Context, q db.Querier, events []portal.CaseEvent, within time.Duration) (map[string]time.Time, error) {
	var ids, issuers, subjects []string
	var ats []time.Time
	for _, e := range events {
		ids, issuers, subjects, ats = append(ids, e.ID), append(issuers, e.Actor.Issuer), append(subjects, e.Actor.Subject), append(ats, e.At)
	}
	type signIn struct {
		ID string
		At time.Time
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[signIn], `SELECT did.id, signed.at
		FROM unnest(@ids::text[], @issuers::text[], @subjects::text[], @ats::timestamptz[]) AS did (id, issuer, subject, at) CROSS JOIN LATERAL (
			SELECT e.at FROM events e WHERE e.subject = did.subject AND e.issuer = did.issuer AND e.kind = @kind
				AND e.at <= did.at AND e.at > did.at - @within::interval ORDER BY e.at DESC, e.id DESC LIMIT 1) signed`,
		pgx.StrictNamedArgs{"ids": ids, "issuers": issuers, "subjects": subjects, "ats": ats, "kind": portal.EventSignIn, "within": within})
	signIns := make(map[string]time.Time, len(list))
	for _, s := range list {
		signIns[s.ID] = s.At
	}
	return signIns, err
}
