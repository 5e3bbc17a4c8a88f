package audit

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// readFirst is how many of the newest events are read for words before the index of
// words is asked.
const readFirst = 5000

// search finds what a filter matches, newest first. at is when an event was.
//
// Words that many events have are found by reading the newest, and the index of words
// would find far too many; words that few have are found by that index. Which of the two
// they are the newest events tell. From the index the newest are taken by time, more
// of it each turn, since what it finds it finds in no order.
func search[T any](ctx context.Context, q db.Querier, read pgx.RowToFunc[T], sql func(source string) string, f portal.EventFilter, at func(T) time.Time) ([]T, error) {
	if f.Text == "" {
		return find(ctx, q, read, sql, f, "", nil)
	}
	found, err := readNewest(ctx, q, read, sql, f)
	if err != nil || len(found) == f.Limit {
		return found, err
	}
	return searchIndex(ctx, q, read, sql, f, at)
}

// readNewest looks for words in the newest events that match otherwise.
func readNewest[T any](ctx context.Context, q db.Querier, read pgx.RowToFunc[T], sql func(source string) string, f portal.EventFilter) ([]T, error) {
	has, args := []string{"true"}, pgx.NamedArgs{"limit": readFirst, "most": f.Limit}
	for i, word := range textWords(f.Text) {
		name := "word" + strconv.Itoa(i)
		has = append(has, `strpos(' ' || lower(`+wordsOfEvent+`), @`+name+`) > 0`)
		args[name] = " " + strings.ToLower(word)
	}
	others := f
	others.Text = ""
	return find(ctx, q, read, func(source string) string {
		return sql(`SELECT * FROM (SELECT * FROM (` + source + `) each ORDER BY at DESC, id DESC LIMIT @limit) e WHERE ` + strings.Join(has, " AND ") + ` ORDER BY at DESC, id DESC LIMIT @most`)
	}, others, "", args)
}

// searchIndex looks for words by their index, in the newest month, the two before, the
// four before these, and so on. Months are those in which events were recorded, by which
// they are apart; what tells of a time before the months that were searched waits for
// these.
func searchIndex[T any](ctx context.Context, q db.Querier, read pgx.RowToFunc[T], sql func(source string) string, f portal.EventFilter, at func(T) time.Time) ([]T, error) {
	var found []T
	end, err := db.One(ctx, q, pgx.RowTo[time.Time], `SELECT clock_timestamp() + interval '1 hour'`)
	if err != nil {
		return nil, err
	}
	from := end
	for months, last := 1, false; !last; months *= 2 {
		to := from
		from = to.AddDate(0, -months, 0)
		last = months > 1<<9
		if last {
			from = time.Unix(0, 0)
		}
		part, err := find(ctx, q, read, sql, f, ` AND e.id >= @first::uuid AND e.id < @last::uuid`, pgx.NamedArgs{"first": firstID(from).String(), "last": firstID(to).String()})
		if err != nil {
			return nil, err
		}
		found = append(found, part...)
		slices.SortStableFunc(found, func(a, b T) int { return at(b).Compare(at(a)) })
		if len(found) >= f.Limit && !at(found[f.Limit-1]).Before(from) {
			break
		}
	}
	return found[:min(f.Limit, len(found))], nil
}

// HasWords reports whether a text has anything that a search can look for.
func HasWords(text string) bool { return len(textWords(text)) > 0 }

// mostWords is how many words of a text are looked for.
const mostWords = 10

// textWords are the words of a text.
func textWords(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return list[:min(mostWords, len(list))]
}

// textQuery looks for events that have, for each word of a text, one that begins
// with it, in whatever case. It is empty when the text has no word.
func textQuery(text string) string {
	var terms []string
	for _, word := range textWords(text) {
		terms = append(terms, "'"+word+"':*")
	}
	return strings.Join(terms, " & ")
}
