package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/parquet-go/parquet-go"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/audit/export"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/names"
	"doksportal/internal/portal"
)

var update = flag.Bool("update", false, "take what is written as right")

func TestMain(m *testing.M) { dbtest.Main(m) }

// hostile are texts that programs which read a file may stumble over, or act upon.
var hostile = []string{
	"", "plain", "=cmd|' /C calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\tx", "'=1", `"quoted", with commas; and 'more'`, "two\nlines", "a\u202egnp.exe", "a\x00b", "\ufeffbom", "</script>&<b>",
	strings.Repeat("r", 4000), strings.Repeat("é", 4001), "日本語 \U0001F600", `{"json":[1]}`, "\\", "#hash", "null",
}

// testBundle is a trail with an event of each hostile text.
type testBundle struct {
	t    *testing.T
	pool *pgxpool.Pool
	key  audit.Signer
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{t: t, pool: dbtest.New(t), key: audittest.NewKey(t)}
	trail, err := audit.New(audit.Config{Pool: b.pool, Signers: []audit.Signer{b.key}, Now: time.Now})
	b.must(err)
	for i, text := range hostile {
		b.append(b.event(i, text))
	}
	_, err = trail.Checkpoint(t.Context())
	b.must(err)
	b.append(t.Context(), portal.Event{At: time.Now(), Kind: portal.EventReplicaStarted, Actor: portal.System("server").Person(), Summary: "waits for a number"})
	return b
}

func (b *testBundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *testBundle) append(ctx context.Context, e portal.Event) {
	b.t.Helper()
	b.must(db.WithTx(ctx, b.pool, func(tx pgx.Tx) error { return audit.Append(ctx, tx, e) }))
}

func (b *testBundle) event(i int, text string) (context.Context, portal.Event) {
	who := portal.Identity{Issuer: "https://idp.example", Subject: fmt.Sprintf("ann-%d", i)}
	ctx := audit.WithOrigin(b.t.Context(), who, portal.Origin{Email: "ann@example.com", Roles: []portal.Role{portal.RoleAdmin}, Groups: []string{text, "admins"}, Address: "203.0.113.7", UserAgent: text, HTTPRequest: "r-1"})
	return ctx, portal.Event{
		At: time.Now().Add(-time.Duration(i) * time.Microsecond), Kind: portal.EventSubmitted, Actor: portal.Person{Identity: who, Name: text}, Revision: i, Operation: portal.DeleteCluster, Environment: portal.Production,
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-1", Name: text}, Clusters: []string{text, "c-2"}, Summary: text, Reason: text,
		Data: map[string]any{"text": text, "n": 12345678901234567, text: nil},
	}
}

// entries are what was selected, as the database has it.
func (b *testBundle) entries() (list []audit.Entry) {
	b.t.Helper()
	b.must(b.selection().Each(b.t.Context(), func(e audit.Entry) error { list = append(list, e); return nil }))
	return list
}

func (b *testBundle) selection() *audit.Selection {
	b.t.Helper()
	s, err := audit.Select(b.t.Context(), b.pool, portal.EventFilter{})
	b.must(err)
	return s
}

func (b *testBundle) write(format string) []byte {
	b.t.Helper()
	f, ok := export.Named(format)
	if !ok {
		b.t.Fatalf("there is no format %s", format)
	}
	var file bytes.Buffer
	b.must(f.Write(b.t.Context(), &file, b.selection(), b.key))
	return file.Bytes()
}

// What a spreadsheet opens is what the trail has, and no cell of it is a formula.
func TestCSV(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.write("csv")
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	b.must(err)
	list := b.entries()
	if len(lines) != len(list)+1 || strings.Contains(strings.ReplaceAll(string(file), "\r\n", ""), "\r") || bytes.ContainsRune(file, '\u202e') {
		t.Fatalf("%d lines of %d events", len(lines), len(list))
	}
	head := map[string]int{}
	for i, name := range lines[0] {
		head[name] = i
	}
	for i, line := range lines[1:] {
		e := list[i]
		for _, cell := range line {
			if cell != names.Cell(cell) {
				t.Errorf("a formula: %q", cell)
			}
		}
		number := fmt.Sprint(e.Number)
		if e.Number < 0 {
			number = ""
		}
		for name, want := range map[string]string{"number": number, "id": e.ID, "actor_name": e.Actor.Name, "reason": e.Reason, "summary": e.Summary, "user_agent": e.Origin.UserAgent,
			"target_name": e.Target.Name, "at": e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), "team": ""} {
			if got := line[head[name]]; got != names.Cell(want) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		var clusters []string
		if text := line[head["clusters"]]; text != "" {
			b.must(json.Unmarshal([]byte(text), &clusters))
		}
		var data, want map[string]any
		b.must(json.Unmarshal([]byte(line[head["data"]]), &data))
		b.must(json.Unmarshal(e.Details, &want))
		if diff := cmp.Diff(want, data); diff != "" || strings.Join(clusters, "|") != strings.Join(e.Clusters, "|") {
			t.Errorf("clusters %q, data %s", clusters, diff)
		}
	}
}

// Each line is an event, as it is.
func TestJSONLines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list := b.entries()
	lines := strings.Split(strings.TrimSuffix(string(b.write("jsonl")), "\n"), "\n")
	if len(lines) != len(list) {
		t.Fatalf("%d lines of %d events", len(lines), len(list))
	}
	for i, line := range lines {
		var r struct {
			Number      *int64
			ID, Reason  string
			Summary     string
			At          time.Time
			ActorName   string   `json:"actor_name"`
			ActorGroups []string `json:"actor_groups"`
			Clusters    []string
			Data        json.RawMessage
		}
		b.must(json.Unmarshal([]byte(line), &r))
		e := list[i]
		if (r.Number == nil) != (e.Number < 0) || (r.Number != nil && *r.Number != e.Number) || r.ID != e.ID || r.Reason != e.Reason || r.Summary != e.Summary || !r.At.Equal(e.At) ||
			r.ActorName != e.Actor.Name || strings.Join(r.ActorGroups, "|") != strings.Join(e.Origin.Groups, "|") || strings.Join(r.Clusters, "|") != strings.Join(e.Clusters, "|") {
			t.Errorf("%s is not %+v", line, e)
		}
		if e.Number >= 0 && !strings.Contains(line, `"n":12345678901234567`) {
			t.Errorf("%s has another number", line)
		}
	}
}

// The library that writes a file reads it back as it was, more than one row group of it.
func TestParquet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.write("parquet")
	type row struct {
		Number      *int64    `parquet:"number,optional"`
		ID          string    `parquet:"id"`
		At          time.Time `parquet:"at,timestamp(microsecond)"`
		Reason      string    `parquet:"reason"`
		ActorName   string    `parquet:"actor_name"`
		ActorGroups []string  `parquet:"actor_groups,list"`
		Revision    int32     `parquet:"revision"`
		Data        string    `parquet:"data,json"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(file), int64(len(file)))
	b.must(err)
	list := b.entries()
	if len(rows) != len(list) {
		t.Fatalf("%d rows of %d events", len(rows), len(list))
	}
	for i, r := range rows {
		e := list[i]
		if (r.Number == nil) != (e.Number < 0) || (r.Number != nil && *r.Number != e.Number) || r.ID != e.ID || r.Reason != e.Reason || !r.At.Equal(e.At) || r.ActorName != e.Actor.Name ||
			strings.Join(r.ActorGroups, "|") != strings.Join(e.Origin.Groups, "|") || int(r.Revision) != e.Revision || r.Data != string(e.Details) {
			t.Errorf("%+v is not %+v", r, e)
		}
	}
	if _, err := parquet.Read[row](bytes.NewReader(file[:len(file)-20]), int64(len(file)-20)); err == nil {
		t.Error("a file that was cut is read")
	}
}

// A bundle has what is proven, and is verified without a portal.
func TestBundle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := audit.VerifyBundle(bytes.NewReader(b.write("bundle")), []string{b.key.Public})
	b.must(err)
	if !r.OK() || !r.Signed || r.Events != int64(len(hostile)) {
		t.Errorf("%+v", r)
	}
}

// What cannot be written to its end is told, whichever format it is.
func TestWritingThatFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, f := range export.Formats {
		for most := range 3 {
			full := &disk{left: most * 1000}
			if err := f.Write(t.Context(), full, b.selection(), b.key); !errors.Is(err, errFull) {
				t.Errorf("%s on a disk of %d bytes: %v", f.Name, most*1000, err)
			}
		}
		ended, end := context.WithCancel(t.Context())
		s := b.selection()
		end()
		if err := f.Write(ended, &disk{left: 1 << 20}, s, b.key); err == nil {
			t.Errorf("%s: nobody is told that it was stopped", f.Name)
		}
	}
}

var errFull = errors.New("the disk is full")

// disk has room for so many bytes.
type disk struct{ left int }

func (d *disk) Write(b []byte) (int, error) {
	if len(b) > d.left {
		return 0, errFull
	}
	d.left -= len(b)
	return len(b), nil
}

// golden are events as they are on the trail.
func golden() map[string]audit.Entry {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	e := portal.Event{
		ID: "019b7c8a-1b2c-7000-8000-000000000001", Number: 41, At: at, RecordedAt: at.Add(time.Millisecond), Result: portal.ResultDone,
		Actor:  portal.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: "ann"}, Name: "Ann"},
		Origin: portal.Origin{Email: "ann@example.com", Roles: []portal.Role{portal.RoleAuditor}, Groups: []string{"pay", "auditors"}, Session: "0123456789abcdef", Address: "203.0.113.7", UserAgent: "Mozilla/5.0", HTTPRequest: "019b7c8a-0000-7000-8000-000000000002"},
		TeamID: "5f2b9a52-4b7e-4f6e-9d7f-3f3f6a1c0a11", TeamName: "Payments", RequestID: "019b7c8a-0000-7000-8000-000000000003", RequestNumber: 12, Revision: 1,
		Operation: portal.DeleteCluster, Environment: portal.Production, Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-1", Name: "payments-prod"},
	}
	submitted, intent, outcome, many := e, e, e, e
	submitted.Kind, submitted.Summary, submitted.Reason = portal.EventSubmitted, "Ann requested #12 (Delete cluster payments-prod)", "it's <old> & unused"
	intent.Kind, intent.Summary, intent.Actor, intent.Origin = portal.EventIntent, "payments-prod is about to be deleted", portal.System("executor").Person(), portal.Origin{}
	outcome.Kind, outcome.Result, outcome.Summary = portal.EventOutcome, portal.ResultUnknown, "DigitalOcean's answer was lost"
	refused := portal.Event{ID: e.ID, Number: -1, At: at, RecordedAt: at, Kind: portal.EventAccessRefused, Result: portal.ResultRefused, Actor: e.Actor, Origin: e.Origin, Summary: "Ann was refused GET /audit"}
	many.Kind, many.Operation, many.Target, many.Clusters, many.Summary = portal.EventOutcome, portal.AddRegistries, portal.EventTarget{}, []string{"c-1", "c-2"}, "The registries were added"
	signIn := portal.Event{ID: e.ID, Number: 0, At: at, RecordedAt: at, Kind: portal.EventSignIn, Result: portal.ResultDone, Actor: e.Actor, Origin: portal.Origin{Address: "2001:db8::1"}, Summary: "Ann signed in"}
	own := portal.Event{ID: e.ID, Number: 7, At: at, RecordedAt: at, Kind: portal.EventTrailVerified, Result: portal.ResultFailed, Actor: portal.System("audit").Person(), Target: portal.EventTarget{Kind: portal.TargetTrail, ID: "portal.example/audit"}, Summary: "The trail is not what was signed"}
	none := json.RawMessage(`{}`)
	return map[string]audit.Entry{
		"request_submitted": {Event: submitted, Details: json.RawMessage(`{"digest":"0123","n":12345678901234567}`)}, "execution_intent": {Event: intent, Details: none},
		"execution_outcome_unknown": {Event: outcome, Details: none}, "access_refused": {Event: refused, Details: none}, "execution_outcome_registries": {Event: many, Details: none},
		"sign_in": {Event: signIn, Details: none}, "trail_verified_failed": {Event: own, Details: json.RawMessage(`{"faults":1}`)},
	}
}

// What a SIEM gets of an event is as the files have it.
func TestOCSF(t *testing.T) {
	t.Parallel()
	f, _ := export.Named("ocsf")
	for name, e := range golden() {
		line, err := f.Line(e)
		if err != nil || bytes.ContainsAny(line, "\n") {
			t.Fatalf("%s: %q, %v", name, line, err)
		}
		var got bytes.Buffer
		if err := json.Indent(&got, line, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-update takes it as right): %s", file, diff)
		}
	}
}

// Whoever adds a kind of event says what it is to a SIEM; an activity of any kind is
// one that the schema knows, and a call is what its operation is.
func TestOCSFKnowsEveryKind(t *testing.T) {
	t.Parallel()
	for _, info := range portal.Events {
		if n := export.TimesListed(info.Kind); n != 1 {
			t.Errorf("%s is listed %d times", info.Kind, n)
		}
	}
	f, _ := export.Named("ocsf")
	for op, want := range map[portal.OperationID]int{portal.CreateCluster: 1, portal.GetKubeconfig: 2, portal.UpgradeCluster: 3, portal.UpdateCluster: 3, portal.RecycleNodePool: 3, portal.DeleteClusterDangerous: 4, "": 99} {
		line, err := f.Line(audit.Entry{Event: portal.Event{Kind: portal.EventOutcome, Operation: op}})
		var a struct {
			Activity int `json:"activity_id"`
			Type     int `json:"type_uid"`
		}
		if err = errors.Join(err, json.Unmarshal(line, &a)); err != nil || a.Activity != want || a.Type != 600300+want {
			t.Errorf("%s is %d, %v", op, a.Activity, err)
		}
	}
}
