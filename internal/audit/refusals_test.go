package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// A refusal that matters has a line of its own, however many cheap ones its
// actor has piled up before.
func TestRefusalsDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refuse := func(what, summary string) {
		b.must(b.tx(func(tx pgx.Tx) error {
			return audit.AppendRefusal(t.Context(), tx, portal.Event{
				At: b.now, Kind: portal.EventAccessRefused, Actor: portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "eve"}, Name: "eve"}, Summary: summary}, what)
		}))
	}
	for range 100 {
		refuse("GET /admin/teams", "cheap")
	}
	refuse("POST /admin/changes/:id/accept", "serious")
	var cheap, serious int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE summary = 'cheap'), count(*) FILTER (WHERE summary = 'serious') FROM events`).Scan(&cheap, &serious))
	if cheap > 30 || serious != 1 {
		t.Errorf("%d cheap ones and %d serious ones are on the trail", cheap, serious)
	}
	for i := range 100 { // of the same kind, for each of which there is no line
		refuse("POST /requests/:number/review", fmt.Sprintf("request %d", i))
	}
	b.must(b.tx(func(tx pgx.Tx) error { return audit.SumUpRefusals(t.Context(), tx, b.now) }))
	var told int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(DISTINCT told) FROM events, jsonb_array_elements_text((data->'tried')::jsonb) told WHERE data::jsonb ? 'tried'`).Scan(&told))
	if told < 50 {
		t.Errorf("the sum tells of %d different ones", told)
	}
}

// A stranger who is refused many times keeps nobody else's address off the trail,
// and all together do not fill it.
func TestStrangersDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger := portal.Person{Identity: portal.Identity{Issuer: portal.SystemIssuer, Subject: "browser"}, Name: "somebody unknown"}
	refuse := func(address string) {
		ctx := audit.WithOrigin(t.Context(), portal.Identity{}, portal.Origin{Address: address})
		b.must(b.tx(func(tx pgx.Tx) error {
			return audit.AppendRefusal(ctx, tx, portal.Event{At: b.now, Kind: portal.EventSignInRefused, Actor: stranger, Summary: "refused"}, "GET /login")
		}))
	}
	for range 60 {
		refuse("198.51.100.1")
	}
	refuse("203.0.113.7")
	var loud, quiet int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE address = '198.51.100.1'), count(*) FILTER (WHERE address = '203.0.113.7') FROM events`).Scan(&loud, &quiet))
	if loud > 30 || quiet != 1 {
		t.Errorf("%d of the loud one and %d of the quiet one are on the trail", loud, quiet)
	}
	for i := range 400 {
		refuse(fmt.Sprintf("10.0.%d.%d", i/200, i%200))
	}
	var all int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(*) FROM events`).Scan(&all))
	if all > 220 {
		t.Errorf("%d refusals of strangers are on the trail one by one", all)
	}
	b.must(b.tx(func(tx pgx.Tx) error { return audit.SumUpRefusals(t.Context(), tx, b.now) }))
	var told string
	b.must(b.pool.QueryRow(t.Context(), `SELECT data FROM events ORDER BY id DESC LIMIT 1`).Scan(&told))
	if !strings.Contains(told, "from 198.51.100.1: refused") || !strings.Contains(told, "from 10.0.1.") {
		t.Errorf("the sum says %s", told)
	}
}
