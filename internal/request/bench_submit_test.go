package request_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// BenchmarkSubmit has 100 people of 50 teams submit changes of their clusters at once,
// and then the rows that this wrote be written again as plain inserts, as many at once.
// It reports submissions and inserts a second, what the first are of the second, and
// how long people wait.
func BenchmarkSubmit(b *testing.B) {
	p := newPlanner(b)
	s := p.submitter()
	const people = 100
	var waits, plain []time.Duration
	var submitting, inserting time.Duration
	for b.Loop() {
		begun := time.Now()
		waits = append(waits, atOnce(people, func(i int) { s.submit(i) })...)
		submitting += time.Since(begun)
		b.StopTimer()
		rows := s.written()
		begun = time.Now()
		plain = append(plain, atOnce(len(rows), func(i int) { s.insert(rows[i]) })...)
		inserting += time.Since(begun)
		b.StartTimer()
	}
	slices.Sort(waits)
	slices.Sort(plain)
	count := float64(len(waits))
	b.ReportMetric(count/submitting.Seconds(), "submits/s")
	b.ReportMetric(count/inserting.Seconds(), "plain-inserts/s")
	b.ReportMetric(float64(inserting)/float64(submitting), "of-plain")
	b.ReportMetric(float64(waits[len(waits)*99/100].Milliseconds()), "p99-ms")
	b.ReportMetric(float64(waits[len(waits)/2].Milliseconds()), "median-ms")
	b.ReportMetric(float64(plain[len(plain)*99/100].Milliseconds()), "plain-p99-ms")
}

// atOnce has as many do something at the same time, and returns how long each took.
func atOnce(n int, do func(int)) []time.Duration {
	took := make([]time.Duration, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			begun := time.Now()
			do(i)
			took[i] = time.Since(begun)
		})
	}
	all.Wait()
	return took
}

// submitter submits requests for changes of clusters that differ each time.
type submitter struct {
	*planner
	clusters []struct{ ID, Pool string }
	sent     atomic.Int64
	since    time.Time
}

func (p *planner) submitter() *submitter {
	p.b.Helper()
	s := &submitter{planner: p}
	rows, err := p.pool.Query(p.b.Context(), `SELECT c.id, n.id AS pool FROM clusters c JOIN node_pools n ON n.cluster_id = c.id AND n.name = 'web'
		ORDER BY substr(c.name, 3)::int`)
	p.must(err)
	s.clusters, err = pgx.CollectRows(rows, pgx.RowToStructByName[struct{ ID, Pool string }])
	p.must(err)
	for _, table := range writtenTables {
		_, err := dbtest.Owner(p.b).Exec(p.b.Context(), fmt.Sprintf(`CREATE TABLE plain_%[1]s (LIKE %[1]s INCLUDING ALL EXCLUDING IDENTITY EXCLUDING GENERATED EXCLUDING STATISTICS);
			GRANT INSERT ON plain_%[1]s TO PUBLIC`, table))
		p.must(err)
	}
	p.exec(`UPDATE teams SET quota = $1`, portal.Quota{})
	return s
}

// writtenTables are those that a submission writes, in the order in which they are
// written.
var writtenTables = []string{"requests", "reservations", "events", "event_queue", "notifications"}

// submit has a person submit a change of a cluster of their team.
func (s *submitter) submit(i int) {
	n := int(s.sent.Add(1))
	c := s.clusters[i] // one of team i modulo 50, as person i is
	who := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: fmt.Sprint("person-", i)}, Name: fmt.Sprint("person-", i),
		Groups: []string{fmt.Sprint("team-", i%50)}, SignedInAt: time.Now()}
	form := portal.Form{"submit_key": {uuid.NewString()}, "justification": {"more visitors"}, "name": {"web"}, "count": {fmt.Sprint(4 + n%20)}}
	_, err := s.service.Submit(s.b.Context(), who, request.SubmitInput{Operation: portal.UpdateNodePool, ClusterID: c.ID, PoolID: c.Pool, Form: form})
	if err != nil {
		s.b.Error(err)
	}
}

// written are the rows that the submissions since the last call have written, as JSON:
// of each the row of every table.
func (s *submitter) written() [][][]byte {
	s.b.Helper()
	rows, err := s.pool.Query(s.b.Context(), `SELECT ARRAY[jsonb_build_array(to_jsonb(r)),
			(SELECT jsonb_agg(to_jsonb(v)) FROM reservations v WHERE v.request_id = r.id),
			(SELECT jsonb_agg(to_jsonb(e)) FROM events e WHERE e.request_id = r.id),
			(SELECT jsonb_agg(to_jsonb(q)) FROM event_queue q JOIN events e ON e.id = q.event_id WHERE e.request_id = r.id),
			(SELECT jsonb_agg(to_jsonb(n)) FROM notifications n WHERE n.request_id = r.id)]
		FROM requests r WHERE r.created_at > $1`, s.since)
	s.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[[][]byte])
	s.must(err)
	s.since = time.Now()
	return list
}

// insert writes the rows of a submission into tables of the same form.
func (s *submitter) insert(rows [][]byte) {
	err := db.WithTx(s.b.Context(), s.pool, func(tx pgx.Tx) error {
		for i, table := range writtenTables {
			if rows[i] == nil {
				continue
			}
			if _, err := tx.Exec(s.b.Context(), `INSERT INTO plain_`+table+` SELECT * FROM jsonb_populate_recordset(NULL::plain_`+table+`, $1)`, rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.b.Error(err)
	}
}
