package export

import (
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"doksportal/internal/audit"
)

// How much a row group has, of which the file is made and which memory holds one of:
// events, and bytes of their texts.
const (
	groupEvents = 50_000
	groupBytes  = 32 << 20
)

// parquetRow is an event as a row. The names are those of docs/audit.md.
type parquetRow struct {
	Number      *int64    `parquet:"number,optional"` // null while it waits for it
	ID          string    `parquet:"id"`
	At          time.Time `parquet:"at,timestamp(microsecond)"`
	RecordedAt  time.Time `parquet:"recorded_at,timestamp(microsecond)"`
	Kind        string    `parquet:"kind,dict"`
	Outcome     string    `parquet:"outcome,dict"`
	Issuer      string    `parquet:"issuer,dict"`
	Subject     string    `parquet:"subject"`
	ActorName   string    `parquet:"actor_name"`
	ActorEmail  string    `parquet:"actor_email"`
	ActorRoles  []string  `parquet:"actor_roles,list"`
	ActorGroups []string  `parquet:"actor_groups,list"`
	Session     string    `parquet:"session"`
	Address     string    `parquet:"address"`
	UserAgent   string    `parquet:"user_agent"`
	HTTPRequest string    `parquet:"http_request"`
	TeamID      string    `parquet:"team_id"`
	Team        string    `parquet:"team"`
	RequestID   string    `parquet:"request_id"`
	Request     int64     `parquet:"request"`
	Revision    int32     `parquet:"revision"`
	Operation   string    `parquet:"operation,dict"`
	Environment string    `parquet:"environment,dict"`
	TargetKind  string    `parquet:"target_kind,dict"`
	TargetID    string    `parquet:"target_id"`
	TargetName  string    `parquet:"target_name"`
	Clusters    []string  `parquet:"clusters,list"`
	Summary     string    `parquet:"summary"`
	Reason      string    `parquet:"reason"`
	Data        string    `parquet:"data,json"`
}

// parquetEncoder writes row groups as they become full.
type parquetEncoder struct {
	out   *parquet.GenericWriter[parquetRow]
	bytes int
}

func newParquet(w io.Writer) encoder {
	return &parquetEncoder{out: parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupEvents),
		parquet.CreatedBy(ocsfProduct, "", ""))}
}

func (p *parquetEncoder) encode(e audit.Entry) error {
	if _, err := p.out.Write([]parquetRow{rowOf(e)}); err != nil {
		return err
	}
	p.bytes += len(e.Summary) + len(e.Reason) + len(e.Details)
	if p.bytes < groupBytes {
		return nil
	}
	p.bytes = 0
	return p.out.Flush()
}

func (p *parquetEncoder) close() error { return p.out.Close() }

func rowOf(e audit.Entry) parquetRow {
	r := parquetRow{
		ID: e.ID, At: e.At.UTC(), RecordedAt: e.RecordedAt.UTC(), Kind: string(e.Kind), Outcome: string(e.Result),
		Issuer: e.Actor.Issuer, Subject: e.Actor.Subject, ActorName: e.Actor.Name, ActorEmail: e.Origin.Email, ActorRoles: texts(e.Origin.Roles), ActorGroups: e.Origin.Groups,
		Session: e.Origin.Session, Address: e.Origin.Address, UserAgent: e.Origin.UserAgent, HTTPRequest: e.Origin.HTTPRequest,
		TeamID: e.TeamID, Team: e.TeamName, RequestID: e.RequestID, Request: e.RequestNumber, Revision: int32(e.Revision), //nolint:gosec // as the column has it
		Operation: string(e.Operation), Environment: string(e.Environment), TargetKind: string(e.Target.Kind), TargetID: e.Target.ID, TargetName: e.Target.Name,
		Clusters: e.Clusters, Summary: e.Summary, Reason: e.Reason, Data: string(e.Details),
	}
	if e.Number >= 0 {
		r.Number = &e.Number
	}
	return r
}

func texts[T ~string](list []T) []string {
	l := make([]string, len(list))
	for i, text := range list {
		l[i] = string(text)
	}
	return l
}
