package audit_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
)

// Every search goes by an index that finds what it is for: whatever is asked for, it
// looks at little more than it shows. It is the same for a plan that knows the values
// and for one that does not.
func TestSearchesGoByAnIndex(t *testing.T) {
	const events = 30_000
	url := dbtest.Empty(t)
	if err := db.Migrate(t.Context(), url, jobs.Migrate); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"auto", "force_generic_plan"} {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		config.ConnConfig.RuntimeParams["plan_cache_mode"] = mode
		config.ConnConfig.RuntimeParams["random_page_cost"] = "0.01" // as with so many events that reading all is out of the question
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		if mode == "auto" {
			generate(t, pool, events, 3)
		}
		for text, pattern := range map[string]string{"OPS-2999": `\m2999`, "agreed ops 151": `\m151`, "web-77": `\m77`, "production nothing": `\mnothing`} {
			want, err := db.One(t.Context(), pool, pgx.RowTo[int], `SELECT count(*) FROM events WHERE concat_ws(' ', summary, reason, actor_name, actor_email, target_name, target_id) ~ @pattern`, pgx.NamedArgs{"pattern": pattern})
			if err != nil {
				t.Fatal(err)
			}
			if found, _, err := audit.SearchWithSample(t.Context(), pool, portal.EventFilter{Text: text, Limit: 1000}); err != nil || len(found) != min(want, 1000) {
				t.Errorf("%s: %q finds %d events, not %d: %v", mode, text, len(found), want, err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(searches)) {
			for range 3 {
				f := searches[name]()
				most := 6000 // a page, its sample, and what a combination leaves of the rarest of its parts
				if f.Text != "" {
					most = 16_000 // the newest, which are read for words
				}
				f.Limit = 101
				q := &explaining{Querier: pool, t: t}
				if _, _, err := audit.SearchWithSample(t.Context(), q, f); err != nil {
					t.Fatal(err)
				}
				if q.visited > most {
					t.Errorf("%s: %s looks at %d of %d events: %+v", mode, name, q.visited, events, f)
				}
			}
		}
	}
}

// explaining adds up how many rows of events, and of what goes with them, queries look
// at.
type explaining struct {
	db.Querier
	t       *testing.T
	visited int
}

// plan is a node of EXPLAIN's.
type plan struct {
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Recheck  float64 `json:"Rows Removed by Index Recheck"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []plan
}

func (q *explaining) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	text, err := db.One(ctx, q.Querier, pgx.RowTo[string], "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+sql, args...)
	if err != nil {
		q.t.Fatal(err)
	}
	var explained []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &explained); err != nil {
		q.t.Fatal(err)
	}
	q.visited += visited(explained[0].Plan)
	return q.Querier.Query(ctx, sql, args...)
}

func visited(p plan) int {
	n := 0
	if p.Relation != "" {
		n = int((p.Rows + p.Removed + p.Recheck) * p.Loops)
	}
	for _, child := range p.Plans {
		n += visited(child)
	}
	return n
}
