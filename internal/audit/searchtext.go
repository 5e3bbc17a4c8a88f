package audit

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// How many of the newest events are read for words: at first, to tell by them whether
// the words are common, and if they are, at the most.
const (
	readFirst = 500
	readMost  = 10_000
)

// findWords is find for a filter with words.
//
// Words that many events have are found by reading the newest, and the index of words
// would find far too many; words that few have are found by that index.
func findWords(ctx context.Context, q db.Querier, f portal.EventFilter, args pgx.NamedArgs) ([]match, error) {
	found, last, common, err := readNewest(ctx, q, f, args, readFirst)
	if err != nil || len(found) >= f.Limit || last == nil {
		return found[:min(f.Limit, len(found))], err
	}
	if needed := f.Limit * readFirst / max(1, len(found)); needed <= readMost/2 {
		older, below := f, maps.Clone(args)
		older.Before, below["before"], below["before_at"] = last.ID, last.ID, last.At
		more, last, _, err := readNewest(ctx, q, older, below, readMost)
		if found = append(found, more...); err != nil || len(found) >= f.Limit || last == nil {
			return found[:min(f.Limit, len(found))], err
		}
	}
	return findIndexed(ctx, q, f, common, args)
}

// readNewest looks for the words of a filter in so many of the newest events that match
// it otherwise. last is the oldest that it has read, nil when there are no more; common
// are the words that many of them have.
func readNewest(ctx context.Context, q db.Querier, f portal.EventFilter, args pgx.NamedArgs, count int) (found []match, last *match, common []string, err error) {
	type candidate struct {
		match
		Words string
	}
	args = maps.Clone(args)
	args["limit"] = count
	words := textWords(strings.ToLower(f.Text))
	f.Text = ""
	read, err := newest(ctx, q, pgx.RowToStructByName[candidate], matchColumns+`, concat_ws(' ', e.summary, e.reason, e.actor_name, e.actor_email, e.target_name, e.target_id) AS words`, f, "", args)
	if err != nil {
		return nil, nil, nil, err
	}
	having := make([]int, len(words)) // how many of the events have each word
	for _, c := range read {
		all := true
		for i, text := 0, strings.ToLower(c.Words); i < len(words); i++ {
			if hasWord(text, words[i]) {
				having[i]++
			} else {
				all = false
			}
		}
		if all {
			found = append(found, c.match)
		}
	}
	if len(read) == count {
		last = &read[count-1].match
	}
	const few = 50 // of so many events one has a word that is common
	for i, word := range words {
		if having[i] > len(read)/few {
			common = append(common, word)
		}
	}
	return found, last, common, nil
}

// hasWord reports whether a word begins one of a text.
func hasWord(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at+i])
		if !inWord(before) {
			return true
		}
		at += i + len(word)
	}
}

// inWord reports whether a character is part of words, and does not part them.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// findIndexed looks for words by their index, in the newest month, the two before, the
// four before these, and so on, since what the index finds it finds in no order. Months
// are those in which events were recorded, by which they are apart; what tells of a time
// before the months that were searched waits for these.
//
// Where some of the words are common and others are not, the index is asked for the others
// alone: it would collect all events that have a word that begins like a common one.
func findIndexed(ctx context.Context, q db.Querier, f portal.EventFilter, common []string, args pgx.NamedArgs) ([]match, error) {
	var found []match
	and := ` AND e.id >= @first::uuid AND e.id < @last::uuid`
	rare := slices.DeleteFunc(textWords(f.Text), func(word string) bool { return slices.Contains(common, strings.ToLower(word)) })
	if len(rare) > 0 {
		args["text"] = textQuery(strings.Join(rare, " "))
		for i, word := range common {
			name := "common" + strconv.Itoa(i)
			and += ` AND strpos(' ' || lower(` + wordsOfEvent + `), @` + name + `) > 0`
			args[name] = " " + word
		}
	}
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
		args["first"], args["last"] = firstID(from).String(), firstID(to).String()
		part, err := newest(ctx, q, pgx.RowToStructByName[match], matchColumns, f, and, args)
		if err != nil {
			return nil, err
		}
		found = append(found, part...)
		slices.SortStableFunc(found, func(a, b match) int { return b.At.Compare(a.At) })
		if len(found) >= f.Limit && !found[f.Limit-1].At.Before(from) {
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
	list := strings.FieldsFunc(text, func(r rune) bool { return !inWord(r) })
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
